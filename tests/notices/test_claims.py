"""Claims: who sends what, in which order it is written down, and what a crash leaves."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from pciops.lib.post import Answer, Folder, Verdict, office
from pciops.notices import rules, send
from pciops.notices.models import Notice
from tests.factories import NOW, POLICY
from tests.notices.letterbox import Letterbox
from tests.notices.sending import make_due, notice, send_all

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])
Status = Notice.Status
MINUTE = timedelta(minutes=1)


def test_what_one_has_claimed_another_does_not_get(letterbox: Letterbox) -> None:
    make_due("ann", "bob", "cleo")
    one, two = send.Claim.take(NOW, 2), send.Claim.take(NOW, 2)
    assert one is not None
    assert two is not None

    assert sorted(n.name for n in [*one.notices, *two.notices]) == ["ann", "bob", "cleo"]
    assert send.Claim.take(NOW, 2) is None


def test_what_the_dead_have_claimed_is_sent_when_their_lease_is_over(
    letterbox: Letterbox,
) -> None:
    make_due("ann")
    send.Claim.take(NOW, 10)
    send_all(NOW + send.LEASE - MINUTE / 60)

    assert letterbox.reached == []

    send_all(NOW + send.LEASE)

    assert letterbox.reached == ["ann@example.test"]


def test_who_lost_a_claim_changes_nothing_any_more(letterbox: Letterbox) -> None:
    make_due("ann")
    claim = send.Claim.take(NOW, 10)
    assert claim is not None
    send_all(NOW + send.LEASE)
    answer = Answer(Verdict.REFUSED, "550 late")

    assert claim.write_down(claim.notices[0], answer, NOW + send.LEASE) is None
    claim.release(claim.notices)

    assert notice().status == Status.SENT


def test_a_batch_ends_well_before_its_lease_and_gives_back_the_rest(letterbox: Letterbox) -> None:
    make_due("ann", "bob", "cleo")
    ticks = iter(range(100))

    def slow() -> datetime:
        return NOW + next(ticks) * MINUTE

    claim = send.Claim.take(NOW, 10)
    assert claim is not None
    with office(letterbox.server) as post:
        send._send(claim, post, send.Sent(), policy=POLICY, book=rules.current(), clock=slow)

    assert len(letterbox.envelopes) == 2
    assert Notice.objects.filter(status=Status.PLANNED).count() == 1


def test_a_crash_between_the_servers_answer_and_ours_repeats_the_same_message_id(
    letterbox: Letterbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due("ann")

    def dies(*_: object) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(send.Claim, "write_down", dies)
        patched.setattr(send.Claim, "release", lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            send_all()
    send_all(NOW + send.LEASE)

    assert len({mail["Message-ID"] for mail in letterbox.mails}) == 1
    assert len(letterbox.mails) == 2


class Watched(Folder):
    """A folder that looks, whenever a mail comes, how many before it have no answer yet."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.taken = 0
        self.unwritten: list[int] = []

    def hand_in(self, message: bytes) -> None:
        """Look, and take it."""
        written = Notice.objects.filter(status=Status.SENT).count()
        self.unwritten.append(self.taken - written)
        super().hand_in(message)
        self.taken += 1


def test_no_mail_is_handed_in_before_the_answers_to_all_others_are_written_down(
    sender: None, tmp_path: Path
) -> None:
    make_due("ann", "bob", "cleo")
    claim = send.Claim.take(NOW, 10)
    assert claim is not None
    with Watched(tmp_path) as folder:
        send._send(
            claim, folder, send.Sent(), policy=POLICY, book=rules.current(), clock=lambda: NOW
        )

    assert folder.unwritten == [0, 0, 0]


def test_no_more_go_out_in_a_minute_than_the_rate_allows(
    letterbox: Letterbox, settings: Settings
) -> None:
    settings.NOTICE_RATE = 2
    make_due("ann", "bob", "cleo", "dan", "eve")
    now, waits = NOW, []

    def pause(seconds: float) -> None:
        nonlocal now
        waits.append(len(letterbox.envelopes))
        now += timedelta(seconds=20 * seconds)

    send.send_due(policy=POLICY, book=rules.current(), clock=lambda: now, pause=pause)

    assert waits == [2, 2, 2, 4, 4, 4]
    assert len(letterbox.envelopes) == 5


def test_two_who_claim_at_the_same_moment_do_not_exceed_the_rate(
    letterbox: Letterbox, settings: Settings
) -> None:
    settings.NOTICE_RATE = 2
    make_due("ann", "bob", "cleo", "dan", "eve")
    now, calls, sent = NOW, 0, []

    def clock() -> datetime:
        nonlocal calls
        calls += 1
        if calls == 2:  # the share is known, and the claim comes next
            send.Claim.take(NOW, 2)
        return now

    def pause(seconds: float) -> None:
        nonlocal now
        sent.append(len(letterbox.envelopes))
        now += MINUTE

    send.send_due(policy=POLICY, book=rules.current(), clock=clock, pause=pause)

    assert sent == [0, 2]
    assert len(letterbox.envelopes) == 3
