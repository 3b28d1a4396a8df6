"""The activity page: what Keystone notifies, filters, scope, live updates, and files."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, cast

import pytest
import time_machine
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from pciops.events import search, sentences
from pciops.events.models import ConsumerSession, DeadLetter, OutOfBandChange
from pciops.signin.models import StoredSession
from tests.events.factories import REASON, activity, attempts, save_name
from tests.factories import NOW, make_user
from tests.signin.visit import shown
from tests.web.pages import text_of

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
EVIL = "<script>alert(1)</script>"
LIVE = {"X-By-Itself": "1"}


def lines(site: Client, query: str = "") -> list[str]:
    """Return the lines of the page, without the address they were reported from."""
    response = cast("Any", site.get(f"/activity/{query}"))
    assert response.status_code == 200, shown(response)
    texts = [sentences.as_text(line.sentence) for line in response.context["lines"]]
    return [text.partition(", reported")[0] for text in texts]


def consumer(*, connected: bool = True, ago: timedelta = timedelta(0), error: str = "") -> None:
    """Record a consumer that was last seen so long ago."""
    ConsumerSession.objects.create(
        consumer="a", connected=connected, since=NOW - ago, until=NOW - ago, error=error
    )


# --- Lines --------------------------------------------------------------------------------------
def test_the_newest_event_comes_first_with_links(site: Client) -> None:
    activity("created", at=NOW - 3 * MINUTE).save()
    attempts(2, at=NOW - MINUTE).save()
    activity("deleted", at=NOW - 2 * MINUTE).save()
    page = site.get("/activity/").content.decode()

    assert lines(site) == [
        "2 failed sign-ins as j.doe (corp), wrong password",
        "admin (Default) deleted j.doe (corp)",
        "admin (Default) created j.doe (corp)",
    ]
    assert 'href="/accounts/d0e/" title="j.doe"><bdi>j.doe</bdi></a>' in page


def test_a_row_has_event_account_source_and_client(site: Client) -> None:
    attempts(12, at=NOW - 3 * MINUTE, partial_hash="a").save()
    attempts(2, at=NOW - MINUTE, partial_hash="a").save()
    activity("disabled", at=NOW - DAY).save()
    response = site.get("/activity/")
    page = shown(response)

    assert "Failed sign-in ×14 Same password each time, since 13:59" in page
    assert "Account disabled By admin j.doe corp" in page
    assert "Today, Sunday 22 November" in page
    assert "Saturday 21 November" in page
    assert 'href="/activity/?address=10.2.3.4"' in response.content.decode()
    assert "14 failed sign-ins as j.doe (corp)" in page  # for screen readers


@pytest.mark.parametrize(
    ("query", "current"),
    [
        ("", "All"),
        ("?kind=sign_in&outcome=failure", "Failed sign-ins"),
        ("?kind=change", "Changes"),
        ("?kind=deleted", None),
    ],
)
def test_the_views_are_filters(site: Client, query: str, current: str | None) -> None:
    views = cast("Any", site.get(f"/activity/{query}")).context["views"]

    assert next((label for label, _, here in views if here), None) == current


def test_a_view_keeps_the_other_filters(site: Client) -> None:
    views = cast("Any", site.get("/activity/?kind=change&account=doe")).context["views"]

    assert [url for _, url, _ in views][:2] == [
        *("?account=doe", "?kind=sign_in&outcome=failure&account=doe"),
    ]


FILTERED = {
    "": ["2 failed", "j.doe", "admin", "root"],
    "kind=sign_in": ["2 failed", "j.doe"],
    "kind=change": ["admin", "root"],
    "kind=deleted": ["root"],
    "outcome=failure": ["2 failed"],
    "account=j.doe": ["2 failed", "admin"],
    "account=DOE": ["2 failed", "admin"],
    "account=d0e": ["2 failed", "admin"],
    "doer=adm": ["admin"],
    "doer=r00t": ["root"],
    "address=10.2.3.4": ["2 failed", "admin"],
    "address=10.2.": ["2 failed", "admin"],
    "address=10.2": [],
    "from=2026-11-22": ["2 failed"],
    "to=2026-11-21": ["j.doe", "admin", "root"],
    "from=2026-11-21&to=2026-11-21": ["j.doe"],
}


def test_the_filters_in_the_url(site: Client) -> None:
    save_name("d0e", "j.doe")
    save_name("adm1n", "admin")
    attempts(2).save()
    attempts(at=NOW - DAY, reason=REASON.NONE, user_id="x", address="::1").save()
    activity(at=NOW - 2 * DAY).save()
    deleted = {"user_id": "x", "name": "x", "doer_id": "r00t", "doer_name": "root"}
    activity("deleted", at=NOW - 3 * DAY, address="::1", **deleted).save()

    for query, expected in FILTERED.items():
        found = lines(site, f"?{query}")
        pairs = zip(found, expected, strict=True)
        assert all(line.startswith(begin) for line, begin in pairs), (query, found)


def test_a_name_of_very_many_accounts_is_searched_row_by_row(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MAX_IDS", 1)
    for number in range(3):
        save_name(f"id-{number}", f"svc-{number}")
        attempts(user_id=f"id-{number}", name=f"svc-{number}").save()
        activity(user_id=f"id-{number}", name=f"svc-{number}", doer_name="svc-doer").save()
    attempts(user_id="another", name="another").save()

    assert len(lines(site, "?account=svc")) == 6
    assert len(lines(site, "?doer=svc")) == 3
    assert len(lines(site, "?account=svc-1")) == 2


@pytest.mark.parametrize(
    "query", ["kind=dance", "outcome=x", "from=yesterday", "to=2026-13-01", "marker=x"]
)
def test_an_invalid_filter_is_refused(site: Client, query: str) -> None:
    response = site.get(f"/activity/?{query}")

    assert response.status_code == 400
    assert f"{query.partition('=')[0]}: " in shown(response)


def test_the_pages_have_every_line_once(site: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pciops.web.activity.PAGE_SIZE", 2)
    for number in range(5):
        attempts(at=NOW - number * MINUTE, agent=f"agent-{number}").save()
    found, query = [], "?kind=sign_in"
    while query:
        response = cast("Any", site.get(f"/activity/{query}"))
        found += [sentences.as_text(line.sentence) for line in response.context["lines"]]
        query = response.context["next"]

    assert [line.rpartition("(")[2] for line in found] == [f"agent-{n})" for n in range(5)]


def test_queries_do_not_depend_on_the_number_of_rows(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Session and operator; the two tables; whether notifications come in (2); dead letters;
    out-of-band changes.
    """
    for number in range(60):
        attempts(at=NOW - number * MINUTE, agent=str(number)).save()
        activity(at=NOW - number * MINUTE).save()

    with django_assert_num_queries(12, using="default"):
        site.get("/activity/")
    with django_assert_num_queries(0, using="keystone"):
        site.get("/activity/")


