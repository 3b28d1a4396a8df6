"""Checks of the policy, of the age of the census, and of leftovers in Keystone's tables."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import timezone

from pciops.accounts import housekeeping as leftovers
from pciops.accounts.census.census import STALE
from pciops.accounts.leftovers import LEFTOVERS
from pciops.accounts.models import Census
from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.policy import HASH_KEY, INSECURE, REPORT
from pciops.keystone import releases
from pciops.lib import times
from pciops.lib.doctor import CheckResult, check, ok, problem, warning
from pciops.lib.env import SettingError
from pciops.lib.numbers import counted


@check("policy")
def policy() -> Iterator[CheckResult]:
    """Check that it can be read, and that the files of all nodes agree."""
    try:
        sourced = policies.current_with_sources()
    except SettingError as error:
        yield problem(str(error), "Correct it. Until then pciops shows no account.")
        return
    for name, values in sourced.disagreements.items():
        listed = ", ".join(
            f"{policies.display_value(name, value)} in {path}" for path, value in values
        )
        yield warning(
            f"{name.removesuffix('_set')} differs between the files: {listed}.",
            "Set the same on every Keystone node.",
        )
    if not sourced.disagreements:
        yield ok("The files can be read and agree.")


@check("wrong passwords", after="policy")
def wrong_passwords() -> Iterator[CheckResult]:
    """Check that Keystone can answer a wrong password, and what it reports of it."""
    policy = policies.current()
    reports = REPORT in policy.report_invalid_password_hash
    if policy.wrong_passwords_fail:
        yield problem(
            "Keystone answers every wrong password with HTTP 500 and sends no notification, but "
            "counts the attempt. Accounts lock without an event. report_invalid_password_hash is "
            "event, and invalid_password_hash_secret_key is not set.",
            f"In keystone.conf of every node, under [security_compliance]: {HASH_KEY}",
        )
    elif reports and policy.has_release(releases.PARTIAL_HASHES) is False:
        yield warning(
            "report_invalid_password_hash has no effect before Keystone "
            f"{releases.display(releases.PARTIAL_HASHES)}.",
            "Upgrade Keystone to get hashes of wrong passwords in its notifications.",
        )
    else:
        yield ok("Keystone refuses them without an error.")


@check("delegation", after="policy")
def delegation() -> Iterator[CheckResult]:
    """Check the options of keystone.conf that widen or break delegated sign-ins."""
    policy = policies.current()
    insecure = [name for name in INSECURE if getattr(policy, name)]
    for name in insecure:
        yield warning(
            f"{name} is on. A delegated token (trust, application credential, EC2) can do more "
            "than its owner granted (LP 2150089).",
            f"Remove {name} from keystone.conf.",
        )
    without_ec2 = (
        policy.auth_methods is not None
        and "ec2credential" not in policy.auth_methods
        and bool(policy.has_release(releases.EC2_METHOD))
    )
    if without_ec2:
        yield warning(
            "Keystone answers EC2 and S3 sign-ins (ec2tokens, s3tokens) with 503: [auth] methods "
            "has no ec2credential.",
            "If programs use EC2 credentials, add ec2credential to [auth] methods.",
        )
    if not insecure and not without_ec2:
        yield ok("No option widens the rights of delegated tokens.")


@check("census", after="database")
def census() -> Iterator[CheckResult]:
    """Check that a worker takes one every few minutes."""
    remedy = "Check the worker and beat (docs/install.md). pciops census takes a census now."
    now, newest = timezone.now(), Census.objects.order_by("-counted_at").first()
    if newest is None:
        yield warning("There is no census yet, so the pages have no counts.", remedy)
    elif now - newest.counted_at > STALE:
        yield warning(f"The newest is {times.span(now - newest.counted_at)} old.", remedy)
    else:
        yield ok(f"The newest is {times.span(now - newest.counted_at)} old.")


@check("housekeeping", after="database")
def housekeeping() -> Iterator[CheckResult]:
    """Check the last counts of leftovers in Keystone's tables, without counting."""
    now, in_order = timezone.now(), True
    counted_rows = [(row.leftover, row.count) for row in leftovers.latest() if row.count]
    if not counted_rows:
        yield warning(
            "pciops has not counted the leftovers in Keystone's tables yet.",
            "Check the worker and beat. pciops housekeeping counts now.",
        )
        return
    age = now - min(count.counted_at for _, count in counted_rows)
    if age > leftovers.STALE:
        in_order = False
        yield warning(
            f"The leftovers in Keystone's tables were counted {times.span(age)} ago.",
            "Check the worker and beat. pciops housekeeping counts now.",
        )
    for leftover, count in counted_rows:
        if count.number is not None and count.number >= leftover.warns_from:
            in_order = False
            yield warning(
                f"{leftover.title}: {counted(count.number, 'row')}. {leftover.why}",
                f"{leftover.advice} pciops housekeeping --sql {leftover.name} prints the SQL.",
            )
        elif count.number is None and leftover.readable:
            in_order = False
            yield warning(f"{leftover.title}: not counted. {count.reason}", count.remedy)
    if in_order:
        unknown = len(LEFTOVERS) - sum(count.number is not None for _, count in counted_rows)
        left_out = f"; {counted(unknown, 'kind')} not counted" if unknown else ""
        yield ok(f"Few leftovers in Keystone's tables, counted {times.span(age)} ago{left_out}.")
