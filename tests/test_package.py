"""The package: built as a wheel, installed into a fresh environment, and used from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from tests.test_documents import first_cells
from tests.test_settings import GOOD, ROOT

RENDER = """
import django
django.setup()
from django.conf import settings
from django.test import Client
settings.ALLOWED_HOSTS = ["*"]
answer = Client().get("/signin/", secure=True)
from django.utils.translation import gettext, override
with override("de"):
    print(answer.status_code, "/static/css/" in answer.content.decode(), gettext("Account"))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `bin` of an environment with the package; its libraries are those of the tests."""
    folder = tmp_path_factory.mktemp("package")
    for words in (
        ["-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        ["-m", "venv", "--without-pip", str(folder / "venv")],
    ):
        subprocess.run([sys.executable, *words], cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("pciops-*.whl")
    python = folder / "venv" / "bin" / "python"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"),
            *("install", "--no-deps", "--no-index", str(wheel)),
        ],
        check=True,
        capture_output=True,
    )
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    (Path(packages) / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return python.parent


def pciops(
    installed: Path, folder: Path, *words: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a folder that has nothing of the checkout."""
    return subprocess.run(
        [installed / "pciops", *words],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "PCIOPS_ENV_FILE": os.devnull,
            "PCIOPS_VAR": str(folder / "var"),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_alone_lists_ours_and_what_an_installation_needs(
    installed: Path, tmp_path: Path
) -> None:
    done = pciops(installed, tmp_path)
    listed = re.findall(r"^ +(\w+)$", done.stdout, re.M)
    ours = first_cells("docs/operations.md", "Commands")

    assert done.returncode == 0, done.stderr
    assert listed == sorted([*ours, "check", "collectstatic", "migrate", "showmigrations"])
    assert {"createsuperuser", "flush", "runserver", "demo"}.isdisjoint(listed)
    assert list(tmp_path.iterdir()) == []  # nothing is made before an installation


def test_the_installed_package_serves_pages_and_languages_with_its_own_files(
    installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "pciops.env").write_text("".join(f"{k}={v}\n" for k, v in GOOD.items()))
    environment = {"PCIOPS_ENV_FILE": str(tmp_path / "pciops.env")}
    for words in (["migrate", "-v0"], ["collectstatic", "--noinput", "-v0"]):
        done = pciops(installed, tmp_path, *words, **environment)
        assert done.returncode == 0, done.stderr
    page = subprocess.run(
        [installed / "python", "-c", RENDER],
        cwd=tmp_path,
        env={
            **environment,
            "DJANGO_SETTINGS_MODULE": "pciops.settings",
            "PCIOPS_VAR": str(tmp_path / "var"),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert page.stdout.strip() == "200 True Konto", page.stderr
    assert (tmp_path / "var" / "static" / "staticfiles.json").is_file()


def test_the_package_says_which_pythons_it_runs_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    fits = SpecifierSet(project["requires-python"])

    assert named == [f"3.{minor}" for minor in range(30) if fits.contains(f"3.{minor}.9")]
    assert named == ["3.11", "3.12", "3.13"]


def test_a_command_without_settings_names_them(installed: Path, tmp_path: Path) -> None:
    done = pciops(installed, tmp_path, "check")

    assert done.returncode == 1
    assert "PCIOPS_KEYSTONE_DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr
