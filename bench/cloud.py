"""The dashboard before a large cloud: MariaDB, a real Keystone on it, and the site in gunicorn."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import django

from bench.fill import ATTEMPTS, DAYS, Say, Size, fill, refresh
from pciops.demo.keystone import Keystone
from tests.support.cloud import DATABASE_PASSWORD, Cloud, Person, keystone_on
from tests.support.mariadb import MariaDB
from tests.support.proxy import TcpProxy
from tests.support.site import READER, READERS_PASSWORD, Site

KEYSTONES, OURS = DATABASE_PASSWORD, "ours"  # passwords of the databases


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Everything that is measured, running."""

    server: MariaDB
    keystone: Keystone
    site: Site
    operator: Person
    token: str  # of the operator, for the whole system


@contextmanager
def running(size: Size, say: Say) -> Iterator[Bench]:
    """Fill a private MariaDB and start the rest; all of it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pciops-bench-"))
    try:
        with MariaDB(buffer_pool="3G") as server:
            keystone = keystone_on(
                server,
                "keystone",
                folder / "keystone",
                security_compliance={
                    "lockout_failure_attempts": ATTEMPTS,
                    "lockout_duration": 1800,
                    "disable_user_account_days_inactive": DAYS,
                    "password_expires_days": DAYS,
                },
            )
            with keystone:
                fill(server, size, say)
                with _site(server, keystone, folder) as site:
                    cloud = Cloud(keystone, server)
                    operator = cloud.create_operator()
                    refresh(server)
                    yield Bench(
                        server=server,
                        keystone=keystone,
                        site=site,
                        operator=operator,
                        token=cloud.token(operator),
                    )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def configure(bench: Bench) -> None:
    """Let pciops' own code run in this process too, over the same login, to take its SQL down."""
    for name in list(os.environ):
        if name.startswith(("PCIOPS_", "OS_")):
            del os.environ[name]
    os.environ.update(bench.site.environment, DJANGO_SETTINGS_MODULE="pciops.settings")
    django.setup()


@contextmanager
def _site(server: MariaDB, keystone: Keystone, folder: Path) -> Iterator[Site]:
    """With the rights that `pciops grants` gives, and no proxy between it and its servers."""
    (folder / "site").mkdir()
    ours = server.create_database("pciops", password=OURS)
    keystone_port = int(keystone.url.split(":")[2].split("/")[0])
    site = Site(
        folder=folder / "site",
        settings={
            "OS_AUTH_URL": keystone.url,
            "PCIOPS_DATABASE_URL": ours,
            "PCIOPS_HTTPS": "no",
            "PCIOPS_KEYSTONE_CONF": str(keystone.conf),
            "PCIOPS_KEYSTONE_DATABASE_URL": server.url(
                "keystone", user=READER, password=READERS_PASSWORD
            ),
            "PCIOPS_PROXIES": "1",
            "PCIOPS_SECRET_KEY": "of the measurements, and as long as the real ones have to be",
        },
        keystone_api=TcpProxy(keystone_port),
        keystone_database=TcpProxy(server.port),
        workers=2,
    )
    site.grant(server)
    with site:
        yield site
