"""What bench.pages measures; Django is set up when this is imported."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any

import requests
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone
from django.utils.http import urlencode

from bench.bare import BareConnection, Statement, recorded
from bench.cloud import KEYSTONES, Bench
from bench.measure import RUNS, Memory, Row, children, once, pair, said
from pciops.accounts import selectors
from pciops.accounts.census import census
from pciops.accounts.policy import policy
from pciops.accounts.query import AccountQuery
from pciops.accounts.states import BY_NAME, STATES
from pciops.keystone.models import LocalUser
from pciops.signin.models import Operator
from pciops.signin.rights import Rights, Role
from pciops.web import account_list, account_page, overview
from tests.support.visitor import Visitor

PAGE_LIMIT = "1.3 × bare + 50 ms"
DEEP = 100  # the page that is measured beside the first
EXPORTED = "inactive"
Get = Callable[[str], requests.Response]
MEMORY = 60  # MiB over idle that an export may take


def measured(bench: Bench, parts: Collection[str]) -> Iterator[Row]:
    """The lines of the table, as they come."""
    visitor = bench.site.visitor()
    visitor.sign_in(bench.operator)
    bare = BareConnection(port=bench.server.port, user="keystone", password=KEYSTONES)
    if "census" in parts:
        yield _census()
    if "lists" in parts:
        yield from _lists(visitor.get, bare)
        yield _account(visitor.get, bare)
    if "overview" in parts:
        yield _overview(visitor.get, bare)
    if "export" in parts:
        yield from _export(bench, visitor, bare)
    if "keystone" in parts:
        yield _keystone(bench)


def _lists(get: Get, bare: BareConnection) -> Iterator[Row]:
    for state in (*STATES, None):
        yield from _list(get, bare, state.name if state else "")
    for text in ("user-77777", "user77777@", "nobody-is-called-so"):
        yield from _list(get, bare, "", text=text)
    yield from _list(get, bare, "locked", sort="name")


def _list(
    get: Get, bare: BareConnection, state: str, *, text: str = "", sort: str = ""
) -> Iterator[Row]:
    """The first page of a list and a deep one."""
    query = AccountQuery(state=BY_NAME.get(state), text=text, sort=sort)
    now, rules = timezone.now(), policy.current()

    def page(marker: str, limit: int = 50) -> selectors.AccountPage:
        return selectors.page(query, scope=None, policy=rules, now=now, marker=marker, limit=limit)

    deep = page("", limit=50 * (DEEP - 1)).next
    names = {"state": state, "sort": sort, "q": text}
    name = " ".join(f"{key}={value}" for key, value in names.items() if value) or "all accounts"
    for which, marker in (("first page", ""), (f"page {DEEP}", deep)):
        if which != "first page" and not marker:
            continue
        asked = {key: value for key, value in {**names, "marker": marker}.items() if value}
        address = f"/accounts/?{urlencode(asked)}"
        statements = _statements(account_list.account_list, address)
        ours, plain = pair(partial(_ok, get, address), partial(bare.run, statements))
        yield Row(
            what=f"{name}, {which}",
            ours=ours,
            bare=plain,
            limit=PAGE_LIMIT,
            kept=ours <= min(1.3 * plain + 0.05, 1.0),
        )


def _statements(view: Callable[..., HttpResponse], address: str, *words: str) -> list[Statement]:
    """What the view sends to Keystone's database for somebody who sees the whole cloud."""
    request = RequestFactory().get(address)
    request.user = Operator(id="bench", name="bench", domain_id="default", domain_name="Default")
    request.user.rights = Rights(
        role=Role.ADMINISTRATOR, domain_id=None, domain_name=None, management=True
    )
    with recorded() as statements:
        view(request, *words)
    return statements


def _account(get: Get, bare: BareConnection) -> Row:
    user_id = LocalUser.objects.order_by("pk")[5000].user_id
    address = f"/accounts/{user_id}/"
    statements = _statements(account_page.account_detail, address, user_id)
    ours, plain = pair(partial(_ok, get, address), partial(bare.run, statements))
    return Row(
        what="an account page",
        ours=ours,
        bare=plain,
        limit=PAGE_LIMIT,
        kept=ours <= 1.3 * plain + 0.05,
    )


