"""Access of operators to Keystone's notifications."""

from __future__ import annotations

from pciops.events.search import Reader
from pciops.signin.models import Operator


def reader(operator: Operator) -> Reader:
    """Return what an operator may read.

    Only administrators of the whole cloud read unknown usernames: people type their passwords into
    the field for the name. All operators see the source address, which identifies a guesser.
    """
    whole_cloud = operator.scope is None and operator.may("administer")
    return Reader(scope=operator.scope, unknown_names=whole_cloud)