def test_text_from_outside_is_escaped(site: Client) -> None:
    attempts(name=EVIL, agent=EVIL, address=EVIL, domain_name=EVIL).save()
    attempts(user_id="", reason=REASON.UNKNOWN_NAME, name=EVIL).save()
    activity(name=EVIL, doer_name=EVIL, agent=EVIL, user_id="../../").save()

    assert "<script>alert" not in site.get("/activity/").content.decode()


# --- Scope --------------------------------------------------------------------------------------
def test_an_operator_of_one_domain_sees_and_reaches_only_its_accounts(shops: Client) -> None:
    for domain_id in ("shops", "payments", ""):
        activity(domain_id=domain_id, name=f"of {domain_id}").save()
        attempts(domain_id=domain_id, name=f"of {domain_id}").save()
    page = shops.get("/activity/").content.decode()

    assert lines(shops) == [
        "admin (Default) disabled of shops (corp)",
        "1 failed sign-in as of shops (corp), wrong password",
    ]
    assert 'href="/accounts/d0e/"' in page
    assert 'href="/accounts/adm1n/"' not in page


def test_unknown_usernames_are_shown_only_to_administrators_of_the_cloud(
    site: Client, auditor: Client, shops: Client
) -> None:
    """They may be passwords that were typed into the wrong field."""
    for name in ("hunter2", "root"):
        attempts(user_id="", reason=REASON.UNKNOWN_NAME, name=name, domain_id="shops").save()
    [line] = lines(site)

    assert line.endswith(": “hunter2”, “root”")
    assert "hunter2" in text_of(site, "/activity/export?format=json")
    assert lines(auditor) == lines(shops) == [line.partition(":")[0]]
    for browser in (auditor, shops):
        for form in ("json", "csv"):
            assert "hunter2" not in text_of(browser, f"/activity/export?format={form}")


