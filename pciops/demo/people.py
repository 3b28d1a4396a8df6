"""The accounts of the demo's cloud, and the history of each: data, no code."""

from __future__ import annotations

from functools import partial
from typing import Any

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

_OPERATORS = "cloud-ops@corp.example"
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


def _employee(name: str, description: str, history: History, **more: Any) -> Account:
    return _corp(name, description, history, email=f"{name}@corp.example", **more)


def _shop_employee(name: str, description: str, history: History) -> Account:
    return _shop(name, description, history, email=f"{name}@shop.example")


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
        "nova",
        "Compute service",
        History(created=910, password=12, failures=LOCKOUT_ATTEMPTS, source=_COMPUTE),
        email=_OPERATORS,
        application_credential="nova-compute",
    ),
    _service(
        "cinder",
        "Block storage service",
        History(created=910, password=12, failures=LOCKOUT_ATTEMPTS, source=_VOLUME),
        email=_OPERATORS,
    ),
    _service("neutron", "Networking service", History(created=910, password=12), email=_OPERATORS),
    _service(
        "glance",
        "Image service",
        History(created=910, password=83),
        email=_OPERATORS,
        application_credential="glance-cache",
    ),
    _service(
        "placement",
        "Placement service; its password is older than the expiry rule",
        History(created=910, password=910, expires=False),
    ),
    _service(
        "heat",
        "Orchestration service",
        History(created=880, password=240),
        options=(EXEMPT_FROM_EXPIRY,),
    ),
    _service("swift", "Object storage service", History(created=870, password=41), grants=_STORAGE),
    _service("octavia", "Load balancer service", History(created=610, password=88)),
    _service(
        "barbican",
        "Key manager service; its last caller was switched off in August",
        History(created=610, active=86, password=66),
        application_credential="barbican-backup",
    ),
    _service(
        "designate",
        "DNS service",
        History(created=610, active=151, password=20),
        options=(EXEMPT_FROM_INACTIVITY,),
    ),
    _service(
        "manila",
        "Shared file systems service; the pilot ended in summer",
        History(created=530, active=127, password=240),
    ),
    _service(
        "ironic",
        "Bare metal service; waits for hardware",
        History(created=300, active=None, password=300),
        enabled=False,
    ),
    _service(
        "ceph-rgw",
        "Object gateway of the storage cluster",
        History(created=700, active=9, password=99, failures=LOCKOUT_ATTEMPTS, source=_GATEWAY),
        email="storage@corp.example",
        grants=_STORAGE,
    ),
    _service(
        "prometheus-exporter",
        "Monitoring; exempt from lockout because it must see an outage",
        History(created=640, password=400, failures=27, source=_OUTSIDE),
        email="monitoring@corp.example",
        grants=_READER,
        options=(EXEMPT_FROM_LOCKOUT, EXEMPT_FROM_EXPIRY),
    ),
    _service(
        "backup-agent",
        "Nightly backups",
        History(created=500, password=7, failures=LOCKOUT_ATTEMPTS - 1),
        email="storage@corp.example",
        grants=_READER,
    ),
    _service(
        "tempest",
        "Test runs, switched off after the upgrade",
        History(created=450, active=33, password=70, failures=LOCKOUT_ATTEMPTS),
        enabled=False,
        grants=_READER,
    ),
    _service(
        "terraform",
        "Provisioning pipeline",
        History(created=380, active=1, password=210),
        email="platform@corp.example",
        grants=_READER,
        options=(EXEMPT_FROM_INACTIVITY, EXEMPT_FROM_EXPIRY),
    ),
    _service(
        "vera.lindqvist",
        "Second administrator of the cloud",
        History(created=800, active=1, password=52),
        email="vera.lindqvist@corp.example",
        grants=(Grant(role="admin", on_system=True),),
    ),
    _service(
        "auditor",
        "Reads everything, changes nothing",
        History(created=330, active=85, password=86),
        email="audit@corp.example",
        grants=(Grant(role="reader", on_system=True),),
    ),
]

