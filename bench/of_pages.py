"""What bench.pages measures; Django is set up when this is imported."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from django.utils import timezone
from django.utils.http import urlencode

from bench import reference
from bench.bare import BareConnection
from bench.cloud import KEYSTONES, Bench
from bench.fill import DAYS
from bench.measure import Memory, Page, Work, children, said, say
from bench.reference import Reference
from pciops.accounts import rare, selectors
from pciops.accounts.census import census
from pciops.accounts.policy import policy
from pciops.accounts.query import AccountQuery
from pciops.accounts.states import BY_NAME
from pciops.keystone.models import LocalUser

GOAL: Final = 0.1  # seconds, of a page that no line below names
GOALS: Final = {"locked": 0.45, "an account": 0.025, "overview": 0.15, "census": 5.0}
SCANS: Final = 1.0  # of lists that have to read a whole table
SCANNED: Final = {"expiring", "inactive_soon", "near_lockout", "lock_lapsed", "unreadable"}
EXACT: Final = 0.06
EXPORTED: Final = "inactive"
ROWS_A_SECOND: Final = 15_000  # of an export
MEMORY: Final = 60 * 2**20  # bytes over idle that an export may take


class _Measuring:
    """The running site, a bare connection to its database, and the processes that both use."""

    def __init__(self, bench: Bench) -> None:
        assert bench.server.process is not None
        self.site = bench.site
        self.workers = children(bench.site.server.process.pid)
        self.database = bench.server.process.pid
        self.bare = BareConnection(port=bench.server.port, user="keystone", password=KEYSTONES)
        self.visitor = bench.site.visitor()
        self.visitor.sign_in(bench.operator)

    def get(self, address: str) -> None:
        """Get a page as a browser does."""
        response = self.visitor.get(address)
        assert response.status_code == 200, f"{response.url}: {response.status_code}"

    def page(
        self, what: str, ours: Callable[[], object], best: Callable[[], object] | None, goal: float
    ) -> Page:
        """Measure a page and its reference in turns."""
        work = Work(ours, best, database=self.database, workers=self.workers)
        page = Page(
            what=what,
            goal=goal,
            ours=work.ours,
            best=work.best,
            best_database=work.best_cpu,
            database=work.database_cpu,
            workers=work.workers_cpu,
        )
        say("  ".join(page.cells))
        return page


def measured(bench: Bench, parts: Collection[str]) -> Iterator[Page]:
    """Yield the lines of the table, as they come."""
    measuring = _Measuring(bench)
    rare.scan(policy.current(), timezone.now())
    if "census" in parts:
        yield measuring.page("census", _take_census, None, GOALS["census"])
    if "lists" in parts:
        yield from _lists(measuring)
    if "pages" in parts:
        yield from _pages(measuring)
    if "export" in parts:
        yield _export(bench, measuring)


def _take_census() -> None:
    census.take(policy=policy.current(), now=timezone.now())


def _lists(measuring: _Measuring) -> Iterator[Page]:
    now = timezone.now()
    for state, best in reference.lists(now).items():
        goal = GOALS.get(state, SCANS if state in SCANNED else GOAL)
        query = AccountQuery(state=BY_NAME.get(state))
        yield _list(measuring, state or "all accounts", query, best, goal, now)
    domains = [domain.id for domain in selectors.domains(scope=None)]
    for what, text, begins in (
        ("an exact name", "user-77777", True),
        ("the beginning of a name", "user-7777", True),
        ("a part of a name", "r-77777", False),
        ("an unknown name", "nobody-has-it", False),
    ):
        query = AccountQuery(text=text, begins=begins)
        goal = EXACT if begins else SCANS
        best = reference.search(text, begins=begins, domains=domains)
        yield _list(measuring, f"search: {what}", query, best, goal, now)


def _list(
    measuring: _Measuring,
    what: str,
    query: AccountQuery,
    best: Reference,
    goal: float,
    now: datetime,
) -> Page:
    """Measure the first page of a list, whose accounts both find alike."""
    few = [row[0] for row in measuring.bare.rows(best.few)] if best.few else []
    sql = best.ids.replace("{few}", ", ".join(map(str, few or [0])))
    wanted = [user_id for (user_id,) in measuring.bare.rows(sql)]
    limit = 100_000 if best.whole else reference.PAGE
    page = selectors.page(
        query, scope=None, policy=policy.current(), now=now, marker="", limit=limit
    )
    found = [account.id for account in page.accounts]
    if best.whole:
        wanted, found = sorted(wanted), sorted(found)
    differ = f"{what}: the list and its reference differ"
    assert wanted[: reference.PAGE] == found[: len(wanted)][: reference.PAGE], differ
    shown = wanted[: reference.PAGE]

    def read() -> None:
        measuring.bare.rows(sql)
        if shown:
            measuring.bare.rows(reference.details(len(shown)), shown)

    names = {
        "state": query.state.name if query.state else "",
        "q": query.text,
        "match": "" if not query.text else "begins" if query.begins else "contains",
    }
    asked = {key: value for key, value in names.items() if value} or {"view": "all"}
    return measuring.page(
        what, partial(measuring.get, f"/accounts/?{urlencode(asked)}"), read, goal
    )


def _pages(measuring: _Measuring) -> Iterator[Page]:
    user_id = LocalUser.objects.order_by("pk")[500].user_id

    def read() -> None:
        for sql in reference.ACCOUNT:
            measuring.bare.rows(sql, [user_id])

    account = partial(measuring.get, f"/accounts/{user_id}/")
    yield measuring.page("an account", account, read, GOALS["an account"])
    locked = reference.lists(timezone.now())["locked"].ids
    overview = partial(measuring.bare.rows, locked)
    yield measuring.page("overview", partial(measuring.get, "/"), overview, GOALS["overview"])
    for name in ("activity", "audit", "policy", "reports", "notices", "status"):
        yield measuring.page(name, partial(measuring.get, f"/{name}/"), None, GOAL)


def _export(bench: Bench, measuring: _Measuring) -> Page:
    """Measure a long list as CSV, against one streamed statement for its rows."""
    address = f"{bench.site.url}/accounts/export?state={EXPORTED}&format=csv"
    count = 0

    def ours() -> None:
        nonlocal count
        with measuring.visitor.http.get(address, stream=True) as response:
            assert response.status_code == 200, response.status_code
            count = sum(chunk.count(b"\n") for chunk in response.iter_content(65536)) - 1

    with Memory(measuring.workers) as memory:
        page = measuring.page(
            f"CSV of the {EXPORTED} accounts", ours, lambda: measuring.bare.stream(_STREAMED), 0
        )
    grown = memory.over / 2**20
    assert memory.over <= MEMORY, f"the export took {grown:.0f} MiB"
    rate = count / page.ours
    say(f"{count:,} rows, {rate:,.0f} a second, {grown:.0f} MiB over idle, {said(page.ours)}")
    return replace(page, goal=max(count / ROWS_A_SECOND, GOAL))


_STREAMED = f"""
    SELECT l.user_id, l.name, l.domain_id, d.name, u.extra, u.enabled, u.created_at,
      u.last_active_at, l.failed_auth_count, l.failed_auth_at, p.created_at_int, p.expires_at_int,
      (SELECT GROUP_CONCAT(o.option_id, o.option_value) FROM user_option o
        WHERE o.user_id = l.user_id)
    FROM local_user l JOIN user u ON u.id = l.user_id LEFT JOIN project d ON d.id = u.domain_id
    LEFT JOIN password p ON p.id = (SELECT q.id FROM password q WHERE q.local_user_id = l.id
      ORDER BY q.created_at_int DESC, q.id DESC LIMIT 1)
    WHERE u.enabled AND (u.last_active_at <= UTC_DATE() - INTERVAL {DAYS} DAY
        OR u.last_active_at IS NULL AND u.created_at < UTC_DATE() - INTERVAL {DAYS - 1} DAY)
      AND NOT EXISTS (SELECT 1 FROM user_option o WHERE o.user_id = l.user_id
        AND o.option_id = '1004' AND o.option_value = 'true')
    ORDER BY l.domain_id, l.name"""  # noqa: S608 (numbers only)
