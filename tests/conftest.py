"""What every test needs: Keystone's tables in the test database, and an order for the workers."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper
from hypothesis import settings
from pytest_django.plugin import DjangoDbBlocker

from pciops.audit.apps import GUARDS
from pciops.celery import app
from pciops.lib import triggers

# Examples take long on a busy machine. `script/check` chooses the profile with few of them; tests
# with expensive examples take a part of the profile's (tests/support/examples.py).
settings.register_profile("full", deadline=None, max_examples=100)
settings.register_profile("quick", deadline=None, max_examples=10)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile("full")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Run the tests of a file on one worker, and all live tests on the same one.

    The live tests share servers, which would otherwise be started on every worker.
    """
    from xdist.scheduler import LoadFileScheduling

    class Scheduler(LoadFileScheduling):  # type: ignore[misc]  # published without types
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "live" if file.startswith("tests/live/") else file

    return Scheduler(config, log)


SAME: Final = ("keystone_primary", "keystone_unlock")  # aliases of the database of `keystone`

# Tests that take about 0.15 seconds or more each, by file or by name: `script/check` leaves them to
# `script/test`. Most walk whole pages, render files or start programs.
SLOW: Final = (
    *("tests/accounts/test_census.py", "tests/accounts/test_prefilter.py"),
    "tests/accounts/test_rare.py::test_list_equals",
    *("tests/accounts/test_states_agree.py", "tests/accounts/test_whatif.py::test_numbers_equal"),
    *("tests/actions/test_recovery.py", "tests/api/test_unlock_limits.py"),
    "tests/api/test_schemathesis.py",
    *("tests/audit/test_chain.py", "tests/audit/test_refusals.py"),
    *("tests/demo/test_settings.py", "tests/lib/test_jobs.py::test_one_of_four_processes"),
    *("tests/matrix/", "tests/test_entry_points.py", "tests/test_settings.py"),
    *("tests/test_cli.py", "tests/test_package.py"),
    *("tests/reports/sections/test_account_lists.py", "tests/reports/sections/test_accounts.py"),
    *(
        "tests/reports/test_build.py",
        "tests/reports/test_deliver.py",
        "tests/reports/test_formats.py",
    ),
    *("tests/reports/test_pdf.py", "tests/reports/test_report_command.py"),
    *(
        "tests/reports/test_verdicts.py",
        "tests/web/test_bulk.py",
        "tests/web/test_hostile_names.py",
    ),
    *("tests/web/test_bulk_steps.py", "tests/web/test_list_navigation.py"),
    *("tests/web/test_odd_rows.py", "tests/web/test_unlock_limits.py"),
    *("tests/reports/test_schedule.py", "tests/accounts/test_by_date.py::test_both_orders"),
    "tests/signin/test_throttle.py::test_wider_ipv6",
    # These wait: for a retry of kombu, and for one of our own.
    *("tests/lib/test_doctor.py::test_broker_outage", "tests/events/test_record.py::test_a_batch"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark slow tests, and allow all aliases of Keystone in every test that may use `keystone`.

    See `django_db_setup` for the latter.
    """
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker(pytest.mark.slow)
    for marker in (marker for item in items for marker in item.iter_markers("django_db")):
        databases = marker.kwargs.get("databases") or ()
        if "keystone" in databases:
            kwargs = cast("dict[str, Any]", marker.kwargs)
            kwargs["databases"] = list({*databases, *SAME})


def pytest_collection_finish() -> None:
    """Spare the garbage collector thousands of tests that stay until the end: 8 % of the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Create the tables of Keystone's unmanaged models in the test database.

    The other aliases become the same connection, not others to the same tables: a second
    connection to SQLite in memory would find what the test has written locked.
    """
    keystone = cast("DatabaseWrapper", connections["keystone"])
    if not keystone.is_in_memory_db():  # none of the chosen tests needs it
        yield
        return
    with django_db_blocker.unblock():
        with keystone.schema_editor() as editor:
            for model in apps.get_app_config("keystone").get_models():
                editor.create_model(model)
        separate = {alias: connections[alias] for alias in SAME}
        for alias in SAME:
            connections[alias] = keystone
    yield
    for alias in SAME:
        connections[alias] = separate[alias]


@pytest.fixture(scope="session")
def evidence_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the evidence key of this process."""
    return tmp_path_factory.mktemp("evidence")


@pytest.fixture(autouse=True)
def _no_old_anchors(evidence_folder: Path) -> None:
    """Let each test begin with the same evidence key, and without copies of anchors."""
    django_settings.EVIDENCE_KEY_FILE = str(evidence_folder / "evidence_key")
    (evidence_folder / "evidence_key.notes").unlink(missing_ok=True)


@pytest.fixture(scope="session", autouse=True)
def _messages_stay_in_memory() -> None:
    """Keep tasks that unit tests enqueue out of files: no worker reads them."""
    app.conf.update(broker_url="memory://localhost", broker_transport_options={})


@pytest.fixture(autouse=True)
def _nothing_is_recent() -> None:
    """Forget the answers of the test before."""
    cache.clear()


@pytest.fixture
def unguarded(transactional_db: None) -> Iterator[None]:
    """Let the database be flushed after the test, which the triggers of evidence refuse."""
    yield
    triggers.remove(GUARDS)
