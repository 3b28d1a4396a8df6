"""The software bill of materials that script/sbom prints."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from pciops import __version__

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def bom() -> dict[str, Any]:
    """What it prints."""
    command = [sys.executable, str(ROOT / "script/sbom")]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    value: dict[str, Any] = json.loads(text)
    return value


def test_it_is_valid_cyclonedx(bom: dict[str, Any]) -> None:
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bom))

    assert problem is None


def test_it_has_exactly_the_locked_libraries(bom: dict[str, Any]) -> None:
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([\w.-]+)==([\w.]+)", lock, re.M))

    assert {(part["name"], part["version"]) for part in bom["components"]} == locked
    assert bom["metadata"]["component"]["version"] == __version__
    hashes = [part["externalReferences"][0]["hashes"] for part in bom["components"]]
    assert sum(len(of) for of in hashes) == lock.count("--hash=sha256:")


def test_it_says_what_each_library_is_needed_by(bom: dict[str, Any]) -> None:
    needs = {entry["ref"].partition("@")[0]: entry["dependsOn"] for entry in bom["dependencies"]}
    needed = {ref.partition("@")[0] for refs in needs.values() for ref in refs}

    assert {ref.partition("@")[0] for ref in needs["pkg:pypi/celery"]} >= {"pkg:pypi/kombu"}
    assert needed == set(needs) - {"pkg:pypi/pciops"}
