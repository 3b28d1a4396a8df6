"""Metrics: who may read them, what they say, and what is absent while a source is down."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from pciops.accounts.models import Census, CensusCount
from pciops.audit import anchors, chain, refusals
from pciops.audit.models import ChainCheck, SyslogCursor
from pciops.events.intake.consumer import SessionRecorder
from pciops.events.models import DeadLetter
from pciops.keystone import database
from pciops.lib import counters
from pciops.notices.models import Notice, NoticeKind, NoticeStatus
from pciops.web.metrics.catalog import CATALOG
from pciops.web.metrics.collector import LIVE_FOR
from tests.audit.helpers import chained
from tests.factories import NOW, make_initiator, make_locked_user
from tests.fake_keystone import FakeKeystone
from tests.web.pages import down

pytestmark = [
    pytest.mark.django_db(databases=["default", "keystone"]),
    pytest.mark.usefixtures("fake_keystone"),
]

TOKEN = "0123456789abcdef0123456789abcdef"
Labels = frozenset[tuple[str, str]]


@pytest.fixture(autouse=True)
def _open_to_loopback(settings: Settings) -> None:
    settings.METRICS_ADDRESSES = networks_of("127.0.0.1/32")


def networks_of(*words: str) -> Any:
    return tuple(map(ip_network, words))


def scrape(**meta: Any) -> dict[tuple[str, Labels], float]:
    """Return the samples by name and labels."""
    response = Client().get("/metrics", **meta)
    assert response.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def value(samples: dict[tuple[str, Labels], float], name: str, /, **labels: str) -> float | None:
    return samples.get((f"pciops_{name}", frozenset(labels.items())))


# --- Access -------------------------------------------------------------------------------------
def test_by_default_nobody_may_read_them(settings: Settings) -> None:
    settings.METRICS_ADDRESSES = ()
    response = Client().get("/metrics")

    assert response.status_code == 403
    assert b"PCIOPS_METRICS_TOKEN" in response.content
    assert b"pciops_accounts" not in response.content


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer  {TOKEN}", 200),
        (f"Bearer {TOKEN[:-1]}", 401),
        ("Bearer ", 401),
        ("Bearer ü", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
        (None, 401),
    ],
)
def test_the_token_opens_them_from_everywhere(
    settings: Settings, header: str | None, status: int
) -> None:
    settings.METRICS_ADDRESSES, settings.METRICS_TOKEN = (), TOKEN
    headers = {} if header is None else {"HTTP_AUTHORIZATION": header}
    response = Client().get("/metrics", **headers)  # type: ignore[arg-type] # META

    assert response.status_code == status
    assert response.has_header("WWW-Authenticate") is (status == 401)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("10.0.0.5", 200),
        ("10.0.0.6", 403),
        ("::ffff:10.0.0.5", 200),
        ("fd00::17", 200),
        ("fd01::17", 403),
        ("", 403),
    ],
)
def test_listed_addresses_may_read_them(settings: Settings, address: str, status: int) -> None:
    settings.METRICS_ADDRESSES = networks_of("10.0.0.5", "fd00::/64")

    assert Client().get("/metrics", REMOTE_ADDR=address).status_code == status


@pytest.mark.parametrize(
    ("proxies", "forwarded", "status"),
    [
        (0, None, 200),
        (0, "203.0.113.7", 403),  # the proxy's address is listed, and the client's is not known
        (1, "203.0.113.7", 403),
        (1, "127.0.0.1", 200),
        (1, "127.0.0.1, 203.0.113.7", 403),  # the client has written the first
        (1, None, 200),
    ],
)
def test_the_address_behind_proxies_is_that_of_the_client(
    settings: Settings, proxies: int, forwarded: str | None, status: int
) -> None:
    settings.PROXIES = proxies
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}

    assert Client().get("/metrics", **headers).status_code == status  # type: ignore[arg-type] # META


def test_they_are_read_under_any_host_name() -> None:
    assert Client().get("/metrics", HTTP_HOST="10.0.0.5:8000").status_code == 200


def test_they_can_only_be_read() -> None:
    assert Client().post("/metrics").status_code == 405


# --- Values -------------------------------------------------------------------------------------
@pytest.fixture
def busy(
    settings: Settings,
    clock: time_machine.Traveller,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    """An installation in which every metric has a value."""
    make_locked_user("an-account", at=NOW - timedelta(minutes=5))
    make_locked_user("another", at=NOW - timedelta(minutes=9))
    census = Census.objects.create(counted_at=NOW - timedelta(minutes=2), milliseconds=1500)
    for state, kind, number in (("", "", 7), ("locked", "", 2), ("locked", "service", 1)):
        CensusCount.objects.create(census=census, state=state, kind=kind, number=number)
    SyslogCursor.objects.create(pk=1)
    chained(3)
    anchors.make(chain.run_check(NOW), NOW)
    Notice.objects.bulk_create(
        Notice(
            kind=NoticeKind.LOCKED,
            fact_at=NOW,
            user_id=f"an-account-{status}",
            status=status,
            planned_at=NOW - timedelta(hours=1),
            good_until=NOW + timedelta(hours=1),
            next_attempt_at=NOW,
        )
        for status in (NoticeStatus.PLANNED, NoticeStatus.SENT, NoticeStatus.NO_ADDRESS)
    )
    consumer = SessionRecorder()
    consumer.connect(NOW)
    consumer.count(2, NOW, sent_at=NOW - timedelta(seconds=4))
    consumer.beat(NOW)
    with django_capture_on_commit_callbacks(execute=True):
        counters.add("messages", "locked", "sent", by=2)
        counters.add("messages", "locked", "refused")
        counters.add("message_seconds", "locked", by=1.5)
        counters.add("audit_entries", "unlock", "success")
        refusals.record_refusal(
            initiator=make_initiator("an-operator"), resource="GET /", remark="no", now=NOW
        )
        with database.outages_logged("accounts.census"):
            pass
    settings.SYSLOG_URL = "udp://127.0.0.1:9"  # which has not taken a row yet


@pytest.mark.usefixtures("busy")
def test_every_metric_of_the_catalog_has_a_value() -> None:
    names = {name for name, _ in scrape()}

    assert names == {name for family in CATALOG for name in family.sample_names}


@pytest.mark.usefixtures("busy")
def test_the_values_are_those_of_the_databases() -> None:
    samples = scrape()
    values = {
        name: value(samples, name)
        for name in (
            *("locked_accounts", "audit_log_length", "audit_verification_success"),
            *("consumer_connected", "consumer_lag_seconds", "refusals_total"),
            *("census_duration_seconds", "possible_attacks"),
        )
    }

    assert values == {
        "locked_accounts": 2,
        "audit_log_length": 4,  # with the refusal
        "audit_verification_success": 1,
        "consumer_connected": 1,
        "consumer_lag_seconds": 4,
        "refusals_total": 1,
        "census_duration_seconds": 1.5,
        "possible_attacks": 0,
    }
    assert value(samples, "accounts", state="all", kind="all") == 7
    assert value(samples, "accounts", state="locked", kind="service") == 1
    assert value(samples, "accounts", state="disabled", kind="all") == 0  # the census has counted
    assert value(samples, "waiting_messages", kind="locked") == 1
    assert value(samples, "waiting_messages", kind="operator_email") == 0
    assert value(samples, "notices_without_address", kind="locked") == 1
    assert value(samples, "messages_total", kind="locked", outcome="sent") == 2
    assert value(samples, "message_delivery_seconds_sum", kind="locked") == 1.5
    assert value(samples, "message_delivery_seconds_count", kind="locked") == 3
    assert value(samples, "job_runs_total", name="census", outcome="success") == 1


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize(
    ("name", "ago"),
    [
        ("oldest_lock", timedelta(minutes=9)),
        ("census", timedelta(minutes=2)),
        ("audit_verification", timedelta(0)),
        ("audit_anchor", timedelta(0)),
        ("last_notification", timedelta(0)),
    ],
)
def test_times_are_seconds_since_1970(name: str, ago: timedelta) -> None:
    assert value(scrape(), f"{name}_timestamp_seconds") == (NOW - ago).timestamp()


@pytest.mark.usefixtures("busy")
def test_no_account_and_no_person_is_named() -> None:
    text = Client().get("/metrics").content.decode()

    assert "locked" in text
    assert all(name not in text for name in ("an-account", "another", "an-operator"))


def test_what_never_happened_is_absent() -> None:
    names = {name.removeprefix("pciops_") for name, _ in scrape()}

    assert not names & {
        *("accounts", "census_timestamp_seconds", "oldest_lock_timestamp_seconds"),
        *("audit_verification_success", "audit_anchor_timestamp_seconds"),
        *("consumer_connected", "last_notification_timestamp_seconds", "job_runs_total"),
    }


def test_a_failed_integrity_check_counts_until_it_is_acknowledged() -> None:
    passed = {"checked_at": NOW, "milliseconds": 1, "rows": 2, "position": 2}
    failed = ChainCheck.objects.create(**passed, problem="row 2: its hash does not fit")
    assert value(scrape(), "audit_verification_success") == 0

    ChainCheck.objects.create(**passed)
    assert value(scrape(), "audit_verification_success") == 0

    chain.acknowledge(until=failed.pk, by="ada", reason="restored", now=NOW)
    assert value(scrape(), "audit_verification_success") == 1


def test_dead_letters_are_summed() -> None:
    for number in (2, 3):
        DeadLetter.objects.create(
            dedup_key=f"{number:032x}", reason="no JSON", body="", first_at=NOW, last_at=NOW,
            count=number,
        )  # fmt: skip

    assert value(scrape(), "dead_letters") == 5


# --- Outages ------------------------------------------------------------------------------------
@pytest.mark.usefixtures("busy")
def test_without_keystones_database_locks_are_unknown_not_zero() -> None:
    with down("keystone"):
        samples = scrape()

    assert value(samples, "source_up", source="keystone_database") == 0
    assert value(samples, "source_up", source="database") == 1
    assert value(samples, "locked_accounts") is None
    assert value(samples, "audit_log_length") == 4


@pytest.mark.usefixtures("busy")
def test_without_our_own_database_its_metrics_are_absent() -> None:
    with down("default"):
        samples = scrape()

    assert {name for name, _ in samples} == {
        *("pciops_info", "pciops_source_up"),
        *("pciops_locked_accounts", "pciops_oldest_lock_timestamp_seconds"),
    }
    assert value(samples, "source_up", source="database") == 0
    assert value(samples, "source_up", source="keystone_database") == 1


def test_without_keystones_api_only_that_is_reported(fake_keystone: FakeKeystone) -> None:
    assert value(scrape(), "source_up", source="keystone") == 1

    cache.clear()
    fake_keystone.fail(503)
    samples = scrape()

    assert value(samples, "source_up", source="keystone") == 0
    assert value(samples, "locked_accounts") == 0


# --- Cost ---------------------------------------------------------------------------------------
@pytest.mark.usefixtures("busy")
def test_a_scrape_takes_few_statements_and_asks_keystone_rarely(
    clock: time_machine.Traveller,
) -> None:
    def statements() -> tuple[int, int]:
        with (
            CaptureQueriesContext(connections["default"]) as own,
            CaptureQueriesContext(connections["keystone"]) as keystones,
        ):
            scrape()
        return len(own), len(keystones)

    assert statements() == (18, 1)
    assert statements() == (18, 0)

    clock.shift(LIVE_FOR + 1)

    assert statements()[1] == 1


def test_no_label_is_for_a_text_of_others() -> None:
    labels = {label for family in CATALOG for label in family.labels}

    assert labels == {"action", "kind", "name", "outcome", "source", "state", "version"}
