"""The registry of acts: pages, API and commands offer these, and no others."""

from __future__ import annotations

from typing import Final

from pciops.accounts.verdict import SigninVerdict
from pciops.actions.act import Act
from pciops.actions.exempting import EXEMPT, LIFT, RECORD
from pciops.actions.holder import MACHINE, PERSON
from pciops.actions.patch import DISABLE, ENABLE
from pciops.actions.unlock import UNLOCK

# In the order of a page: acts that restore access, before those that remove it or leave it.
ACTS: Final[tuple[Act, ...]] = (UNLOCK, ENABLE, LIFT, RECORD, EXEMPT, MACHINE, PERSON, DISABLE)
BY_NAME: Final = {act.name: act for act in ACTS}
BY_ACTION: Final = {act.action.value: act for act in ACTS}
RESTORING: Final = (UNLOCK, ENABLE)


def fitting(verdict: SigninVerdict, operator_id: str) -> list[Act]:
    """Return the acts that fit the account, if the operator's role allows them."""
    return [act for act in ACTS if not act.why_not(verdict, operator_id)]
