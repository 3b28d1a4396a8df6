"""Rules of the house: which way imports point, sizes, docstrings."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.db import connections

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ROOT / "pciops"

# Each package imports only from layers before its own; packages of one layer are strangers.
LAYERS = [
    {"lib"},
    {"keystone"},
    {"accounts"},
    {"audit"},
    {"events"},
    {"actions", "notices"},
    {"reports"},
    {"signin"},
    {"web", "api"},
    {"demo"},
]
RANK = {package: rank for rank, layer in enumerate(LAYERS) for package in layer}

# What may pull the parts together: settings, URLs and the entry points.
TOP = {"__init__.py", "cli.py", "settings.py", "urls.py", "wsgi.py", "celery.py"}

LONGEST_FILE = 400  # lines; style says why, settings and migrations aside
LONGEST_FUNCTION = 60

MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|home|root|Users|mnt)/")


def python_files(folder: Path) -> list[Path]:
    """Every Python file below the folder that a person wrote."""
    return sorted(path for path in folder.rglob("*.py") if "migrations" not in path.parts)


def text_files() -> list[Path]:
    """Every file of the repository that a reader sees, whatever its kind."""
    folders = ["pciops", "templates", "static", "script", "deploy", "docs", ".ci"]
    below = [path for name in folders for path in (ROOT / name).rglob("*")]
    beside = list(ROOT.glob("*.*")) + [path for path in ROOT.glob(".*") if path.is_file()]
    kinds = {"", ".css", ".html", ".js", ".md", ".py", ".sh", ".svg", ".toml", ".txt"}
    return sorted(
        path
        for path in {*below, *beside}
        if path.is_file()
        and path.suffix in kinds
        and not path.name.startswith((".git", ".coverage"))
    )


def imported_packages(source: str, path: Path) -> set[str]:
    """The packages of pciops that a module imports, wherever in it the import stands.

    Args:
        path: where the module lies below `pciops/`; relative imports are counted from there.
    """
    names: set[str] = set()
    here = ["pciops", *path.parent.parts]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            module = [*base, *(node.module or "").split(".")] if node.module else base
            names.update(".".join([*module, alias.name]) for alias in node.names)
    parts = [name.split(".") for name in names]
    return {words[1] for words in parts if words[0] == "pciops" and len(words) > 1}


def violations(source: str, path: Path) -> set[str]:
    """The packages that a module of `pciops/` imports against the direction."""
    package = path.parts[0]
    others = (imported_packages(source, path) & RANK.keys()) - {package}
    return {other for other in others if RANK[other] >= RANK[package]}


def read(path: Path) -> str:
    """The text of a file."""
    return path.read_text(encoding="utf-8")


PRODUCT_FILES = python_files(PRODUCT)
ALL_FILES = [*PRODUCT_FILES, *python_files(ROOT / "tests"), ROOT / "manage.py"]


def test_imports_point_to_an_earlier_layer() -> None:
    within = [path.relative_to(PRODUCT) for path in PRODUCT_FILES if path.parent != PRODUCT]
    wrong = {str(path): violations(read(PRODUCT / path), path) for path in within}

    assert len(within) > 20
    assert {path: names for path, names in wrong.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pciops.web.views",
        "from pciops.web import views",
        "from pciops import web",
        "from ..web import views",
        "from .. import web",
        "def late():\n    from pciops.web import views",
        "if TYPE_CHECKING:\n    from pciops.web.views import page",
    ],
)
def test_an_import_to_the_right_is_seen_however_it_is_written(source: str) -> None:
    assert violations(source, Path("keystone/models.py")) == {"web"}


def test_an_import_from_a_sibling_is_a_violation() -> None:
    assert violations("from pciops.api import urls", Path("web/views.py")) == {"api"}


def test_an_import_to_the_left_is_none() -> None:
    source = "from pciops.lib import env\nfrom . import models\nfrom pciops import __version__"

    assert violations(source, Path("web/views.py")) == set()


def test_the_layers_are_exactly_the_packages() -> None:
    packages = {path.parent.name for path in PRODUCT.glob("*/__init__.py")}

    assert packages == RANK.keys()


def test_beside_the_packages_there_is_only_what_pulls_them_together() -> None:
    assert {path.name for path in PRODUCT.glob("*.py")} <= TOP


def test_every_module_says_what_it_is_for() -> None:
    silent = [path for path in ALL_FILES if not ast.get_docstring(ast.parse(read(path)))]

    assert silent == []


def test_no_file_is_too_long_to_read_in_one_go() -> None:
    lines = {path: read(path).count("\n") for path in ALL_FILES if path.name != "settings.py"}

    assert {path: number for path, number in lines.items() if number > LONGEST_FILE} == {}


def test_no_function_is_two_ideas() -> None:
    long = {
        (path, node.name)
        for path in PRODUCT_FILES
        for node in ast.walk(ast.parse(read(path)))
        if isinstance(node, ast.FunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    }

    assert long == set()


def test_nothing_names_a_path_of_the_machine_it_was_written_on() -> None:
    named = {path: MACHINE_PATHS.findall(read(path)) for path in text_files()}

    assert {path: found for path, found in named.items() if found} == {}


@pytest.mark.django_db(databases=["keystone"])
def test_keystones_test_database_holds_keystones_tables_alone() -> None:
    tables = set(connections["keystone"].introspection.table_names())

    assert "local_user" in tables
    assert {name for name in tables if name.startswith(("auth_", "audit_", "signin_"))} == set()
