"""The registry of acts: pages, API and commands offer these, and no others."""

from __future__ import annotations

from typing import Final

from pciops.accounts.verdict import SigninVerdict
from pciops.actions.act import Act
from pciops.actions.authority import Authority
from pciops.actions.end_sessions import END_SESSIONS
from pciops.actions.exempting import EXEMPT, LIFT, RECORD
from pciops.actions.holder import MACHINE, PERSON
from pciops.actions.patch import DISABLE, ENABLE
from pciops.actions.unlock import UNLOCK

# In the order of a page: acts that restore access, before those that remove it or leave it.
ACTS: Final[tuple[Act, ...]] = (
    *(UNLOCK, ENABLE, LIFT, RECORD, EXEMPT, MACHINE, PERSON, END_SESSIONS, DISABLE),
)
BY_NAME: Final = {act.name: act for act in ACTS}
BY_ACTION: Final = {act.action.value: act for act in ACTS}
RESTORING: Final = (UNLOCK, ENABLE)


def fitting(verdict: SigninVerdict, authority: Authority) -> list[Act]:
    """Return the acts that fit the account, and that this operator may do to it.

    Raises:
        KeystoneDatabaseDownError
    """
    acts = [act for act in ACTS if act.fits(verdict) and not act.own_refusal(verdict, authority)]
    return acts if acts and not authority.why_not(verdict.account.id) else []
