"""Handing in mails to servers that say unusual things, each of them on loopback."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest

from pciops.lib.env import MailServer
from pciops.lib.post import Answer, Mail, MailServerDown, Smtp, Verdict
from tests.support.processes import wait_until

MAIL = b"From: pciops@cloud.example\r\nSubject: a test\r\n\r\nhello\r\n"
FROM = "pciops@cloud.example"
OFFERS = pytest.mark.parametrize("offer", ["", "PIPELINING"])


@dataclass
class Script:
    """A server that answers each command as it is told, and keeps the mails that it took."""

    offer: str = ""
    replies: dict[str, str] = field(default_factory=dict)  # line, or its first word → reply
    texts: list[str] = field(default_factory=list)  # replies to the first texts
    mails: list[bytes] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def reply(self, line: str) -> str:
        """What it says to a line."""
        word = line.split()[0].upper()
        usual = {
            "EHLO": f"250-here\r\n250 {self.offer or 'HELP'}",
            "DATA": "354 go on",
            "QUIT": "221 bye",
        }
        found = self.replies.get(line) or self.replies.get(word)
        return found or usual.get(word, "250 OK")


class _Handler(socketserver.StreamRequestHandler):
    script: Script

    def handle(self) -> None:
        script = self.script
        script.connections += 1
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            script.heard.append(line)
            reply = script.reply(line)
            if reply == "hang up":
                return
            self._say(reply)
            if reply.startswith(("421", "221")):
                return
            if reply.startswith("354"):
                lines = []
                while (read := self.rfile.readline()) != b".\r\n":
                    if not read:
                        return
                    lines.append(read)
                script.mails.append(b"".join(lines))
                usual = script.replies.get("text", "250 taken")
                answer = script.texts.pop(0) if script.texts else usual
                if answer == "hang up":
                    return
                self._say(answer)
                if answer.startswith("421"):
                    return

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def serving(script: Script) -> Iterator[Smtp]:
    """A connection to a server that follows the script."""
    handler = type("Handler", (_Handler,), {"script": script})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            with Smtp(
                MailServer(host="127.0.0.1", port=server.server_address[1], tls="none")
            ) as it:
                yield it
        finally:
            server.shutdown()
            thread.join()


def deliver(post: Smtp, to: str = "ann@example.test", mail: bytes = MAIL) -> Answer:
    """Hand in one mail."""
    return post.deliver(mail, sender=FROM, to=to)


def deliver_all(post: Smtp, *people: str) -> Generator[Answer, None, None]:
    """Hand in one mail for each."""
    mails = [Mail(to, MAIL) for to in people]
    return cast("Generator[Answer, None, None]", post.deliver_all(mails, sender=FROM))


@OFFERS
def test_a_mail_arrives_as_it_was_written_dots_and_all(offer: str) -> None:
    script = Script(offer=offer)
    mail = MAIL + b".\r\n..two\r\nthe end.\r\n"
    with serving(script) as post:
        answer = deliver(post, mail=mail)

    assert answer == Answer(Verdict.SENT, "250 taken")
    assert [text.replace(b"\r\n..", b"\r\n.") for text in script.mails] == [mail]


@OFFERS
def test_a_recipient_who_is_refused_does_not_stop_the_next_mail(offer: str) -> None:
    script = Script(offer=offer, replies={"RCPT TO:<bad@example.test>": "550 no such user"})
    script.replies["DATA"] = "354 go on"
    with serving(script) as post:
        refused = deliver(post, "bad@example.test")
        taken = deliver(post)

    assert refused == Answer(Verdict.REFUSED, "550 no such user")
    assert taken.verdict is Verdict.SENT
    assert [text for text in script.mails if text] == [MAIL]
    assert script.connections == 1


def test_a_server_that_asks_for_the_text_of_a_refused_mail_gets_an_empty_one() -> None:
    script = Script(offer="PIPELINING", replies={"RCPT": "550 no such user"})
    with serving(script) as post:
        deliver(post)

    assert script.mails == [b""]


@OFFERS
@pytest.mark.parametrize(
    ("step", "reply", "answer"),
    [
        ("RCPT", "450 greylisted", Answer(Verdict.LATER, "450 greylisted")),
        ("RCPT", "421 shutting down", Answer(Verdict.LATER, "421 shutting down")),
        ("DATA", "554 no valid recipients", Answer(Verdict.REFUSED, "554 no valid recipients")),
        ("DATA", "451 try again", Answer(Verdict.LATER, "451 try again")),
        ("DATA", "250 what?", Answer(Verdict.LATER, "250 what?")),
        ("text", "554 spam", Answer(Verdict.REFUSED, "554 spam")),
        ("text", "452 disk full", Answer(Verdict.LATER, "452 disk full")),
        ("text", "421 shutting down", Answer(Verdict.LATER, "421 shutting down")),
    ],
)
def test_what_the_server_says_against_a_mail_is_that_mails_answer(
    offer: str, step: str, reply: str, answer: Answer
) -> None:
    script = Script(offer=offer, replies={step: reply})
    with serving(script) as post:
        said = deliver(post)
        script.replies.clear()
        after = deliver(post)

    assert said == answer
    assert after.verdict is Verdict.SENT


@OFFERS
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
def test_a_connection_that_breaks_costs_one_mail_an_attempt(offer: str, step: str) -> None:
    script = Script(offer=offer, replies={step: "hang up"})
    with serving(script) as post:
        broken = deliver(post)
        script.replies.clear()
        after = deliver(post)

    assert broken.verdict is Verdict.LATER
    assert "the connection broke" in broken.words
    assert (after.verdict, script.connections) == (Verdict.SENT, 2)


@OFFERS
def test_a_sender_who_is_refused_is_no_fault_of_a_mail(offer: str) -> None:
    script = Script(offer=offer, replies={"MAIL": "530 log in first"})
    with serving(script) as post, pytest.raises(MailServerDown, match="530 log in first"):
        deliver(post)

    assert script.mails == []


@OFFERS
def test_what_was_announced_and_not_handed_in_is_no_mail(offer: str) -> None:
    script = Script(offer=offer)
    with serving(script) as post:
        said = deliver_all(post, "ann@example.test", "bob@example.test")
        next(said)
        said.close()

    assert script.mails == [MAIL]


def test_a_server_with_pipelining_gets_a_text_and_the_next_recipient_at_once() -> None:
    script = Script(offer="PIPELINING")
    with serving(script) as post:
        said = deliver_all(post, "ann@example.test", "bob@example.test")
        next(said)
        wait_until(lambda: script.heard.count("DATA") == 2, "it has heard of bob")
        taken = len(script.mails)
        answers = list(said)

    assert taken == 1  # whoever asks has not come for bob's answer, so his text is not out
    assert [answer.verdict for answer in answers] == [Verdict.SENT]
    assert len(script.mails) == 2


@OFFERS
@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("550 no such user", Verdict.REFUSED),
        ("450 greylisted", Verdict.LATER),
        ("421 shutting down", Verdict.LATER),
        ("hang up", Verdict.LATER),
    ],
)
def test_of_many_mails_each_gets_its_own_answer(
    offer: str, number: int, reply: str, verdict: Verdict
) -> None:
    people = ["ann@example.test", "bob@example.test", "cleo@example.test"]
    script = Script(offer=offer, replies={f"RCPT TO:<{people[number]}>": reply})
    with serving(script) as post:
        verdicts = [answer.verdict for answer in deliver_all(post, *people)]

    expected = [Verdict.SENT] * 3
    expected[number] = verdict
    assert verdicts == expected
    assert [text for text in script.mails if text] == [MAIL] * 2


@OFFERS
@pytest.mark.parametrize("reply", ["554 spam", "421 shutting down", "hang up"])
def test_a_text_that_is_not_taken_costs_the_mail_behind_it_nothing(offer: str, reply: str) -> None:
    script = Script(offer=offer, texts=["250 taken", reply, "250 taken"])
    with serving(script) as post:
        said = deliver_all(post, "ann@example.test", "bob@example.test", "cleo@example.test")
        verdicts = [answer.verdict for answer in said]

    failed = Verdict.REFUSED if reply.startswith("5") else Verdict.LATER
    assert verdicts == [Verdict.SENT, failed, Verdict.SENT]


@OFFERS
def test_an_address_that_the_server_cannot_take_does_not_stop_the_next_mail(offer: str) -> None:
    script = Script(offer=offer)
    with serving(script) as post:
        said = deliver_all(post, "ann@example.test", "用户@example.test", "bob@example.test")
        verdicts = [answer.verdict for answer in said]

    assert verdicts == [Verdict.SENT, Verdict.REFUSED, Verdict.SENT]
