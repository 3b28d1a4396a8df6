"""The pages of notices and digests: lists, sending again, previews, and samples."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from pciops.audit import services
from pciops.audit.models import Event
from pciops.keystone.models import User
from pciops.lib.env import MailServer
from pciops.notices import digests, samples
from pciops.notices.mail import operator_mail
from pciops.notices.models import Notice, NoticeForecast, NoticeKind
from tests.factories import (
    NOW,
    POLICY,
    make_account,
    make_initiator,
    make_locked_user,
    make_user,
)
from tests.fake_keystone import Person
from tests.notices.queued import build_notice
from tests.notices.smtp_server import smtp_server_running
from tests.signin.visit import shown

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

SAMPLES = ["/notices/sample/locked/", "/notices/digest/sample/"]


def saved(**facts: Any) -> Notice:
    """Store a notice."""
    notice = build_notice(**facts)
    notice.save()
    return notice


def failed(name: str = "ann", **facts: Any) -> Notice:
    """Store a notice that the mail server refused an hour ago."""
    return saved(
        name=name,
        status="refused",
        answer="550 5.1.1 no such user",
        settled_at=NOW - timedelta(hours=1),
        attempts=1,
        **facts,
    )


def text(site: Client, query: str = "") -> str:
    """Return the page as text."""
    return shown(site.get(f"/notices/{query}"))


# --- Lists --------------------------------------------------------------------------------------
def test_the_page_begins_with_failures_and_says_that_nothing_is_sent(site: Client) -> None:
    failed()
    page = text(site)

    assert "550 5.1.1 no such user" in page
    assert "Failed 1" in page
    assert "No emails are sent: set PCIOPS_EMAIL_URL" in page


@pytest.mark.parametrize(
    ("view", "facts", "term"),
    [
        ("unaddressed", {"status": "no_address", "email": ""}, "No email address"),
        ("unaddressed", {"status": "bad_address", "email": "x"}, "Invalid email address"),
        ("waiting", {"status": "planned"}, "None yet"),
        ("sent", {"status": "sent", "settled_at": NOW, "answer": "250 queued"}, "250 queued"),
        ("cancelled", {"status": "cancelled", "settled_at": NOW, "answer": "gone"}, "gone"),
    ],
)
def test_each_list_has_its_notices(
    site: Client, view: str, facts: dict[str, Any], term: str
) -> None:
    failed("bob")
    saved(**facts)
    page = text(site, f"?view={view}")

    assert term in page
    assert "bob" not in page


def test_a_list_is_of_one_account_by_name_or_id(site: Client) -> None:
    failed("bob")
    notice = saved(name="ann", status="sent", settled_at=NOW, answer="250 queued")
    for account in ("ann", notice.user_id):
        page = text(site, f"?account={account}")

        assert "250 queued" in page
        assert "bob" not in page
        assert "Failed 0" in page
    assert "No matching notices" in text(site, "?view=sent&account=nobody")
    assert (
        f"view=failed&amp;account={notice.user_id}"
        in site.get(f"/notices/?account={notice.user_id}").content.decode()
    )


@pytest.mark.parametrize("view", ["failed", "unaddressed", "waiting", "sent", "cancelled"])
def test_an_empty_list_says_so(site: Client, view: str) -> None:
    saved(status="refused", settled_at=NOW - timedelta(days=31))  # too long ago to be listed

    assert 'class="panel empty"' in site.get(f"/notices/?view={view}").content.decode()


def test_the_pages_have_every_notice_once(site: Client) -> None:
    for number in range(120):
        saved(name=f"user{number}", status="sent", settled_at=NOW - timedelta(minutes=number // 7))
    names: list[str] = []
    query = "?view=sent"
    while query:
        context = site.get(f"/notices/{query}").context
        names += [notice.name for notice in context["notices"]]
        query = context["next"]

    assert sorted(names) == sorted(f"user{number}" for number in range(120))


@pytest.mark.parametrize("query", ["view=nonsense", "view=sent&marker=x"])
def test_an_invalid_parameter_is_refused(site: Client, query: str) -> None:
    assert site.get(f"/notices/?{query}").status_code == 400


def test_the_forecast_is_a_chart_and_a_table(site: Client) -> None:
    assert "No notices are due" in text(site)
    NoticeForecast.objects.create(
        domain_id="default", day=NOW.date() + timedelta(days=1), kind="inactivity", number=1234
    )
    page = text(site)

    assert "About inactivity : 1,234" in page
    assert "Mon 23 0 1,234" in page


def test_an_operator_of_one_domain_sees_its_notices(shops: Client) -> None:
    failed("ours", domain_id="shops")
    notice = failed("theirs", domain_id="default")
    page = text(shops, "?view=failed")

    assert "ours" in page
    assert "theirs" not in page
    assert shops.post(f"/notices/{notice.pk}/again/").status_code == 404


# --- Sending again ------------------------------------------------------------------------------
def test_a_failed_notice_is_due_again_and_the_act_in_the_audit_log(site: Client) -> None:
    notice = failed()
    page = shown(site.post(f"/notices/{notice.pk}/again/", follow=True))
    notice.refresh_from_db()
    event = Event.objects.get(action="send/notice")

    assert "the notice to ann again" in page
    assert (notice.status, notice.settled_at) == ("planned", None)
    assert len(list(notice.history)) == 3
    assert (event.initiator_name, event.event_time) == ("ada", NOW)
    assert (event.target_id, event.target_name) == (notice.user_id, "ann")
    assert event.target_domain_id == "default"
    assert event.resource == f"password_expiring {notice.message_id}"
    assert "550 5.1.1 no such user" in event.remark
    assert event.position is not None


def test_without_the_audit_log_nothing_is_due_again(site: Client) -> None:
    notice = failed()

    def refuse(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("INSERT") and "audit_event" in sql:
            raise DatabaseError(1142, "INSERT command denied to user 'pciops'")
        return execute(sql, *rest)

    with connection.execute_wrapper(refuse):
        response = site.post(f"/notices/{notice.pk}/again/")
    notice.refresh_from_db()

    assert response.status_code == 503
    assert (notice.status, notice.events.count()) == ("refused", 0)


def test_a_notice_that_has_not_failed_is_not_sent_again(site: Client) -> None:
    notice = saved(status="sent", settled_at=NOW)
    page = shown(site.post(f"/notices/{notice.pk}/again/", follow=True))
    notice.refresh_from_db()

    assert "has not failed" in page
    assert notice.status == "sent"
    assert not Event.objects.filter(action="send/notice").exists()


def test_only_operators_who_may_send_again_see_the_button(site: Client, auditor: Client) -> None:
    failed()
    pages = [browser.get("/notices/").content.decode() for browser in (site, auditor)]

    assert ["/again/" in page for page in pages] == [True, False]
    assert ['<span class="sr">Send again</span>' in page for page in pages] == [True, False]


# --- Previews and samples -----------------------------------------------------------------------
@pytest.mark.parametrize("kind", NoticeKind.values)
def test_each_kind_has_its_preview(site: Client, kind: str) -> None:
    assert "Account: “sample” Domain: “Default”" in shown(site.get(f"/notices/preview/{kind}/"))


def test_a_preview_may_be_for_an_account(site: Client) -> None:
    user = make_user("<b>bob</b>", email="bob@example.test")
    for account in (user.id, "<b>bob</b>"):
        response = site.get("/notices/preview/locked/", {"account": account})

        assert "“<b>bob</b>”" in shown(response)
        assert "bob@example.test" in shown(response)
        assert "<b>bob" not in response.content.decode()
    unknown = site.get("/notices/preview/locked/?account=nobody")
    assert unknown.status_code == 400
    assert 'aria-invalid="true"' in unknown.content.decode()
    assert site.get("/notices/preview/birthday/").status_code == 404


def test_a_preview_is_in_the_language_of_the_account_or_in_another(
    site: Client, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "domains.toml"
    path.write_text('[Default]\nlanguage = "de"\ntime_zone = "Europe/Berlin"\n')
    settings.NOTICE_DOMAINS = str(path)
    user = make_user("bob")
    url = "/notices/preview/locked/"
    sample, own, english = (
        shown(site.get(url, query))
        for query in ({}, {"account": user.id}, {"account": user.id, "language": "en"})
    )

    assert "Your account is locked" in sample
    assert "German, times in Europe/Berlin" in own
    assert "Ihr Konto ist gesperrt" in own
    assert "English, times in Europe/Berlin" in english
    assert "Your account is locked" in english
    assert site.get(url, {"language": "xx"}).status_code == 400


@pytest.fixture
def _own_address(operator: Person, settings: Settings) -> None:
    """Give the operator an email address in Keystone, and pciops a sender."""
    make_user("olga2", user_id=operator.id, email="olga@example.test")
    settings.MAIL_FROM = "pciops@cloud.example"


@pytest.mark.usefixtures("_own_address")
@pytest.mark.parametrize(("url", "resource"), [(SAMPLES[0], "locked"), (SAMPLES[1], "digest")])
def test_a_sample_is_sent_to_the_operator_and_recorded(
    site: Client, operator: Person, settings: Settings, url: str, resource: str
) -> None:
    with smtp_server_running() as server:
        settings.MAIL_SERVER = server.address
        page = shown(site.post(url, follow=True))
        assert server.recipients == ["olga@example.test"]
    event = Event.objects.get(action="send/sample")

    assert "olga@example.test: 250 queued" in page
    assert (event.outcome, event.resource) == ("success", resource)
    assert event.remark == "250 queued as 4711"
    assert (event.initiator_id, event.target_id) == (operator.id, operator.id)


@pytest.mark.usefixtures("_own_address")
@pytest.mark.parametrize("url", SAMPLES)
def test_a_mail_server_that_is_down_is_reported(site: Client, settings: Settings, url: str) -> None:
    settings.MAIL_SERVER = MailServer(host="127.0.0.1", port=1, tls="none")
    page = shown(site.post(url, follow=True))
    event = Event.objects.get(action="send/sample")

    assert "127.0.0.1:1 (none): Connection refused" in page
    assert (event.outcome, event.remark) == ("failure", "127.0.0.1:1 (none): Connection refused")


@pytest.mark.usefixtures("_own_address")
def test_samples_are_limited_for_each_operator_and_address(
    site: Client, operator: Person, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "PER_HOUR", 2)
    with smtp_server_running() as server:
        settings.MAIL_SERVER = server.address
        pages = [shown(site.post(url, follow=True)) for url in (*SAMPLES, *SAMPLES)]
        User.objects.using("keystone").filter(pk=operator.id).update(
            extra='{"email": "victim@example.test"}'
        )
        pages.append(shown(site.post(SAMPLES[0], follow=True)))
        assert server.recipients == ["olga@example.test"] * 2

    assert ["At most 2 samples" in page for page in pages] == [False] * 2 + [True] * 3
    refused = Event.objects.filter(action="send/sample", outcome="failure")
    assert refused.count() == 3


@pytest.mark.usefixtures("_own_address")
def test_samples_of_several_operators_to_one_address_are_limited(
    site: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "PER_HOUR", 2)
    for number in range(2):
        services.open_event(
            Event.Action.SAMPLE,
            make_account(id=f"other{number}"),
            precondition=samples.precondition("olga@example.test"),
            initiator=make_initiator(),
            reason="",
            identity="",
            now=timezone.now(),
        )
    with smtp_server_running() as server:
        settings.MAIL_SERVER = server.address
        assert "At most 2 samples" in shown(site.post(SAMPLES[0], follow=True))
        assert server.recipients == []


@pytest.mark.usefixtures("_own_address")
@pytest.mark.parametrize("url", SAMPLES)
def test_no_sample_goes_to_an_address_in_another_domain(
    site: Client, settings: Settings, url: str
) -> None:
    settings.MAIL_DOMAINS = ("cloud.example",)
    with smtp_server_running() as server:
        settings.MAIL_SERVER = server.address
        assert "PCIOPS_MAIL_DOMAINS" in shown(site.post(url, follow=True))
        assert server.recipients == []


@pytest.mark.parametrize("url", SAMPLES)
def test_a_sample_without_a_mail_server_says_why(site: Client, url: str) -> None:
    assert "No sample was sent: set PCIOPS_EMAIL_URL" in shown(site.post(url, follow=True))


# --- Digests ------------------------------------------------------------------------------------
def test_without_digests_the_page_says_when_and_to_whom(site: Client, settings: Settings) -> None:
    settings.DIGEST_RECIPIENTS = ()
    page = text(site)

    assert "Sent daily from 07:00 UTC" in page
    assert "set PCIOPS_DIGEST_RECIPIENTS" in page
    assert "None was written yet" in page


def test_the_last_digests_are_listed_with_the_result(site: Client, settings: Settings) -> None:
    settings.DIGEST_RECIPIENTS = ("ops@cloud.example", "gone@cloud.example")
    settings.MAIL_FROM = "pciops@cloud.example"
    make_locked_user("lou", at=NOW - timedelta(minutes=5))
    digests.write_due(policy=POLICY, now=NOW, day=NOW.date())
    with smtp_server_running() as server:
        server.replies["gone@cloud.example"] = "550 no such user"
        settings.MAIL_SERVER = server.address
        operator_mail.send_due(clock=lambda: NOW)
    page = text(site)

    assert "22 Nov 2026 · entire cloud OpenStack: 1 new lock" in page
    assert re.search("gone@cloud.example ?: Refused by the mail server, 550 no such user", page)
    assert re.search("ops@cloud.example ?: Sent, 250 queued as 4711", page)


def test_the_digest_has_its_preview(site: Client) -> None:
    make_locked_user("<b>lou</b>", at=NOW - timedelta(minutes=5))
    response = site.get("/notices/digest/")

    assert "OpenStack: 1 new lock" in shown(response)
    assert "<b>lou" not in response.content.decode()


def test_an_operator_of_one_domain_sees_its_digest(shops: Client, settings: Settings) -> None:
    settings.DIGEST_RECIPIENTS = ("ops@cloud.example",)
    make_locked_user("ours", at=NOW, domain_id="shops", domain_name="Shops")
    make_locked_user("theirs", at=NOW)
    digests.write_due(policy=POLICY, now=NOW, day=NOW.date())
    page, preview = text(shops), shown(shops.get("/notices/digest/"))

    assert "ops@cloud.example" not in page
    assert "PCIOPS_DIGEST_RECIPIENTS" not in page
    assert "domain “Shops”: 1 new lock" in preview
    assert "theirs" not in preview
