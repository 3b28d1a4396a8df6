"""Runs the demo: starts Keystone and pciops, watches both, stops both."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

import requests
from keystoneauth1 import exceptions

from pciops.demo import ageing, keystone, process
from pciops.demo.account import LOCKOUT_ATTEMPTS, POLICY
from pciops.demo.check import check
from pciops.demo.cloud import Cloud
from pciops.demo.dashboard import MAILS, Dashboard, Worker, celery_worker, consumer
from pciops.demo.failures import fail_sign_ins, keep_failing
from pciops.demo.keystone import Keystone
from pciops.demo.passwords import Passwords, kept_passwords
from pciops.demo.people import ACCOUNTS, STALE
from pciops.demo.process import DemoError, Progress

_MARK = ".made-by-pciops-demo"
# Notifications go into a file, see `Keystone.notifications`. Keystone believes proxy headers, so
# that attempts from one machine have many addresses.
_NOTIFYING = """\
[DEFAULT]
notification_format = cadf
notification_opt_out =

[oslo_messaging_notifications]
driver = log

[oslo_middleware]
enable_proxy_headers_parsing = true
"""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """The options of the command line."""

    port: int
    check: bool
    reset: bool


def run(home: Path, options: DemoOptions, progress: Progress) -> None:
    """Run the demo with its files in this folder, until Ctrl-C or the end of the check.

    Raises:
        DemoError: a step failed; nothing is left running.
        KeyboardInterrupt: a check was interrupted.
    """
    begun = time.monotonic()
    os.umask(0o077)  # the folder will have passwords and keys
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    try:
        with exclusive(home):
            _prepare(home, options, progress)
            _serve(home, options, progress)
    except KeyboardInterrupt:
        if options.check:
            raise
        progress.done()
        return
    progress.say(f"The demo works: checked in {time.monotonic() - begun:.0f} s.")


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def exclusive(home: Path) -> Iterator[None]:
    """Hold a lock, since two demos on the same files would stop and reset each other.

    Raises:
        DemoError: another demo has the lock.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(
                f"A demo is already running in {home}. Stop it with Ctrl-C, or set PCIOPS_VAR to "
                "another folder."
            ) from None
        yield


def _prepare(home: Path, options: DemoOptions, progress: Progress) -> None:
    """Make the folders and Keystone's environment."""
    environment, data = home / "keystone", home / "data"
    if options.reset:
        _reset(environment, data, progress)
    _require_ours(data)
    data.mkdir(exist_ok=True)
    (data / _MARK).touch()
    keystone.install(environment, progress)


def _serve(home: Path, options: DemoOptions, progress: Progress) -> None:
    """Start all programs, check or watch, and in any case stop all in reverse order."""
    with ExitStack() as stack:
        try:
            _start(home, options, progress, stack)
        finally:
            # A second Ctrl-C must not leave programs running.
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            progress.interrupt()
            progress("Stopping")


def _start(home: Path, options: DemoOptions, progress: Progress, stack: ExitStack) -> None:
    data = home / "data"
    database = data / "keystone" / "keystone.sqlite3"
    notified = data / "notifications.jsonl"
    notified.write_bytes(b"")  # those of earlier starts are recorded
    server = Keystone(
        home / "keystone",
        database.parent,
        database=f"sqlite:///{database}",
        security_compliance=POLICY,
        further=_NOTIFYING,
        notifications=notified,
        report=progress,
    )
    stack.callback(server.stop)
    server.start()
    passwords = _populate(server, database, notified, progress)

    dashboard = Dashboard(data, auth_url=server.url, keystone_conf=server.conf, database=database)
    stack.callback(dashboard.stop)
    dashboard.start(None if options.check else options.port, progress)
    workers = (consumer(data, dashboard.env, notified), celery_worker(data, dashboard.env))
    for worker in workers:
        stack.callback(worker.stop)
        worker.start()
    progress.done()
    if options.check:
        check(dashboard.url, server.url, server.admin_password, passwords, progress)
        progress.done()
    else:
        progress.say(_welcome(server, dashboard, passwords, options.port, data))
        _watch(server, dashboard, workers)


