"""The servers of the live tests: each is started once, when a test first needs it.

A server that is missing on this machine fails a test with a sentence. Two tests take minutes and
are skipped, unless TEST_LONG=yes: those of the image and of two of everything. All live tests run
on one worker of pytest-xdist (see tests/conftest.py), so the servers exist once.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from pciops.demo.keystone import Keystone
from tests.support.browser import LOOKS, chromium, context_of
from tests.support.cloud import ATTEMPTS, DATABASE_PASSWORD, Cloud, Person, keystone_on
from tests.support.mariadb import MariaDB
from tests.support.postgresql import PostgreSQL, postgresql
from tests.support.proxy import TcpProxy
from tests.support.rabbitmq import RabbitMQ
from tests.support.site import READER, READERS_PASSWORD, Site, environment, manage
from tests.support.visitor import Visitor

HERE = Path(__file__).parent
METRICS_TOKEN = "of-the-live-tests-0123456789"
PUBLISHING = """\
[DEFAULT]
notification_format = cadf
notification_opt_out =

[oslo_messaging_notifications]
driver = messagingv2
transport_url = {url}
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder as live."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.live)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the site's log with a failure."""
    report = yield
    site = getattr(item, "funcargs", {}).get("site")
    if report.failed and isinstance(site, Site):
        report.sections.append(("The end of the site's log", site.logs()[-4000:]))
    return report


# --- Servers ------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """A private MariaDB."""
    with MariaDB() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgreSQL]:
    """A private PostgreSQL."""
    with postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    """A private RabbitMQ."""
    with RabbitMQ() as server:
        yield server


@pytest.fixture
def cluster() -> Iterator[list[RabbitMQ]]:
    """A private RabbitMQ cluster of three nodes, which tests stop."""
    with RabbitMQ() as first, RabbitMQ(member_of=first) as two, RabbitMQ(member_of=first) as three:
        yield [first, two, three]


@pytest.fixture(scope="session")
def keystone(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keystone]:
    """A real Keystone on that MariaDB, which locks after three failures."""
    with keystone_on(
        mariadb,
        "keystone",
        tmp_path_factory.mktemp("keystone"),
        security_compliance={
            "lockout_failure_attempts": ATTEMPTS,
            "lockout_duration": 1800,
            "disable_user_account_days_inactive": 90,
            "password_expires_days": 90,
            "password_regex_description": "A word, a number and a sign.",
            "unique_last_password_count": 3,
        },
    ) as server:
        yield server


@pytest.fixture(scope="session")
def notifying(
    mariadb: MariaDB, rabbitmq: RabbitMQ, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Keystone]:
    """A second Keystone, which publishes every notification that it can to RabbitMQ."""
    url = rabbitmq.url.replace("amqp:", "rabbit:").rstrip("/") + "/"
    with keystone_on(
        mariadb,
        "notifying",
        tmp_path_factory.mktemp("notifying"),
        security_compliance={
            "lockout_failure_attempts": ATTEMPTS,
            "lockout_duration": 1800,
            "unique_last_password_count": 3,
            "password_regex": r"^(?=.*\d).{7,}$$",
            "password_regex_description": "Seven characters, one a number.",
            "report_invalid_password_hash": "event",
            "invalid_password_hash_secret_key": "only-of-this-test",
        },
        further=PUBLISHING.format(url=url),
    ) as server:
        yield server


