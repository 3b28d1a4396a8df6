"""The accounts of the demo's cloud, and the history of each: data, no code."""

from __future__ import annotations

from functools import partial

from pciops.demo.account import (
    EXEMPT_FROM_EXPIRY,
    EXEMPT_FROM_INACTIVITY,
    EXEMPT_FROM_LOCKOUT,
    LOCKOUT_ATTEMPTS,
    Account,
    AttemptSource,
    Grant,
    History,
)

# The project of each domain; its accounts have roles there.
PROJECTS = {"Default": "services", "corp": "platform", "shop": "webshop"}

_SERVICE = (Grant(role="service", project="services"), Grant(role="admin", project="services"))
_STORAGE = (Grant(role="service", project="services"),)
_READER = (Grant(role="reader", project="services"),)
_CORP = (Grant(role="member", project="platform"),)
_SHOP = (Grant(role="member", project="webshop"),)

_service = partial(Account, domain="Default", grants=_SERVICE)
_corp = partial(Account, domain="corp", grants=_CORP)
_shop = partial(Account, domain="shop", grants=_SHOP)

_LIBRARY = "keystoneauth1/5.18.0 python-requests/2.34.2 CPython/3.11.2"
_COMPUTE = AttemptSource(address="10.20.3.14", agent=f"nova-compute {_LIBRARY}", later=4)
_VOLUME = AttemptSource(address="10.20.3.15", agent=f"cinder-volume {_LIBRARY}", later=3)
_GATEWAY = AttemptSource(address="10.20.5.2", agent="radosgw/19.2", every=90, later=2)
# An old password in a crontab; its attempts continue while the demo runs.
STALE = AttemptSource(address="10.30.1.9", agent=f"billing-sync {_LIBRARY}", later=4)
_GUESSER = AttemptSource(
    address="203.0.113.77", agent="python-requests/2.32.3", every=2, same=False, later=20
)
_OUTSIDE = AttemptSource(address="198.51.100.23", agent="curl/8.5.0", every=3, same=False)

# Password spraying: one password for many accounts, and for enough unknown names to make a storm
# (`PCIOPS_STORM_NAMES`).
SPRAYER = AttemptSource(address="203.0.113.66", agent="Go-http-client/1.1", every=1)
SPRAYED = ("lucas.meyer", "נועה לוי", "ليلى منصور", "tomasz.kowalski", "ana.sousa")
UNKNOWN_NAMES = (
    *("root", "admin1", "test", "guest", "oracle", "postgres", "ubuntu", "jenkins", "backup"),
    *("support", "operator", "svc_deploy"),
    *(f"user{number:02}" for number in range(1, 43)),
)
# Two typing errors, then the right password.
TYPIST = "priya.raman"
# They sign in from the same address as those who mistype: an office.
COLLEAGUES = ("margaret.chen", "chen.wei", "vera.lindqvist", "sofia.garcia", "yuki.tanaka")

_DEFAULT = [
    _service(
        name="nova",
        description="Compute service",
        email="cloud-ops@corp.example",
        application_credential="nova-compute",
        history=History(created=910, password=12, failures=LOCKOUT_ATTEMPTS, source=_COMPUTE),
    ),
    _service(
        name="cinder",
        description="Block storage service",
        email="cloud-ops@corp.example",
        history=History(created=910, password=12, failures=LOCKOUT_ATTEMPTS, source=_VOLUME),
    ),
    _service(
        name="neutron",
        description="Networking service",
        email="cloud-ops@corp.example",
        history=History(created=910, password=12),
    ),
    _service(
        name="glance",
        description="Image service",
        email="cloud-ops@corp.example",
        application_credential="glance-cache",
        history=History(created=910, password=83),
    ),
    _service(
        name="placement",
        description="Placement service; its password is older than the expiry rule",
        history=History(created=910, password=910, expires=False),
    ),
    _service(
        name="heat",
        description="Orchestration service",
        options=(EXEMPT_FROM_EXPIRY,),
        history=History(created=880, password=240),
    ),
    _service(
        name="swift",
        description="Object storage service",
        grants=_STORAGE,
        history=History(created=870, password=41),
    ),
    _service(
        name="octavia",
        description="Load balancer service",
        history=History(created=610, password=88),
    ),
    _service(
        name="barbican",
        description="Key manager service; its last caller was switched off in August",
        application_credential="barbican-backup",
        history=History(created=610, active=86, password=66),
    ),
    _service(
        name="designate",
        description="DNS service",
        options=(EXEMPT_FROM_INACTIVITY,),
        history=History(created=610, active=151, password=20),
    ),
    _service(
        name="manila",
        description="Shared file systems service; the pilot ended in summer",
        history=History(created=530, active=127, password=240),
    ),
    _service(
        name="ironic",
        description="Bare metal service; waits for hardware",
        enabled=False,
        history=History(created=300, active=None, password=300),
    ),
    _service(
        name="ceph-rgw",
        description="Object gateway of the storage cluster",
        email="storage@corp.example",
        grants=_STORAGE,
        history=History(
            created=700, active=9, password=99, failures=LOCKOUT_ATTEMPTS, source=_GATEWAY
        ),
    ),
    _service(
        name="prometheus-exporter",
        description="Monitoring; exempt from lockout because it must see an outage",
        email="monitoring@corp.example",
        grants=_READER,
        options=(EXEMPT_FROM_LOCKOUT, EXEMPT_FROM_EXPIRY),
        history=History(created=640, password=400, failures=27, source=_OUTSIDE),
    ),
    _service(
        name="backup-agent",
        description="Nightly backups",
        email="storage@corp.example",
        grants=_READER,
        history=History(created=500, password=7, failures=LOCKOUT_ATTEMPTS - 1),
    ),
    _service(
        name="tempest",
        description="Test runs, switched off after the upgrade",
        enabled=False,
        grants=_READER,
        history=History(created=450, active=33, password=70, failures=LOCKOUT_ATTEMPTS),
    ),
    _service(
        name="terraform",
        description="Provisioning pipeline",
        email="platform@corp.example",
        grants=_READER,
        options=(EXEMPT_FROM_INACTIVITY, EXEMPT_FROM_EXPIRY),
        history=History(created=380, active=1, password=210),
    ),
    _service(
        name="vera.lindqvist",
        description="Second administrator of the cloud",
        email="vera.lindqvist@corp.example",
        grants=(Grant(role="admin", on_system=True),),
        history=History(created=800, active=1, password=52),
    ),
    _service(
        name="auditor",
        description="Reads everything, changes nothing",
        email="audit@corp.example",
        grants=(Grant(role="reader", on_system=True),),
        history=History(created=330, active=85, password=86),
    ),
]

