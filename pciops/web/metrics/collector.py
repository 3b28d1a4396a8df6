"""Reads the metrics from the databases at each scrape, so that they cover all processes.

A source that does not answer has no metrics: no number is made up. Of Keystone it asks two things,
how many accounts are locked and whether its API answers, at most once in `LIVE_FOR` seconds.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, InterfaceError
from django.db.models import Count, Min, QuerySet
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.registry import Collector

from pciops import __version__
from pciops.accounts import selectors
from pciops.accounts.census import census
from pciops.accounts.models import Census
from pciops.accounts.policy import policy as policies
from pciops.accounts.privileged import AccountKind
from pciops.accounts.states import STATES
from pciops.audit import chain, syslog
from pciops.audit.models import Anchor, ChainHead
from pciops.celery import app
from pciops.events import liveness, search
from pciops.events.models import Storm
from pciops.keystone import client
from pciops.keystone.database import KeystoneDatabaseDownError, reason
from pciops.lib import counters
from pciops.lib.env import SettingError
from pciops.notices.models import (
    DeliveryStatus,
    Notice,
    NoticeStatus,
    OperatorMail,
    QueuedMessage,
    WebhookCall,
)
from pciops.web.metrics.catalog import Sample, exposed

ALL: Final = "all"  # states and kinds
LIVE_FOR: Final = 15  # seconds for which an answer of Keystone counts
API_TIMEOUT: Final = 3  # seconds

Samples = Iterator[Sample]
log = logging.getLogger(__name__)


class DatabaseCollector(Collector):
    """The metrics of the catalog, read when they are asked for."""

    def __init__(self, clock: Callable[[], datetime] = timezone.now) -> None:
        self._clock = clock

    def collect(self) -> Iterable[Metric]:
        return exposed(samples(self._clock()))


def samples(now: datetime) -> Samples:
    """Yield all samples, in a number of statements that does not grow with the cloud."""
    yield Sample("info", 1, (__version__,))
    own, found = _own(now)
    yield Sample("source_up", own, ("database",))
    yield from found
    for source, ask in (("keystone_database", _locked), ("keystone", _api)):
        answer = cache.get_or_set(f"metrics-{source}", lambda ask=ask: ask(now), timeout=LIVE_FOR)
        up, live = answer or (0, [])
        yield Sample("source_up", up, (source,))
        yield from live


def _own(now: datetime) -> tuple[int, list[Sample]]:
    """Return whether our own database answers, and the samples from it."""
    readers = (_census, _audit_log, _messages, _notifications)
    try:
        return 1, [*(sample for read in readers for sample in read(now)), *_counters()]
    except (DatabaseError, InterfaceError) as error:
        log.warning("metrics: pciops' own database does not answer: %s", reason(error))
        return 0, []


# --- Keystone -----------------------------------------------------------------------------------
def _locked(now: datetime) -> tuple[int, list[Sample]]:
    try:
        number, oldest = selectors.locks(policy=policies.current(), now=now)
    except KeystoneDatabaseDownError as error:
        log.warning("metrics: Keystone's database does not answer: %s", error)
        return 0, []
    except SettingError as error:
        log.error("metrics: %s", error)
        return 0, []
    found = [Sample("locked_accounts", number)]
    if oldest is not None:
        found.append(_time("oldest_lock", oldest))
    return 1, found


def _api(now: datetime) -> tuple[int, list[Sample]]:
    try:
        client.ping(API_TIMEOUT)
    except client.KeystoneError as error:
        log.warning("metrics: Keystone does not answer: %s", error)
        return 0, []
    return 1, []


# --- Our own database ---------------------------------------------------------------------------
def _census(now: datetime) -> Samples:
    newest = Census.objects.order_by("-counted_at").first()
    counted = census.numbers(scope=None)
    if newest is None or counted is None:
        return
    yield _time("census", newest.counted_at)
    yield Sample("census_duration_seconds", newest.milliseconds / 1000)
    for state in ("", *(state.name for state in STATES)):
        for kind in ("", *AccountKind):
            yield Sample("accounts", counted.number(state, kind), (state or ALL, kind or ALL))


def _audit_log(now: datetime) -> Samples:
    head = ChainHead.objects.filter(pk=1).values_list("position", flat=True).first()
    yield Sample("audit_log_length", head or 0)
    last = chain.last_check()
    if last is not None:
        failed = bool(last.problem) or chain.open_failure() is not None
        yield _time("audit_verification", last.checked_at)
        yield Sample("audit_verification_success", int(not failed))
    anchor = Anchor.objects.order_by("-pk").values_list("made_at", "position").first()
    if anchor is not None:
        yield _time("audit_anchor", anchor[0])
        yield Sample("audit_anchor_position", anchor[1])
    if settings.SYSLOG_URL:
        waiting = syslog.waiting().values_list("settled_at", flat=True).first()
        if waiting is not None:
            yield _time("audit_syslog_oldest_waiting", waiting)


def _messages(now: datetime) -> Samples:
    planned = Notice.objects.filter(status=NoticeStatus.PLANNED).order_by()
    by_kind = planned.values_list("kind").annotate(Count("pk"), Min("planned_at"))
    yield from _waiting((kind, number, oldest) for kind, number, oldest in by_kind)
    queues: tuple[tuple[type[QueuedMessage], str], ...] = (
        (OperatorMail, "written_at"),
        (WebhookCall, "raised_at"),
    )
    for model, since in queues:
        rows: QuerySet[QueuedMessage] = model._default_manager.all()
        numbers = rows.filter(status=DeliveryStatus.PLANNED).aggregate(n=Count("pk"), at=Min(since))
        yield from _waiting([(model.counted_as, numbers["n"], numbers["at"])])
    unsendable = (NoticeStatus.NO_ADDRESS, NoticeStatus.BAD_ADDRESS)
    without = Notice.objects.filter(status__in=unsendable, good_until__gt=now).order_by()
    for kind, number in without.values_list("kind").annotate(Count("pk")):
        yield Sample("notices_without_address", number, (kind,))


def _waiting(queues: Iterable[tuple[str, int, datetime | None]]) -> Samples:
    for kind, number, oldest in queues:
        yield Sample("waiting_messages", number, (kind,))
        if oldest is not None:
            yield _time("oldest_waiting_message", oldest, kind)


def _notifications(now: datetime) -> Samples:
    state = liveness.liveness(now)
    if state.until or state.running or settings.NOTIFICATIONS_URLS:
        yield Sample("consumer_connected", int(state.connected))
    if state.lag is not None:
        yield Sample("consumer_lag_seconds", state.lag)
    if state.last_message_at is not None:
        yield _time("last_notification", state.last_message_at)
    yield Sample("dead_letters", search.dead_letter_count())
    yield Sample("possible_attacks", Storm.objects.filter(ended_at=None).count())


def _counters() -> Samples:
    """Yield the counters of all processes; jobs by their names in the timetable."""
    jobs = {entry["task"]: name for name, entry in app.conf.beat_schedule.items()}
    delivered: Counter[str] = Counter()
    for name, labels, value, added_at in counters.read():
        if name == "job_runs":
            labels = (jobs.get(labels[0], labels[0]), labels[1])
            if labels[1] == "success":
                yield _time("job_last_success", added_at, labels[0])
        elif name == "messages":
            delivered[labels[0]] += int(value)
        if name == "message_seconds":
            yield Sample("message_delivery_seconds_sum", value, labels)
        else:
            yield Sample(f"{name}_total", value, labels)
    for kind, number in delivered.items():
        yield Sample("message_delivery_seconds_count", number, (kind,))


def _time(name: str, at: datetime, *labels: str) -> Sample:
    return Sample(f"{name}_timestamp_seconds", at.timestamp(), labels)
