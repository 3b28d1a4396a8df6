"""The table of acts: pages, API and trail know no others."""

from __future__ import annotations

from typing import Final

from pciops.accounts.verdict import SigninVerdict
from pciops.actions.act import Act
from pciops.actions.enabling import DISABLE, ENABLE
from pciops.actions.exempting import EXEMPT, LIFT, RECORD
from pciops.actions.unlock import UNLOCK

# The most fitting first: what gives access back, before what takes it or leaves it.
ACTS: Final[tuple[Act, ...]] = (UNLOCK, ENABLE, LIFT, RECORD, EXEMPT, DISABLE)
BY_NAME: Final = {act.name: act for act in ACTS}
BY_ACTION: Final = {act.action.value: act for act in ACTS}
HELPS: Final = (UNLOCK, ENABLE)


def fitting(verdict: SigninVerdict, operator_id: str) -> list[Act]:
    """The acts that somebody could do to the account, if they may."""
    return [act for act in ACTS if act.fits(verdict) and not act.refusal(verdict, operator_id)]
