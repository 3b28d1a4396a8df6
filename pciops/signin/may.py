"""Which operator may do what: the one place that says so."""

from __future__ import annotations

from pciops.signin.models import Operator


def may(operator: Operator, needs: str) -> bool:
    """Whether their rights have what an act needs (`pciops.actions.act`): here, everybody may.

    What the token may do at Keystone's API is decided by Keystone's own policy besides.
    """
    return operator.rights is not None
