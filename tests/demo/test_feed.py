"""The demo's consumer records the notifications in a file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from pciops.demo.management.commands import demo_feed
from pciops.demo.management.commands.demo_feed import feed
from pciops.events.models import Attempts, ConsumerSession, DeadLetter
from tests.events import messages
from tests.factories import NOW

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


class Turns(threading.Event):
    """An event that runs one act at each wait, and is set after the last."""

    def __init__(self, *acts: object) -> None:
        super().__init__()
        self.acts: Iterator[object] = iter(acts)

    def wait(self, timeout: float | None = None) -> bool:
        act = next(self.acts, None)
        if act is None:
            self.set()
        elif callable(act):
            act()
        return self.is_set()


def clock() -> datetime:
    return NOW


def test_new_lines_are_recorded_when_they_are_complete(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    whole = messages.sign_in()
    path.write_text(f"{messages.sign_in()}\n{whole[:40]}")
    counted: list[int] = []

    def rest() -> None:
        counted.append(Attempts.objects.get().count)
        with path.open("a") as file:
            file.write(f"{whole[40:]}\n")

    feed(path, stop=Turns(rest, lambda: None), clock=clock)

    assert counted == [1]
    assert Attempts.objects.get().count == 2
    assert not DeadLetter.objects.exists()


def test_the_file_may_come_later(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    feed(
        path,
        stop=Turns(lambda: path.write_text(f"{messages.sign_in()}\n"), lambda: None),
        clock=clock,
    )

    assert Attempts.objects.get().count == 1


def test_many_lines_are_recorded_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_feed, "BATCH", 5000)
    path = tmp_path / "lines"
    path.write_text("".join(f"{messages.sign_in()}\n" for _ in range(20)))
    feed(path, stop=Turns(), clock=clock)

    assert Attempts.objects.get().count == 20


def test_a_second_start_records_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text(f"{messages.sign_in()}\n")
    for _ in range(2):
        feed(path, stop=Turns(), clock=clock)

    assert Attempts.objects.get().count == 1


def test_the_session_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text(f"{messages.sign_in()}\n")
    feed(path, stop=Turns(), clock=clock)
    run = ConsumerSession.objects.get()

    assert (run.connected, run.messages, run.error) == (True, 1, "ended")
