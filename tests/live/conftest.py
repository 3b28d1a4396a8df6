"""The servers of the live tests: each is started once in a worker of pytest-xdist, when needed.

What is missing on this machine fails a test with a sentence; nothing is skipped.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from pciops.demo.keystone import Keystone, is_installed
from tests.support.browser import chromium, context_of
from tests.support.cloud import ATTEMPTS, Cloud, Person
from tests.support.mariadb import MariaDB
from tests.support.processes import ROOT
from tests.support.proxy import Door
from tests.support.rabbitmq import RabbitMQ
from tests.support.site import Site
from tests.support.visitor import Visitor

HERE = Path(__file__).parent
READER = "pciops-reads"  # the login in Keystone's database that `manage.py grants` makes
READERS_PASSWORD = "only-what-it-needs"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all that lies here as live."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.live)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the site's processes have written last."""
    report = yield
    site = getattr(item, "funcargs", {}).get("site")
    if report.failed and isinstance(site, Site):
        report.sections.append(("The end of the site's log", site.logs()[-4000:]))
    return report


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """A private MariaDB."""
    with MariaDB() as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[RabbitMQ]:
    """A private RabbitMQ."""
    with RabbitMQ() as server:
        yield server


@pytest.fixture(scope="session")
def keystone(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keystone]:
    """A real Keystone on that MariaDB, which locks after three failures."""
    environment = Path(os.environ.get("TEST_KEYSTONE", ROOT / "var" / "demo" / "keystone"))
    if not is_installed(environment):
        pytest.fail(f"There is no Keystone in {environment}: run script/test, which installs it.")
    url = mariadb.create_database("keystone", password="keystones-own")
    with Keystone(
        environment,
        tmp_path_factory.mktemp("keystone"),
        database=url.replace("mysql://", "mysql+pymysql://"),
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
def cloud(keystone: Keystone, mariadb: MariaDB) -> Cloud:
    """What people do to that Keystone."""
    [row] = mariadb.execute(
        "SELECT user_id FROM local_user WHERE name = 'admin'", database="keystone"
    )
    admin = Person(
        id=str(row["user_id"]),
        name="admin",
        password=keystone.admin_password,
        domain_id="default",
        domain="Default",
    )
    return Cloud(keystone.url, mariadb, admin)


@pytest.fixture(scope="session")
def keystone_database(mariadb: MariaDB) -> Iterator[Door]:
    """The door through which pciops gets to Keystone's database; Keystone has its own way."""
    with Door(mariadb.port) as door:
        yield door


@pytest.fixture(scope="session")
def keystone_api(keystone: Keystone) -> Iterator[Door]:
    """The door through which pciops gets to Keystone's API."""
    with Door(int(keystone.url.split(":")[2].split("/")[0])) as door:
        yield door


@pytest.fixture(scope="session")
def site(
    mariadb: MariaDB,
    keystone: Keystone,
    keystone_api: Door,
    keystone_database: Door,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """The dashboard, on its own MariaDB database, with no more rights than `grants` gives."""
    ours = mariadb.create_database("pciops", password="ours")
    keystones = mariadb.url(
        "keystone", user=READER, password=READERS_PASSWORD, port=keystone_database.port
    )
    site = Site(
        folder=tmp_path_factory.mktemp("site"),
        settings={
            "OS_AUTH_URL": f"http://127.0.0.1:{keystone_api.port}/v3",
            "PCIOPS_DATABASE_URL": ours,
            "PCIOPS_HTTPS": "no",
            "PCIOPS_KEYSTONE_CONF": str(keystone.conf),
            "PCIOPS_KEYSTONE_DATABASE_URL": keystones,
            "PCIOPS_PROXIES": "1",  # so that each visitor can have an address of their own
            "PCIOPS_SECRET_KEY": "of the live tests, and as long as the real ones have to be",
        },
        keystone_api=keystone_api,
        keystone_database=keystone_database,
    )
    mariadb.execute(f"CREATE USER '{READER}'@'%%' IDENTIFIED BY %s", READERS_PASSWORD)
    grants = site.manage("grants", "--user", READER)
    assert grants.code == 0, grants.stderr
    mariadb.execute(grants.stdout)
    with site:
        yield site
    assert "Traceback" not in site.logs()  # whatever the tests did to it
    assert "ResourceWarning" not in site.logs()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a module, without a window.

    Not for the session: as long as it runs, Django takes its event loop for a reason to refuse
    the unit tests their queries.
    """
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A new window on the site; the test fails where a page made the browser complain."""
    with context_of(browser, site.url) as context:
        yield context.new_page()


@pytest.fixture
def visitor(site: Site, cloud: Cloud) -> Visitor:
    """An operator who has signed in."""
    visitor = site.visitor()
    visitor.sign_in(cloud.create_operator())
    return visitor