def test_unknown_usernames_are_not_found_by_a_search_of_others(
    site: Client, auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts(user_id="", reason=REASON.UNKNOWN_NAME, name="hunter2").save()
    attempts(user_id="an id", reason=REASON.UNKNOWN_NAME, name="").save()

    assert len(lines(site, "?account=hunter")) == 1
    assert lines(auditor, "?account=hunter") == []
    assert lines(auditor, "?account=an+id") == []
    monkeypatch.setattr(search, "MAX_IDS", -1)  # row by row
    assert lines(auditor, "?account=hunter") == []


# --- Live updates -------------------------------------------------------------------------------
def test_live_updates_do_not_keep_the_session_alive(
    site: Client, clock: time_machine.Traveller
) -> None:
    ends = StoredSession.objects.get().expire_date
    clock.shift(5 * MINUTE)
    response = site.get("/activity/", headers=LIVE)

    assert StoredSession.objects.get().expire_date == ends
    assert "pciops-session" not in response.cookies
    site.get("/activity/")
    assert StoredSession.objects.get().expire_date > ends
    for _ in range(16):
        clock.shift(MINUTE)
        response = site.get("/activity/", headers=LIVE)
    assert response.status_code == 401


def test_only_the_first_page_is_live(site: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pciops.web.activity.PAGE_SIZE", 1)
    attempts().save()
    activity(at=NOW - MINUTE).save()
    first = cast("Any", site.get("/activity/"))
    older = site.get(f"/activity/{first.context['next']}").content.decode()

    assert "js/live" in first.content.decode()
    assert "js/live" not in older


# --- Silence ------------------------------------------------------------------------------------
def test_nothing_is_said_while_a_consumer_is_connected(site: Client) -> None:
    consumer()
    page = site.get("/activity/").content.decode()

    assert "No events from Keystone" not in page
    assert "PCIOPS_NOTIFICATIONS_URL" not in page
    assert site.get("/readyz").json()["notifications"] == "ok"


def test_only_the_activity_page_says_that_notifications_are_not_set_up(site: Client) -> None:
    assert "PCIOPS_NOTIFICATIONS_URL" in shown(site.get("/activity/"))
    assert "PCIOPS_NOTIFICATIONS_URL" not in shown(site.get("/"))


def test_pages_and_readyz_say_since_when_no_consumer_is_connected(site: Client) -> None:
    user = make_user()
    consumer(ago=12 * MINUTE)
    ready = site.get("/readyz")

    for url in ("/", "/activity/", f"/accounts/{user.id}/"):
        page = shown(site.get(url))
        assert "since 13:50:11 UTC (12 min ago)" in page
        assert "Start pciops consume_events" in page
    assert ready.status_code == 200
    assert ready.json()["notifications"] == "no news since 2026-11-22T13:50:11Z"


def test_before_the_first_consumer_there_is_no_news_yet(site: Client, settings: Settings) -> None:
    settings.NOTIFICATIONS_URLS = ["amqp://rabbit.example"]

    assert "No events from Keystone yet" in shown(site.get("/activity/"))
    assert site.get("/readyz").json()["notifications"] == "no news yet"


def test_only_administrators_of_the_cloud_read_what_rabbitmq_answers(
    site: Client, shops: Client
) -> None:
    consumer(ago=12 * MINUTE)
    consumer(connected=False, error="rabbit.example:5672 does not answer: refused")

    assert "Rabbit.example:5672 does not answer: refused." in shown(site.get("/activity/"))
    assert "abbit.example" not in shown(shops.get("/activity/"))


# --- Changes outside pciops, and dead letters ---------------------------------------------------
def test_out_of_band_changes_stand_above_the_list(site: Client) -> None:
    OutOfBandChange.objects.create(
        dedup_key=uuid.uuid4(),
        kind="unlock",
        user_id=make_user(EVIL).id,
        name=EVIL,
        before="locked after 3 failures",
        after="0 failures",
        checked_at=NOW - MINUTE,
        found_at=NOW,
    )
    page = site.get("/activity/")

    assert "Locked after 3 failures" in shown(page)
    assert "<script>alert" not in page.content.decode()


def test_dead_letters_are_counted_and_shown_to_administrators(
    site: Client, auditor: Client
) -> None:
    assert site.get("/activity/set-aside/").status_code == 200
    facts = {"first_at": NOW, "last_at": NOW, "count": 12}
    DeadLetter.objects.create(dedup_key=uuid.uuid4(), reason="not JSON", body=EVIL, **facts)
    page = site.get("/activity/set-aside/")

    assert "12 messages" in shown(site.get("/activity/"))
    assert "set-aside" not in auditor.get("/activity/").content.decode()
    assert "Not JSON" in shown(page)
    assert "<script>alert" not in page.content.decode()
