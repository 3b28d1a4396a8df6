"""What of Keystone's notifications an operator may read."""

from __future__ import annotations

from pciops.events.search import EventAccess
from pciops.signin.models import Operator


def reader(operator: Operator) -> EventAccess:
    """Names that no account has are for administrators of the whole cloud alone.

    People type their passwords into the field for the name. Who guesses names is found by the
    address, which everybody sees.
    """
    alone = operator.scope is None and operator.may("administer")
    return EventAccess(scope=operator.scope, unknown_names=alone)
