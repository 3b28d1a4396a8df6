"""Checks of the policy and of the age of the census."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import timezone

from pciops.accounts.census.census import STALE
from pciops.accounts.models import Census
from pciops.accounts.policy import policy as policies
from pciops.lib import times
from pciops.lib.doctor import CheckResult, check, ok, problem, warning
from pciops.lib.env import SettingError


@check("policy")
def policy() -> Iterator[CheckResult]:
    """Check that it can be read, and that the files of all nodes agree."""
    try:
        sourced = policies.current_with_sources()
    except SettingError as error:
        yield problem(str(error), "Correct it; until then nothing is shown of any account.")
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
        yield ok("It can be read, and no two files differ.")


@check("census", after="database")
def census() -> Iterator[CheckResult]:
    """Check that a worker takes one every few minutes."""
    remedy = "Look at the worker and at its beat (docs/install.md); manage.py census takes one now."
    now, newest = timezone.now(), Census.objects.order_by("-counted_at").first()
    if newest is None:
        yield warning("None has been taken yet: the pages have no counts.", remedy)
    elif now - newest.counted_at > STALE:
        yield warning(f"The newest is {times.span(now - newest.counted_at)} old.", remedy)
    else:
        yield ok(f"The newest is {times.span(now - newest.counted_at)} old.")
