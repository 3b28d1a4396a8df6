"""The pages of the notices."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from pytest_django import Settings

from pciops.audit.models import Event
from pciops.lib.env import MailServer
from pciops.notices import digests
from pciops.notices.mail import operator_mail
from pciops.notices.models import Notice, NoticeForecast, NoticeKind
from tests.factories import NOW, POLICY, make_locked_user, make_user
from tests.fake_keystone import FakeKeystone
from tests.notices.queued import build_notice
from tests.notices.smtp_server import smtp_server_running
from tests.signin.visit import shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def kept(**facts: Any) -> Notice:
    """A notice in the table."""
    notice = build_notice(**facts)
    notice.save()
    return notice


def failed(name: str = "ann", **facts: Any) -> Notice:
    """One that the mail server refused an hour ago."""
    return kept(
        name=name,
        status="refused",
        answer="550 5.1.1 no such user",
        settled_at=NOW - timedelta(hours=1),
        attempts=1,
        **facts,
    )


def test_without_a_mail_server_the_page_says_so(site: Client) -> None:
    assert "No mail goes out: PCIOPS_EMAIL_URL is not set" in shown(site.get("/notices/"))


def test_failures_come_first_with_the_words_of_the_server(site: Client) -> None:
    failed()
    page = shown(site.get("/notices/"))

    assert "550 5.1.1 no such user" in page
    assert "Failed 1" in page


@pytest.mark.parametrize(
    ("view", "facts", "words"),
    [
        ("unaddressed", {"status": "no_address", "email": ""}, "No mail address"),
        ("unaddressed", {"status": "bad_address", "email": "x"}, "Broken mail address"),
        ("waiting", {"status": "planned"}, "nothing yet"),
        ("sent", {"status": "sent", "settled_at": NOW, "answer": "250 queued"}, "250 queued"),
        (
            "cancelled",
            {"status": "cancelled", "settled_at": NOW, "answer": "the account is gone"},
            "the account is gone",
        ),
    ],
)
def test_each_list_has_its_own(site: Client, view: str, facts: dict[str, Any], words: str) -> None:
    failed("bob")
    kept(**facts)
    page = shown(site.get(f"/notices/?view={view}"))

    assert words in page
    assert "bob" not in page


@pytest.mark.parametrize("view", ["failed", "unaddressed", "waiting", "sent", "cancelled"])
def test_an_empty_list_says_what_that_means(site: Client, view: str) -> None:
    assert '<div class="card empty">' in site.get(f"/notices/?view={view}").content.decode()


def test_the_days_to_come_are_a_chart_and_a_table(site: Client) -> None:
    NoticeForecast.objects.create(
        domain_id="default", day=NOW.date() + timedelta(days=1), kind="inactivity", number=1234
    )
    page = shown(site.get("/notices/"))

    assert "About inactivity : 1,234" in page
    assert "Mon 23 0 1,234" in page


def test_without_a_planning_there_is_no_chart(site: Client) -> None:
    assert "Nothing is to come" in shown(site.get("/notices/"))


def test_what_ended_long_ago_is_not_listed(site: Client) -> None:
    kept(status="refused", settled_at=NOW - timedelta(days=31))

    assert "Failed 0" in shown(site.get("/notices/?view=failed"))


def test_pages_follow_each_other_and_leave_nobody_out(site: Client) -> None:
    for number in range(120):
        kept(name=f"user{number}", status="sent", settled_at=NOW - timedelta(minutes=number // 7))
    seen: list[str] = []
    address = "/notices/?view=sent"
    while address:
        context = site.get(address).context
        seen += [notice.name for notice in context["notices"]]
        address = f"/notices/{context['next']}" if context["next"] else ""

    assert sorted(seen) == sorted(f"user{number}" for number in range(120))


@pytest.mark.parametrize("query", ["view=nonsense", "view=sent&marker=x"])
def test_what_makes_no_sense_is_answered_with_what_would_do(site: Client, query: str) -> None:
    assert site.get(f"/notices/?{query}").status_code == 400


def test_who_sees_one_domain_sees_its_notices_alone(
    clock: object, fake_keystone: FakeKeystone
) -> None:
    sam = fake_keystone.person("sam", domain_id="shops", roles={"shops": {"admin"}})
    site = signed_in(sam)
    failed("ours", domain_id="shops")
    notice = failed("theirs", domain_id="default")
    page = shown(site.get("/notices/?view=failed"))

    assert "ours" in page
    assert "theirs" not in page
    assert site.post(f"/notices/{notice.pk}/again/").status_code == 404


def test_a_notice_that_failed_is_sent_again(site: Client) -> None:
    notice = failed()
    page = shown(site.post(f"/notices/{notice.pk}/again/", follow=True))
    notice.refresh_from_db()

    assert "The notice to ann is due again." in page
    assert (notice.status, notice.settled_at) == ("planned", None)
    assert [moment.what for moment in notice.history] == [
        "Planned",
        "Refused by the mail server",
        "To be sent again",
    ]


def test_sending_again_is_in_the_trail_as_an_act_on_the_account(site: Client) -> None:
    notice = failed()
    site.post(f"/notices/{notice.pk}/again/")
    [event] = Event.objects.filter(action="send/notice")

    assert (event.initiator_name, event.event_time) == ("ada", NOW)
    assert (event.target_id, event.target_name) == (notice.user_id, "ann")
    assert event.target_domain_id == "default"
    assert event.resource == f"password_expiring {notice.message_id}"
    assert event.remark == "Refused by the mail server: 550 5.1.1 no such user"
    assert event.position is not None


def test_without_the_trail_nothing_is_sent_again(site: Client) -> None:
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


def test_what_has_not_failed_leaves_nothing_in_the_trail(site: Client) -> None:
    site.post(f"/notices/{kept(status='sent', settled_at=NOW).pk}/again/")

    assert not Event.objects.filter(action="send/notice").exists()


def test_a_notice_that_went_out_is_not_sent_again(site: Client) -> None:
    notice = kept(status="sent", settled_at=NOW)
    page = shown(site.post(f"/notices/{notice.pk}/again/", follow=True))
    notice.refresh_from_db()

    assert "has not failed" in page
    assert notice.status == "sent"


def test_only_who_may_send_again_sees_the_button(
    clock: object, fake_keystone: FakeKeystone, site: Client
) -> None:
    failed()
    reader = signed_in(fake_keystone.person("rita", roles={"system": {"reader"}}))
    pages = [client.get("/notices/").content.decode() for client in (site, reader)]

    assert ["Send again" in page for page in pages] == [True, False]
    assert ['<span class="visually-hidden">Act</span>' in page for page in pages] == [True, False]


def test_sending_again_is_no_link(site: Client) -> None:
    assert site.get(f"/notices/{failed().pk}/again/").status_code == 405


@pytest.mark.parametrize("kind", NoticeKind.values)
def test_each_kind_has_its_preview(site: Client, kind: str) -> None:
    page = shown(site.get(f"/notices/preview/{kind}/"))

    assert "Hello sample," in page


def test_a_preview_is_for_the_account_that_one_names(site: Client) -> None:
    user = make_user("<b>bob</b>", email="bob@example.test")
    for text in (user.id, "<b>bob</b>"):
        response = site.get("/notices/preview/locked/", {"account": text})

        assert "Hello <b>bob</b>," in shown(response)
        assert "bob@example.test" in shown(response)
        assert "<b>bob" not in response.content.decode()


def test_a_preview_for_nobody_is_refused(site: Client) -> None:
    assert site.get("/notices/preview/locked/?account=nobody").status_code == 400
    assert site.get("/notices/preview/birthday/").status_code == 404


def test_a_sample_goes_to_the_operator(site: Client, operator: Any, settings: Settings) -> None:
    make_user("olga2", user_id=operator.id, email="olga@example.test")
    settings.MAIL_FROM = "pciops@cloud.example"
    with smtp_server_running() as server:
        settings.MAIL_SERVER = server.address
        page = shown(site.post("/notices/sample/locked/", follow=True))

        assert server.recipients == ["olga@example.test"]
    assert "Sent to olga@example.test: 250 queued" in page
    [event] = Event.objects.filter(action="send/sample")
    assert (event.outcome, event.resource, event.remark) == (
        "success",
        "locked",
        "250 queued as 4711",
    )
    assert (event.initiator_id, event.target_id) == (operator.id, operator.id)


def test_a_sample_without_a_server_says_why(site: Client) -> None:
    page = shown(site.post("/notices/sample/locked/", follow=True))

    assert "There is no mail server, or Keystone has no address of yours." in page


def test_a_server_that_is_away_is_said(site: Client, operator: Any, settings: Settings) -> None:
    make_user("olga2", user_id=operator.id, email="olga@example.test")
    settings.MAIL_FROM = "pciops@cloud.example"
    settings.MAIL_SERVER = MailServer(host="127.0.0.1", port=1, tls="none")
    page = shown(site.post("/notices/sample/locked/", follow=True))

    assert "The mail server does not take mails: 127.0.0.1:1 (none): Connection refused" in page
    [event] = Event.objects.filter(action="send/sample")
    assert (event.outcome, event.remark) == ("failure", "127.0.0.1:1 (none): Connection refused")


# --- Digests ------------------------------------------------------------------------------------
def test_the_page_says_who_gets_digests_and_from_when(site: Client, settings: Settings) -> None:
    settings.DIGEST_RECIPIENTS = ()
    page = shown(site.get("/notices/"))

    assert "Written once a day, from 07:00 UTC on." in page
    assert "Nobody gets the cloud's digest: PCIOPS_DIGEST_RECIPIENTS is not set." in page
    assert "None was written yet." in page


def test_the_last_digests_are_listed_with_what_became_of_them(
    site: Client, settings: Settings
) -> None:
    settings.DIGEST_RECIPIENTS = ("ops@cloud.example", "gone@cloud.example")
    settings.MAIL_FROM = "pciops@cloud.example"
    make_locked_user("lou", at=NOW - timedelta(minutes=5))
    digests.write_due(policy=POLICY, now=NOW, day=NOW.date())
    with smtp_server_running() as server:
        server.replies["gone@cloud.example"] = "550 no such user"
        settings.MAIL_SERVER = server.address
        operator_mail.send_due(clock=lambda: NOW)
    page = shown(site.get("/notices/"))

    assert "22 Nov 2026 the cloud OpenStack: 1 new lock, 3 gaps in the timetable" in page
    assert "gone@cloud.example Refused by the mail server: 550 no such user" in page
    assert "ops@cloud.example Sent: 250 queued as 4711" in page


def test_the_digest_has_its_preview(site: Client) -> None:
    make_locked_user("<b>lou</b>", at=NOW - timedelta(minutes=5))
    response = site.get("/notices/digest/")

    assert "OpenStack: 1 new lock" in shown(response)
    assert "<b>lou" not in response.content.decode()


def test_who_sees_one_domain_sees_its_digest_alone(
    clock: object, fake_keystone: FakeKeystone, settings: Settings
) -> None:
    sam = fake_keystone.person("sam", domain_id="shops", roles={"shops": {"admin"}})
    site = signed_in(sam)
    settings.DIGEST_RECIPIENTS = ("ops@cloud.example",)
    make_locked_user("ours", at=NOW, domain_id="shops", domain_name="Shops")
    make_locked_user("theirs", at=NOW)
    digests.write_due(policy=POLICY, now=NOW, day=NOW.date())
    page, preview = shown(site.get("/notices/")), shown(site.get("/notices/digest/"))

    assert "ops@cloud.example" not in page
    assert "PCIOPS_DIGEST_RECIPIENTS" not in page
    assert "domain Shops: 1 new lock" in preview
    assert "theirs" not in preview


def test_a_sample_of_the_digest_goes_to_the_operator(
    site: Client, operator: Any, settings: Settings
) -> None:
    make_user("olga2", user_id=operator.id, email="olga@example.test")
    settings.MAIL_FROM = "pciops@cloud.example"
    with smtp_server_running() as server:
        settings.MAIL_SERVER = server.address
        page = shown(site.post("/notices/digest/sample/", follow=True))

        assert server.recipients == ["olga@example.test"]
    assert "Sent to olga@example.test: 250 queued" in page
    assert site.get("/notices/digest/sample/").status_code == 405
    assert Event.objects.get(action="send/sample").resource == "digest"


def test_a_sample_of_the_digest_without_a_server_says_why(site: Client) -> None:
    page = shown(site.post("/notices/digest/sample/", follow=True))

    assert "There is no mail server, or Keystone has no address of yours." in page


def test_a_server_that_takes_no_digest_is_said(
    site: Client, operator: Any, settings: Settings
) -> None:
    make_user("olga2", user_id=operator.id, email="olga@example.test")
    settings.MAIL_FROM = "pciops@cloud.example"
    settings.MAIL_SERVER = MailServer(host="127.0.0.1", port=1, tls="none")
    page = shown(site.post("/notices/digest/sample/", follow=True))

    assert "The mail server does not take mails: 127.0.0.1:1 (none): Connection refused" in page


def test_the_account_page_shows_the_mails_to_its_owner(site: Client) -> None:
    user = make_user("bob")
    failed("bob", user_id=user.id)
    page = shown(site.get(f"/accounts/{user.id}/"))

    assert "Mails to its owner" in page
    assert "Refused by the mail server 13:02:11 UTC ( 550 5.1.1 no such user )" in page
