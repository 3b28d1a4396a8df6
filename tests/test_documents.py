"""Tests that hold documents to code: settings, timetable, commands, API routes, and names."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.urls import URLResolver, get_resolver

import bench.__main__ as bench
from pciops.actions.registry import BY_NAME
from pciops.api.document import ERRORS
from pciops.celery import app
from pciops.web.metrics.catalog import CATALOG, REQUESTS, STATEMENTS
from tests.test_house_rules import LAYERS
from tests.test_secrets import SECRETS

ROOT = Path(__file__).resolve().parent.parent


def document(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def first_cells(name: str, heading: str) -> list[str]:
    """Return the code in the first cell of each row of the table under a heading."""
    section = re.split(rf"^#+ {re.escape(heading)}$", document(name), flags=re.M)[1]
    section = re.split(r"^#+ ", section, maxsplit=1, flags=re.M)[0]
    return re.findall(r"^\| `([^`]+)`", section, flags=re.M)


def test_the_document_of_settings_is_what_the_code_says() -> None:
    command = [sys.executable, str(ROOT / "script" / "settings")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert printed == document("docs/settings.md"), "Run: script/settings > docs/settings.md"


def test_the_document_of_settings_names_exactly_the_settings_of_the_code() -> None:
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

    documented = set(re.findall(r"^\| `(\w+)`", document("docs/settings.md"), re.M))

    assert documented == settings


def test_each_bench_has_its_marks_in_the_document_of_performance() -> None:
    text = document("docs/performance.md")
    for name in bench.BENCHES:
        replaced = bench.replaced(text, name, "measured")
        assert f"<!-- bench.{name} -->\nmeasured\n<!-- end of bench.{name} -->" in replaced


def test_the_timetable_names_exactly_the_jobs_of_beat() -> None:
    assert first_cells("docs/operations.md", "Timetable") == list(app.conf.beat_schedule)


def test_the_table_of_metrics_names_exactly_the_metrics_and_their_labels() -> None:
    rows = re.findall(r"^\| `(pciops_\w+)` \| ([^|]*) \|", document("docs/operations.md"), re.M)

    assert rows == [
        (name, ", ".join(f"`{label}`" for label in family.labels))
        for family in (*CATALOG, REQUESTS, STATEMENTS)
        for name in family.sample_names
    ]


def test_the_list_of_commands_names_exactly_our_commands() -> None:
    ours = {
        name
        for name, package in get_commands().items()
        if package.startswith("pciops.") and name != "migrate"
    }

    assert set(first_cells("docs/operations.md", "Commands")) == ours


def test_every_secret_has_its_rotation() -> None:
    section = document("docs/operations.md").partition("\n## Rotate ")[2].partition("\n## ")[0]

    assert [name for name in SECRETS if f"`{name}`" not in section] == []


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
    acts = {path.replace("<act>", name) for path in documented for name in BY_NAME}

    assert acts == api_routes()
    for name in BY_NAME:
        assert f"`{name}`" in document("docs/api.md") or f"/{name}`" in document("docs/api.md")


def test_the_api_document_has_exactly_the_errors_of_the_api() -> None:
    section = document("docs/api.md").partition("\n## Errors\n")[2]
    codes = re.findall(r"^\| (\d+) \|", section, re.M)

    assert {int(code) for code in codes} == {*ERRORS, 405}


DOCUMENTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md") + tuple(
    f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))
)


def test_the_drawing_has_exactly_the_layers() -> None:
    drawing = re.findall(r"lib → keystone → [^\n]* → demo", document("docs/architecture.md"))[0]
    layers = [set(re.findall(r"\w+", layer)) for layer in drawing.split("→")]

    assert layers == LAYERS


def test_the_table_of_packages_names_exactly_the_packages() -> None:
    packages = [package for layer in LAYERS for package in layer]

    assert sorted(first_cells("docs/architecture.md", "Layers")) == sorted(packages)


def definitions(path: str) -> set[str]:
    """Return the names that a module defines, those in a class as `Act.perform`."""

    def names(body: list[ast.stmt], prefix: str = "") -> set[str]:
        found: set[str] = set()
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(prefix + node.name)
            if isinstance(node, ast.ClassDef):
                found |= names(node.body, f"{prefix}{node.name}.")
            targets = (
                node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            )
            found |= {prefix + target.id for target in targets if isinstance(target, ast.Name)}
        return found

    return names(ast.parse(document(path)).body)


def test_every_name_in_the_architecture_exists() -> None:
    named = re.findall(r"`([\w/]+\.py):([\w.]+)`", document("docs/architecture.md"))
    missing = [f"{path}:{name}" for path, name in named if name not in definitions(path)]

    assert len(named) > 60
    assert missing == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_file_that_a_document_names_exists(name: str) -> None:
    text = document(name)
    folders = "bench|deploy|docs|pciops|script|static|templates|tests"
    quoted = re.findall(rf"`((?:{folders})/[\w./-]*)(?::[\w.]+)?`", text)
    linked = re.findall(r"\]\(([^):#]+)(?:#[\w-]+)?\)", text)
    beside = (ROOT / name).parent
    missing = [path for path in quoted if not (ROOT / path).exists()]
    missing += [path for path in linked if not (beside / path).exists()]

    assert missing == []


def test_the_index_has_every_document() -> None:
    listed = re.findall(r"^\| \[[^]]*\]\(([^)]+)\)", document("docs/README.md"), re.M)

    assert sorted([*listed, "README.md"]) == sorted(
        path.name for path in (ROOT / "docs").glob("*.md")
    )