def _reset(environment: Path, data: Path, progress: Progress) -> None:
    """Remove the demo's data, and the installed Keystone only if it does not run."""
    _require_ours(data)
    if data.exists():
        shutil.rmtree(data)
        progress.say(f"Removed {data}.")
    if environment.exists() and not keystone.is_installed(environment):
        shutil.rmtree(environment)
        progress.say(f"Removed {environment}, which did not run.")


def _require_ours(data: Path) -> None:
    """Protect files that the demo has not made.

    Raises:
        DemoError: the folder is not empty, and not the demo's.
    """
    if data.is_symlink() or (data.exists() and any(data.iterdir()) and not (data / _MARK).exists()):
        raise DemoError(f"{data} is not from the demo, so it stays.")


def _populate(server: Keystone, database: Path, notified: Path, progress: Progress) -> Passwords:
    """Make accounts, locks and ages as people.py has them, whatever an earlier demo left."""
    try:
        ageing.keep_administrator(database, datetime.now(UTC))
        passwords = kept_passwords(notified.with_name("accounts.json"))
        cloud = Cloud(server.url, server.admin_password)
        cloud.make(passwords, progress)
        failed = fail_sign_ins(cloud, database, passwords, datetime.now(UTC), progress)
        now = datetime.now(UTC)
        ageing.age_accounts(database, now, failed=failed)
        ageing.age_notifications(notified, cloud.accounts(), failed, now)
    except exceptions.ClientException as error:
        end = process.last_lines(server.log)
        raise DemoError(f"Keystone refuses to create the demo's accounts: {error}.{end}") from error
    return passwords


def _watch(server: Keystone, dashboard: Dashboard, workers: Sequence[Worker]) -> NoReturn:
    """Wait for Ctrl-C; meanwhile a script continues to fail with its old password.

    Raises:
        DemoError: one of the programs ended by itself.
    """
    watched = (
        ("Keystone", server.process, server.log),
        ("The dashboard", dashboard.process, dashboard.log),
        *(("A worker", worker.process, worker.log) for worker in workers),
    )
    [stale] = [account for account in ACCOUNTS if account.history.source is STALE]
    next_attempt = time.monotonic()
    while True:
        if time.monotonic() >= next_attempt:
            next_attempt += STALE.every
            with suppress(requests.RequestException):
                keep_failing(server.url, stale)
        for name, child, log in watched:
            if child is not None and child.poll() is not None:
                raise DemoError(f"{name} stopped.{process.last_lines(log)}")
        time.sleep(0.5)


def _welcome(
    server: Keystone, dashboard: Dashboard, passwords: Passwords, port: int, data: Path
) -> str:
    locked = [account.name for account in ACCOUNTS if account.is_locked]
    taken = f"\nPort {port} is in use; this is another one.\n"
    return f"""{"" if f":{port}/" in dashboard.url else taken}
    Address     {dashboard.url}
    User name   admin
    Password    {server.admin_password}
    Domain      Default

Try this:
  - Of {len(ACCOUNTS) + 1} accounts {len(locked)} are locked, among them nova, cinder and \
billing-sync. Unlock one.
  - billing-sync is locked by a script that uses its old password every minute. Its page says so,
    and that it will lock again after an unlock. {dashboard.url}activity/ shows each attempt.
  - margaret.chen in the domain corp administers only that domain. Her password:
    {passwords["corp/margaret.chen"]}
  - {LOCKOUT_ATTEMPTS} wrong passwords lock an account: try chen.wei in the domain corp. \
The dashboard's own
    sign-in delays you after the second.
  - The right password of every account is in {data / "accounts.json"}
  - Emails are not sent. Within minutes they are files in
    {data / MAILS}
  - Keystone itself: {server.url}

Ctrl-C stops the demo. script/demo --reset starts over.
"""