_CORP_ACCOUNTS = [
    _employee(
        "margaret.chen",
        "Administrator of the domain corp",
        History(created=790, password=25),
        grants=(Grant(role="admin", on_domain=True), *_CORP),
    ),
    _employee(
        "daniel.okafor",
        "Data engineering",
        History(created=640, password=44, failures=LOCKOUT_ATTEMPTS, source=_GUESSER),
    ),
    _corp(
        "O'Brien <ops>",
        'On-call & "night" shift',
        History(created=560, active=1, password=61, failures=LOCKOUT_ATTEMPTS),
        email="o'brien+<ops>@corp.example",
    ),
    _corp(
        "נועה לוי",
        "Security engineering",
        History(created=250, active=4, password=3),
        email="noa.levi@corp.example",
    ),
    _corp(
        "ليلى منصور",
        "Network planning; no email address",
        History(created=190, active=6, password=84),
    ),
    _corp(
        "maximiliane-theodora.von-und-zu-hohenstein-rosenberg-vorarlberg_"
        "external-contractor_platform-engineering-emea_2026-q3",
        "A name as the directory of a supplier writes it",
        History(created=80, active=3, password=80),
        email="maximiliane-theodora.von-und-zu-hohenstein-rosenberg-vorarlberg@supplier.example",
    ),
    _employee("priya.raman", "Platform engineering", History(created=400, password=78)),
    _employee(
        "tomasz.kowalski",
        "Platform engineering; on leave",
        History(created=720, active=31, password=104),
    ),
    _employee("ana.sousa", "Moved to another team", History(created=650, active=143, password=180)),
    _employee(
        "lucas.meyer",
        "Finance; signs in once a quarter",
        History(created=370, active=86, password=88),
    ),
    _employee("chen.wei", "Platform engineering", History(created=210, password=15)),
    _employee(
        "julia.novak",
        "Left the company",
        History(created=600, active=58, password=140),
        enabled=False,
        grants=(),
    ),
    _corp(
        "=SUM(A1:A9)",
        'Left behind by a penetration test <img src=x onerror="alert(1)">',
        History(created=47, active=46, password=47),
        email='"><b>pentest</b>@corp.example',
        grants=(),
    ),
]

_SHOP_ACCOUNTS = [
    _shop(
        "billing-sync",
        "Writes invoices to the ledger every five minutes",
        History(created=480, password=2, failures=LOCKOUT_ATTEMPTS, source=STALE),
        email="billing@shop.example",
    ),
    _shop(
        "checkout-api",
        "Takes orders",
        History(created=480, password=33),
        email="checkout@shop.example",
    ),
    _shop(
        "inventory-sync",
        "Replaced by the new warehouse system",
        History(created=470, active=204, password=260),
        email="warehouse@shop.example",
        grants=(),
    ),
    _shop(
        "price-importer",
        "Reads suppliers' price lists",
        History(created=465, active=1, password=465),
        options=(EXEMPT_FROM_EXPIRY,),
    ),
    _shop_employee(
        "lena.fischer",
        "Customer care",
        History(created=240, password=57, failures=LOCKOUT_ATTEMPTS),
    ),
    _shop_employee(
        "marco.rossi",
        "Customer care",
        History(created=230, active=1, password=50, failures=LOCKOUT_ATTEMPTS, lapsed=True),
    ),
    _shop_employee("sofia.garcia", "Marketing", History(created=180, active=2, password=81)),
    _shop_employee("yuki.tanaka", "Web design", History(created=150, active=4, password=60)),
    _shop("intern-2026", "Never signed in", History(created=110, active=None, password=110)),
]

ACCOUNTS: tuple[Account, ...] = (*_DEFAULT, *_CORP_ACCOUNTS, *_SHOP_ACCOUNTS)