@pytest.fixture(scope="session")
def tables(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The tables of pciops on MariaDB, as SQL that runs in a moment; `migrate` takes seconds."""
    env = environment(
        tmp_path_factory.mktemp("tables"),
        {
            "OS_AUTH_URL": "https://keystone.example:5000/v3",
            "PCIOPS_DATABASE_URL": mariadb.create_database("tables", password="ours"),
            "PCIOPS_KEYSTONE_DATABASE_URL": "mysql://nobody@127.0.0.1:9/keystone",
            "PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS": "6",
        },
    )
    assert manage(env, "migrate", "-v0").code == 0
    return mariadb.dump("tables")


@pytest.fixture(scope="module")
def events_environment(
    mariadb: MariaDB,
    tables: bytes,
    rabbitmq: RabbitMQ,
    notifying: Keystone,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """The environment of a pciops that reads that Keystone, with tables and a queue of its own."""
    folder = tmp_path_factory.mktemp("events")
    return environment(
        folder,
        {
            "OS_AUTH_URL": notifying.url,
            "PCIOPS_DATABASE_URL": mariadb.create_database(
                "events", password="ours", tables=tables
            ),
            "PCIOPS_KEYSTONE_CONF": str(notifying.conf),
            "PCIOPS_KEYSTONE_DATABASE_URL": mariadb.url(
                "notifying", user="notifying", password=DATABASE_PASSWORD
            ),
            "PCIOPS_NOTIFICATIONS_QUEUE": folder.name,
            "PCIOPS_NOTIFICATIONS_URL": rabbitmq.url,
        },
    )


@pytest.fixture(scope="session")
def cloud(keystone: Keystone, mariadb: MariaDB) -> Cloud:
    """That Keystone as its administrator uses it."""
    return Cloud(keystone, mariadb)


@pytest.fixture(scope="session")
def site(
    mariadb: MariaDB, keystone: Keystone, tables: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The dashboard on a MariaDB database of its own, with only the rights that `grants` gives."""
    keystone_port = int(keystone.url.split(":")[2].split("/")[0])
    with TcpProxy(keystone_port) as api, TcpProxy(mariadb.port) as database:
        folder = tmp_path_factory.mktemp("site")
        site = Site(
            folder=folder,
            settings={
                "PCIOPS_METRICS_TOKEN": METRICS_TOKEN,
                "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"),
                "OS_AUTH_URL": f"http://127.0.0.1:{api.port}/v3",
                "PCIOPS_DATABASE_URL": mariadb.create_database(
                    "pciops", password="ours", tables=tables
                ),
                "PCIOPS_KEYSTONE_CONF": str(keystone.conf),
                "PCIOPS_KEYSTONE_DATABASE_URL": mariadb.url(
                    "keystone", user=READER, password=READERS_PASSWORD, port=database.port
                ),
                # One administrator unlocks for all tests.
                "PCIOPS_OPERATOR_UNLOCKS_PER_HOUR": "100000",
                "PCIOPS_PROXIES": "1",  # so that each visitor can have an address of its own
            },
            keystone_api=api,
            keystone_database=database,
            workers=2,
        )
        site.grant(mariadb)
        with site:
            yield site
            # As an interpreter ends, a socket may go before its owner, which would have closed it.
            assert "ResourceWarning" not in site.logs()
    assert "Traceback" not in site.logs()  # whatever the tests did to it


# --- Clients ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def operator(cloud: Cloud) -> Person:
    """One administrator for the tests of a module."""
    return cloud.create_operator("alice")


@pytest.fixture(scope="module")
def visitor(site: Site, operator: Person) -> Visitor:
    """That administrator, signed in once."""
    visitor = site.visitor()
    visitor.sign_in(operator)
    return visitor


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium.

    Playwright's event loop runs as long as it does; without the variable Django refuses queries.
    """
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "yes"
    with chromium() as running:
        yield running
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A new window that is not signed in; a page that causes a browser error fails the test."""
    with context_of(browser, site.url) as context:
        yield context.new_page()


@pytest.fixture
def plain_page(browser: Browser, site: Site) -> Iterator[Page]:
    """A new window without JavaScript that is not signed in."""
    with context_of(browser, site.url, java_script_enabled=False) as context:
        yield context.new_page()


@pytest.fixture
def signed_in(browser: Browser, site: Site, visitor: Visitor) -> Iterator[Page]:
    """A new window with the session of the administrator."""
    with context_of(browser, site.url, session=visitor.session) as context:
        yield context.new_page()


@pytest.fixture(params=LOOKS)
def window(
    request: pytest.FixtureRequest, browser: Browser, site: Site, visitor: Visitor
) -> Iterator[Page]:
    """A window with that session, once light and wide, once dark and narrow."""
    with context_of(browser, site.url, session=visitor.session, **LOOKS[request.param]) as context:
        yield context.new_page()