_CORP_ACCOUNTS = [
    _corp(
        name="margaret.chen",
        description="Administrator of the domain corp",
        email="margaret.chen@corp.example",
        grants=(Grant(role="admin", on_domain=True), *_CORP),
        history=History(created=790, password=25),
    ),
    _corp(
        name="daniel.okafor",
        description="Data engineering",
        email="daniel.okafor@corp.example",
        history=History(created=640, password=44, failures=LOCKOUT_ATTEMPTS, source=_GUESSER),
    ),
    _corp(
        name="O'Brien <ops>",
        description='On-call & "night" shift',
        email="o'brien+<ops>@corp.example",
        history=History(created=560, active=1, password=61, failures=LOCKOUT_ATTEMPTS),
    ),
    _corp(
        name="נועה לוי",
        description="Security engineering",
        email="noa.levi@corp.example",
        history=History(created=250, active=4, password=3),
    ),
    _corp(
        name="ليلى منصور",
        description="Network planning; no e-mail on file",
        history=History(created=190, active=6, password=84),
    ),
    _corp(
        name="maximiliane-theodora.von-und-zu-hohenstein-rosenberg-vorarlberg_"
        "external-contractor_platform-engineering-emea_2026-q3",
        description="A name as the directory of a supplier writes it",
        email="maximiliane-theodora.von-und-zu-hohenstein-rosenberg-vorarlberg@supplier.example",
        history=History(created=80, active=3, password=80),
    ),
    _corp(
        name="priya.raman",
        description="Platform engineering",
        email="priya.raman@corp.example",
        history=History(created=400, password=78),
    ),
    _corp(
        name="tomasz.kowalski",
        description="Platform engineering; on leave",
        email="tomasz.kowalski@corp.example",
        history=History(created=720, active=31, password=104),
    ),
    _corp(
        name="ana.sousa",
        description="Moved to another team",
        email="ana.sousa@corp.example",
        history=History(created=650, active=143, password=180),
    ),
    _corp(
        name="lucas.meyer",
        description="Finance; signs in once a quarter",
        email="lucas.meyer@corp.example",
        history=History(created=370, active=86, password=88),
    ),
    _corp(
        name="chen.wei",
        description="Platform engineering",
        email="chen.wei@corp.example",
        history=History(created=210, password=15),
    ),
    _corp(
        name="julia.novak",
        description="Left the company",
        email="julia.novak@corp.example",
        enabled=False,
        grants=(),
        history=History(created=600, active=58, password=140),
    ),
    _corp(
        name="=SUM(A1:A9)",
        description='Left behind by a penetration test <img src=x onerror="alert(1)">',
        email='"><b>pentest</b>@corp.example',
        grants=(),
        history=History(created=47, active=46, password=47),
    ),
]

_SHOP_ACCOUNTS = [
    _shop(
        name="billing-sync",
        description="Writes invoices to the ledger every five minutes",
        email="billing@shop.example",
        history=History(created=480, password=2, failures=LOCKOUT_ATTEMPTS, source=STALE),
    ),
    _shop(
        name="checkout-api",
        description="Takes orders",
        email="checkout@shop.example",
        history=History(created=480, password=33),
    ),
    _shop(
        name="inventory-sync",
        description="Replaced by the new warehouse system",
        email="warehouse@shop.example",
        grants=(),
        history=History(created=470, active=204, password=260),
    ),
    _shop(
        name="price-importer",
        description="Reads suppliers' price lists",
        options=(EXEMPT_FROM_EXPIRY,),
        history=History(created=465, active=1, password=465),
    ),
    _shop(
        name="lena.fischer",
        description="Customer care",
        email="lena.fischer@shop.example",
        history=History(created=240, password=57, failures=LOCKOUT_ATTEMPTS),
    ),
    _shop(
        name="marco.rossi",
        description="Customer care",
        email="marco.rossi@shop.example",
        history=History(created=230, active=1, password=50, failures=LOCKOUT_ATTEMPTS, lapsed=True),
    ),
    _shop(
        name="sofia.garcia",
        description="Marketing",
        email="sofia.garcia@shop.example",
        history=History(created=180, active=2, password=81),
    ),
    _shop(
        name="yuki.tanaka",
        description="Web design",
        email="yuki.tanaka@shop.example",
        history=History(created=150, active=4, password=60),
    ),
    _shop(
        name="intern-2026",
        description="Never signed in",
        history=History(created=110, active=None, password=110),
    ),
]

ACCOUNTS: tuple[Account, ...] = (*_DEFAULT, *_CORP_ACCOUNTS, *_SHOP_ACCOUNTS)
