"""The metrics: their names, types, labels, and texts.

No label names an account, a person, or an address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from prometheus_client import Metric


@dataclass(frozen=True, kw_only=True)
class MetricFamily:
    """A metric as Prometheus knows it: `name` is without the `_total` of counters."""

    name: str
    type: Literal["gauge", "counter", "summary", "histogram"] = "gauge"
    labels: tuple[str, ...] = ()
    help: str

    @property
    def sample_names(self) -> tuple[str, ...]:
        """The names of its samples."""
        suffixes = {
            "gauge": ("",),
            "counter": ("_total",),
            "summary": ("_sum", "_count"),
            "histogram": ("_bucket", "_sum", "_count"),
        }
        return tuple(self.name + suffix for suffix in suffixes[self.type])


class Sample(NamedTuple):
    """A value of a metric, by the name of the sample without `pciops_`."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


def _gauge(name: str, help_: str, *labels: str) -> MetricFamily:
    return MetricFamily(name=f"pciops_{name}", labels=labels, help=help_)


def _counter(name: str, help_: str, *labels: str) -> MetricFamily:
    return MetricFamily(name=f"pciops_{name}", type="counter", labels=labels, help=help_)


# Read from the databases, see pciops.web.metrics.collector.
CATALOG: Final = (
    _gauge("info", "The version of pciops; always 1.", "version"),
    _gauge(
        "source_up", "1 if the source answers; 0 if not, and then its metrics are absent.", "source"
    ),
    # Accounts
    _gauge(
        "accounts",
        'Accounts in a state at the last census. An account can be in several; "all" is every one.',
        *("state", "kind"),
    ),
    _gauge("census_timestamp_seconds", "Time of the last census."),
    _gauge("census_duration_seconds", "Duration of the last census."),
    _gauge("locked_accounts", "Accounts that are locked now."),
    _gauge(
        "oldest_lock_timestamp_seconds",
        "Time of the oldest current lock; absent if no account is locked.",
    ),
    # Acts and the audit log
    _counter(
        "audit_entries", "Entries of the audit log: actions, sign-ins, …", "action", "outcome"
    ),
    _counter("refusals", "Refused requests, with or without an audit log entry."),
    _gauge("audit_log_length", "Position of the last audit log entry, including pruned ones."),
    _gauge("audit_verification_timestamp_seconds", "Time of the last integrity check."),
    _gauge(
        "audit_verification_success",
        "1 if the last integrity check passed and every failed one is acknowledged, else 0.",
    ),
    _gauge("audit_anchor_timestamp_seconds", "Time of the last anchor."),
    _gauge("audit_anchor_position", "Position of the entry that the last anchor signs."),
    _gauge(
        "audit_syslog_oldest_waiting_timestamp_seconds",
        "Time of the oldest entry that the syslog receiver has not accepted; absent if there is "
        "none.",
    ),
    # Emails and webhook calls
    _counter("messages", "Attempts to deliver notices, emails, and calls.", "kind", "outcome"),
    MetricFamily(
        name="pciops_message_delivery_seconds",
        type="summary",
        labels=("kind",),
        help="Duration of deliveries: by SMTP, of webhook calls by HTTP.",
    ),
    _gauge("waiting_messages", "Messages that wait to be delivered.", "kind"),
    _gauge(
        "oldest_waiting_message_timestamp_seconds",
        "Time since which the oldest of them waits; absent if there is none.",
        "kind",
    ),
    _gauge("notices_without_address", "Notices that are due and have no valid address.", "kind"),
    # Keystone's notifications
    _gauge("consumer_connected", "1 if a consumer is connected to RabbitMQ, else 0."),
    _gauge(
        "consumer_lag_seconds",
        "Age of the last notification when it was recorded, by the slowest consumer.",
    ),
    _gauge("last_notification_timestamp_seconds", "Time of the last notification."),
    _gauge("dead_letters", "Messages that could not be processed."),
    _gauge("possible_attacks", "Possible attacks that have not ended."),
    # Jobs
    _counter(
        "job_runs", "Runs of jobs, including those that found nothing to do.", "name", "outcome"
    ),
    _gauge("job_last_success_timestamp_seconds", "Time of the last successful run.", "name"),
)


# Of each web server, see pciops.web.metrics.durations.
REQUESTS: Final = MetricFamily(
    name="pciops_http_request_duration_seconds",
    type="histogram",
    labels=("method", "route", "status"),
    help="Duration of requests to the web servers, until the answer begins.",
)
STATEMENTS: Final = MetricFamily(
    name="pciops_database_statement_duration_seconds",
    type="histogram",
    labels=("database",),
    help="Duration of the web servers' statements; default is pciops' own database.",
)


def exposed(samples: Iterable[Sample]) -> Iterator[Metric]:
    """Yield the samples by metric, as prometheus_client exposes them; without samples none."""
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(f"pciops_{sample.name}", []).append(sample)
    for family in CATALOG:
        metric = Metric(family.name, family.help, family.type)
        for name in family.sample_names:
            for sample in by_name.pop(name, ()):
                labels = dict(zip(family.labels, sample.labels, strict=True))
                metric.add_sample(name, labels, sample.value)
        if metric.samples:
            yield metric
    if by_name:
        raise ValueError(f"not in the catalog: {', '.join(by_name)}")
