"""Tests that hold documents to code: settings, timetable, commands, and API routes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from django.core.management import get_commands
from django.urls import URLResolver, get_resolver

from pciops.celery import app

ROOT = Path(__file__).resolve().parent.parent


def document(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def first_cells(name: str, heading: str) -> list[str]:
    """Return the code in the first cell of each row of the table under a heading."""
    section = re.split(rf"^#+ {re.escape(heading)}$", document(name), flags=re.M)[1]
    section = re.split(r"^#+ ", section, maxsplit=1, flags=re.M)[0]
    return re.findall(r"^\| `([^`]+)`", section, flags=re.M)


def test_the_settings_table_names_exactly_the_settings_of_the_code() -> None:
    source = document("pciops/settings.py")
    settings = {
        node.args[0].value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
        and re.fullmatch(r"(PCIOPS|OS)_[A-Z_]*[A-Z]", node.args[0].value)
    }

    documented = set(first_cells("README.md", "Settings")) - {"PCIOPS_POLICY_<OPTION>"}

    assert documented == settings


def test_the_timetable_names_exactly_the_jobs_of_beat() -> None:
    assert first_cells("docs/operations.md", "Timetable") == list(app.conf.beat_schedule)


def test_the_list_of_commands_names_exactly_our_commands() -> None:
    ours = {
        name
        for name, package in get_commands().items()
        if package.startswith("pciops.") and name != "migrate"
    }

    assert set(first_cells("docs/operations.md", "Commands")) == ours


def api_routes() -> set[str]:
    """Return the routes of the API as the document writes them: `accounts/<user_id>`."""

    def walk(resolver: URLResolver, prefix: str) -> set[str]:
        routes: set[str] = set()
        for entry in resolver.url_patterns:
            path = prefix + str(entry.pattern)
            if isinstance(entry, URLResolver):
                routes |= walk(entry, path)
            elif entry.name and path.startswith("api/v1/"):
                routes.add("/" + re.sub(r"<\w+:", "<", path))
        return routes

    return walk(get_resolver(), "")


def test_the_api_document_has_exactly_the_routes_of_the_api() -> None:
    documented = re.findall(r"^## `(?:GET|POST) (/api/v1/[^`]*)`", document("docs/api.md"), re.M)
    named = {
        re.sub(r"/unlock$", "/<name>", path) if "<user_id>" in path else path for path in documented
    }

    assert {path.replace("<act>", "<name>") for path in named} == api_routes()
