"""Access of operators to Keystone's notifications."""

from __future__ import annotations

from pciops.events.search import EventAccess
from pciops.signin.models import Operator


def reader(operator: Operator) -> EventAccess:
    """Return what an operator may read.

    Only administrators of the whole cloud read unknown usernames: people type their passwords into
    the field for the name. All operators see the source address, which identifies a guesser.
    """
    whole_cloud = operator.scope is None and operator.may("administer")
    return EventAccess(scope=operator.scope, unknown_names=whole_cloud)