def _overview(get: Get, bare: BareConnection) -> Row:
    statements = _statements(overview.overview_page, "/")
    ours, plain = pair(partial(_ok, get, "/"), partial(bare.run, statements))
    return Row(what="overview", ours=ours, bare=plain, limit="300 ms", kept=ours <= 0.3)


def _census() -> Row:
    took = sorted(once(_take_census) for _ in range(RUNS))[RUNS // 2]
    return Row(what="census", ours=took, bare=None, limit="5 s", kept=took <= 5)


def _take_census() -> None:
    census.take(policy=policy.current(), now=timezone.now())


def _export(bench: Bench, visitor: Visitor, bare: BareConnection) -> Iterator[Row]:
    """A long list as CSV; its rows, newest passwords and options as one streamed statement."""
    workers = children(bench.site.server.process.pid)
    address = f"{bench.site.url}/accounts/export?state={EXPORTED}&format=csv"
    count = 0

    def ours() -> None:
        nonlocal count
        headers = {"X-Auth-Token": bench.token}
        with visitor.http.get(address, stream=True, headers=headers) as response:
            assert response.status_code == 200, response.status_code
            count = sum(chunk.count(b"\n") for chunk in response.iter_content(65536)) - 1

    with Memory(workers) as memory:
        took, plain = pair(ours, lambda: bare.stream(_STREAMED))
    yield Row(
        what=f"CSV of {count:,} {EXPORTED} accounts",
        ours=took,
        bare=plain,
        limit="2 × bare",
        kept=took <= 2 * plain,
    )
    mib = memory.over / 2**20
    yield Row(
        what="memory of a worker over idle, in that export",
        ours=mib,
        bare=None,
        limit=f"{MEMORY} MiB",
        kept=mib <= MEMORY,
        unit="MiB",
    )


_STREAMED = """
    SELECT l.user_id, l.name, l.domain_id, d.name, u.extra, u.enabled, u.created_at,
      u.last_active_at, l.failed_auth_count, l.failed_auth_at, p.created_at_int, p.expires_at_int,
      (SELECT GROUP_CONCAT(o.option_id, o.option_value) FROM user_option o
        WHERE o.user_id = l.user_id)
    FROM local_user l JOIN user u ON u.id = l.user_id LEFT JOIN project d ON d.id = u.domain_id
    LEFT JOIN password p ON p.id = (SELECT q.id FROM password q WHERE q.local_user_id = l.id
      ORDER BY q.created_at_int DESC, q.id DESC LIMIT 1)
    WHERE u.enabled AND (u.last_active_at <= UTC_DATE() - INTERVAL 90 DAY
        OR u.last_active_at IS NULL AND u.created_at < UTC_DATE() - INTERVAL 89 DAY)
      AND NOT EXISTS (SELECT 1 FROM user_option o WHERE o.user_id = l.user_id
        AND o.option_id = '1004' AND o.option_value = 'true')
    ORDER BY l.domain_id, l.name"""


def _keystone(bench: Bench) -> Row:
    """Keystone's own answer to "who": it shows no lock, no failure and no activity."""
    headers = {"X-Auth-Token": bench.token}
    address: str | None = f"{bench.keystone.url}/users?limit=1000"
    begun, users = time.perf_counter(), 0
    for _ in range(20):
        if not address:
            break
        answer: dict[str, Any] = requests.get(address, headers=headers, timeout=120).json()
        users += len(answer["users"])
        address = answer["links"]["next"]
    took = time.perf_counter() - begun
    [row] = bench.server.execute("SELECT COUNT(*) AS number FROM user", database="keystone")
    whole = took / users * row["number"]
    what = f"GET /v3/users of Keystone, {users:,} users; a walk of all would take {said(whole)}"
    return Row(what=what, ours=took, bare=None, limit="", kept=True)


def _ok(get: Get, address: str) -> None:
    response = get(address)
    assert response.status_code == 200, f"{response.url}: {response.status_code}"
