"""Which of Keystone's notifications is of which act: readers see both as one event.

Keystone publishes no id of pciops, so they match by account, operator, client, kind, and time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from pciops.audit.models import Event
from pciops.events.models import Activity, Outcome

CLIENT: Final = "pciops/"  # how the agent of pciops' own calls begins
SKEW: Final = timedelta(seconds=10)  # between the clocks of pciops and Keystone
LONGEST: Final = timedelta(minutes=1)  # of an act without a recorded end
# An unlock is not here: Keystone publishes nothing about it.
_PUBLISHED: Final[dict[str, frozenset[str]]] = {
    Event.Action.ENABLE: frozenset({Activity.Action.ENABLED, Activity.Action.UPDATED}),
    Event.Action.DISABLE: frozenset({Activity.Action.DISABLED, Activity.Action.UPDATED}),
    Event.Action.EXEMPT: frozenset({Activity.Action.UPDATED}),
    Event.Action.LIFT: frozenset({Activity.Action.UPDATED}),
}


def is_of(change: Activity, act: Event) -> bool:
    """Return whether Keystone published this change because of this act."""
    ended = act.settled_at or act.event_time + LONGEST
    return (
        change.action in _PUBLISHED.get(act.action, frozenset())
        and change.outcome == Outcome.SUCCESS
        and act.outcome != Event.Outcome.FAILURE
        and change.user_id == act.target_id
        and change.doer_id in {"", act.initiator_id}
        and (not change.agent or change.agent.startswith(CLIENT))
        and act.event_time - SKEW <= change.at <= ended + SKEW
    )
