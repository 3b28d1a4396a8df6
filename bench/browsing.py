"""Operators who browse: each gets a page, reads it for a while, and gets the next.

They are threads of a process of their own. It writes the times of all pages when its standard input
ends. Style sheets and scripts are not fetched: a browser has them in its cache.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import requests

from bench.cloud import Bench
from bench.measure import say
from tests.support.cloud import Cloud
from tests.support.processes import ENDS_WITH_US, ROOT
from tests.support.visitor import Visitor

# Pages with their paths, and how often they are chosen beside the others.
PAGES: Final[dict[str, tuple[str, int]]] = {
    "overview": ("/", 3),
    "locked accounts": ("/accounts/?state=locked", 4),
    "another list": ("/accounts/?state={state}", 3),
    "search": ("/accounts/?q=user-{number}", 3),
    "account": ("/accounts/{account}/", 6),
    "activity": ("/activity/", 1),
    "audit log": ("/audit/", 1),
    "policy": ("/policy/", 1),
    "notices": ("/notices/", 1),
    "reports": ("/reports/", 1),
}
STATES: Final = ("disabled", "inactive", "expired", "expiring", "near_lockout", "never_signed_in")
_ACCOUNT: Final = re.compile(r'href="/accounts/([0-9a-f]{32})/"')


@dataclass
class Browsed:
    """What the operators saw, known after they have ended.

    Attributes:
        times: seconds of each page that came, sorted, by page.
        errors: what came instead, and how often, by page.
    """

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def pages(self) -> int:
        return sum(map(len, self.times.values()))


class Operator(threading.Thread):
    """One operator, who is signed in, or an open overview that refreshes itself."""

    def __init__(
        self, url: str, session: str, seed: int, *, think: float, refreshing: bool
    ) -> None:
        super().__init__()
        self.visitor = Visitor(url)
        self.visitor.http.cookies["pciops-session"] = session
        if refreshing:  # as htmx does it (templates/base.html)
            self.visitor.http.headers.update({"HX-Request": "true", "X-By-Itself": "1"})
        self.think, self.refreshing = think, refreshing
        self.seen: list[tuple[str, float, str]] = []  # page, seconds, error
        self._random = random.Random(seed)
        self._accounts: list[str] = []

    def run(self) -> None:
        time_to_read = self._random.uniform(0, self.think)  # so that they do not begin at once
        names, weights = list(PAGES), [weight for _, weight in PAGES.values()]
        while not _over.wait(time_to_read):
            [name] = ["overview"] if self.refreshing else self._random.choices(names, weights)
            self._get(name if self._accounts or name != "account" else "locked accounts")
            time_to_read = self._random.uniform(0.5, 1.5) * self.think

    def _get(self, name: str) -> None:
        path = PAGES[name][0].format(
            state=self._random.choice(STATES),
            number=self._random.randrange(1, 100_000),
            account=self._random.choice(self._accounts or [""]),
        )
        begun = time.perf_counter()
        try:
            page = self.visitor.get(path)
        except requests.RequestException as error:
            problem = type(error).__name__
        else:
            problem = "" if page.status_code == requests.codes.ok else str(page.status_code)
            if not problem and "/signin/" in page.url:
                problem = "signed out"
            self._accounts = _ACCOUNT.findall(page.text) or self._accounts
        self.seen.append((name, time.perf_counter() - begun, problem))


_over = threading.Event()


def signed_in(bench: Bench, number: int) -> list[str]:
    """Return the sessions of so many new operators."""
    cloud, sessions = Cloud(bench.keystone, bench.server), []
    for _ in range(number):
        visitor = bench.site.visitor()
        page = visitor.sign_in(cloud.create_operator("browsing"))
        assert page.status_code == requests.codes.ok, page.status_code
        sessions.append(visitor.session)
    say(f"{number} operators have signed in")
    return sessions


@contextmanager
def browsing(
    url: str, sessions: list[str], *, think: float, nice: int = 0, refreshing: bool = False
) -> Iterator[Browsed]:
    """Let operators browse inside this block.

    Args:
        think: seconds between two pages of an operator, from half to one and a half of that.
        nice: of their process; 19 leaves the processors to others.
        refreshing: they only have the overview open.
    """
    browsed = Browsed()
    process = subprocess.Popen(
        [*ENDS_WITH_US, "nice", "-n", str(nice), sys.executable, "-m", "bench.browsing"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    told = {"url": url, "sessions": sessions, "think": think, "refreshing": refreshing}
    process.stdin.write(json.dumps(told) + "\n")
    process.stdin.flush()
    try:
        yield browsed
    finally:
        written, _ = process.communicate()
    assert process.returncode == 0
    browsed.times |= json.loads(written)["times"]
    browsed.errors |= json.loads(written)["errors"]


def main() -> None:
    """Browse until standard input ends."""
    told = json.loads(sys.stdin.readline())
    operators = [
        Operator(told["url"], session, seed, think=told["think"], refreshing=told["refreshing"])
        for seed, session in enumerate(told["sessions"])
    ]
    for operator in operators:
        operator.start()
    sys.stdin.read()
    _over.set()
    for operator in operators:
        operator.join()
    json.dump(_counted(operators), sys.stdout)


def _counted(operators: list[Operator]) -> dict[str, Any]:
    times: dict[str, list[float]] = defaultdict(list)
    errors: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for name, seconds, problem in (seen for operator in operators for seen in operator.seen):
        if problem:
            errors[name][problem] += 1
        else:
            times[name].append(seconds)
    return {"times": {name: sorted(found) for name, found in times.items()}, "errors": errors}


if __name__ == "__main__":
    main()
