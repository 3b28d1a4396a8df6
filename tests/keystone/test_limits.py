"""The limits of statements of jobs, as the backend adds them to SQL."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from pciops.keystone import limits
from pciops.keystone.limits import Limits
from pciops.keystone.mysql import base

SELECT = "SELECT id FROM user"


@pytest.mark.parametrize(
    ("limited", "on_mariadb", "on_mysql"),
    [
        (
            Limits(seconds=60),
            "SET STATEMENT max_statement_time = 60 FOR SELECT id FROM user",
            "SELECT /*+ SET_VAR(max_execution_time = 60000) */ id FROM user",
        ),
        (
            Limits(sorts_groups=True),
            "SELECT SQL_BIG_RESULT id FROM user",
            "SELECT SQL_BIG_RESULT id FROM user",
        ),
        (
            Limits(seconds=60, sorts_groups=True),
            "SET STATEMENT max_statement_time = 60 FOR SELECT SQL_BIG_RESULT id FROM user",
            "SELECT /*+ SET_VAR(max_execution_time = 60000) */ SQL_BIG_RESULT id FROM user",
        ),
    ],
)
def test_a_limit_is_part_of_the_statement(limited: Limits, on_mariadb: str, on_mysql: str) -> None:
    assert limited.applied(SELECT, is_mariadb=True) == on_mariadb
    assert limited.applied(SELECT, is_mariadb=False) == on_mysql


@pytest.mark.parametrize("sql", ["SET time_zone = '+00:00'", "\nSELECT VERSION()", "UPDATE user"])
def test_only_selects_have_limits(sql: str) -> None:
    assert not Limits(seconds=60).reaches(sql)
    assert not Limits().reaches(SELECT)
    assert Limits(seconds=60).reaches("(SELECT 1) UNION ALL (SELECT 2)")


def test_limits_end_with_their_block_and_add_up() -> None:
    with limits.of_job():
        with limits.sorting_groups():
            assert limits.current() == Limits(seconds=limits.JOB_SECONDS, sorts_groups=True)
        assert limits.current() == Limits(seconds=limits.JOB_SECONDS)

    assert limits.current() == Limits()


def test_a_thread_has_the_limits_in_a_copy_of_the_context() -> None:
    seen: list[Limits] = []

    def started_with(run: Callable[..., object]) -> Limits:
        thread = Thread(target=run, args=(lambda: seen.append(limits.current()),))
        thread.start()
        thread.join()
        return seen.pop()

    with limits.of_job():
        assert started_with(copy_context().run).seconds == limits.JOB_SECONDS


def test_the_driver_waits_longer_for_a_statement_of_a_job_and_only_for_it() -> None:
    driver = SimpleNamespace(_read_timeout=20)
    connection = SimpleNamespace(connection=driver, mysql_is_mariadb=True)
    seen: list[tuple[str, int]] = []

    def execute(sql: str, *_: Any) -> None:
        seen.append((sql, driver._read_timeout))

    for sql in (SELECT, "SET time_zone = '+00:00'"):
        with limits.of_job():
            base.with_limits(execute, sql, None, False, {"connection": connection})
    base.with_limits(execute, SELECT, None, False, {"connection": connection})

    assert [seconds for _, seconds in seen] == [limits.JOB_SECONDS + limits.DRIVER_SECONDS, 20, 20]
    assert [sql.startswith("SET STATEMENT") for sql, _ in seen] == [True, False, False]
    assert driver._read_timeout == 20
