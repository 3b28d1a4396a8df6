"""The compose file: valid by the Compose specification, and true of pciops' code."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from django.core.management import get_commands

from tests.support.deploy import DEPLOY, compose, exec_start, words_of
from tests.test_settings import ROOT

OURS = ("beat", "consumer", "migrate", "web", "worker")
FILE = compose()
SERVICES = FILE["services"]

TEXT = {"type": "string"}
WORDS = {"type": "array", "items": TEXT}


def a(*required: str, **properties: Any) -> dict[str, Any]:
    """Return the schema of a mapping with these keys and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def of(each: Any) -> dict[str, Any]:
    """Return the schema of a mapping whose values have this one."""
    return {"type": "object", "additionalProperties": each}


# What the file uses of https://github.com/compose-spec/compose-spec/blob/main/schema: these keys,
# where they may stand, and what they may be.
CONDITION = {"enum": ["service_healthy", "service_completed_successfully"]}
SERVICE = a(
    "image",
    cap_drop=WORDS,
    command=WORDS,
    configs={"type": "array", "items": a("source", "target", source=TEXT, target=TEXT)},
    depends_on=of(a("condition", condition=CONDITION)),
    environment=of(TEXT),
    healthcheck=a(
        disable={"type": "boolean"}, interval=TEXT, retries={"type": "integer"}, test=WORDS
    ),
    hostname=TEXT,
    image=TEXT,
    ports={"type": "array", "items": {"type": "string", "pattern": r"^127\.0\.0\.1:\d+:\d+$"}},
    profiles=WORDS,
    read_only={"type": "boolean"},
    restart={"enum": ["always", "no"]},
    secrets=WORDS,
    security_opt=WORDS,
    tmpfs=WORDS,
    volumes={"type": "array", "items": {"type": "string", "pattern": "^[a-z]+:/[a-z/]+$"}},
)
SCHEMA = a(
    "services",
    **{
        "configs": of(a("file", file=TEXT)),
        "secrets": of(a("file", file=TEXT)),
        "services": of(SERVICE),
        "volumes": of({"type": "null"}),
        "x-pciops": {},
    },
)


def test_the_file_is_valid() -> None:
    jsonschema.validate(FILE, SCHEMA)


def test_whatever_a_service_refers_to_is_there() -> None:
    for service in SERVICES.values():
        for name, needed in service.get("depends_on", {}).items():
            tested = "test" in SERVICES[name].get("healthcheck", {})
            assert tested or needed["condition"] != "service_healthy"
        assert {*service.get("secrets", ())} <= FILE["secrets"].keys()
        assert {config["source"] for config in service.get("configs", ())} <= FILE["configs"].keys()
        volumes = {volume.partition(":")[0] for volume in service.get("volumes", ())}
        assert volumes <= FILE["volumes"].keys()
        for value in service.get("environment", {}).values():
            for secret in re.findall("^/run/secrets/(.*)", value):
                assert secret in service["secrets"]


def test_the_file_says_at_its_top_which_files_it_needs() -> None:
    text = (DEPLOY / "container/compose.yaml").read_text(encoding="utf-8")
    comment = text.partition("\n\n")[0]
    files = [entry["file"] for kind in ("configs", "secrets") for entry in FILE[kind].values()]

    assert [name for name in files if name.rpartition("/")[2] not in comment] == []


def test_no_service_has_more_than_it_needs() -> None:
    assert set(SERVICES) == {*OURS, "mariadb", "rabbitmq"}
    for name in OURS:
        service = SERVICES[name]
        assert (service["image"], service["read_only"], service["tmpfs"]) == (
            *("pciops", True),
            ["/tmp"],
        )
        assert service["volumes"] == ["pciops:/var/lib/pciops"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_environment_names_settings() -> None:
    document = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    settings = {*re.findall(r"`(\w+)`", document)}

    for name in OURS:
        assert SERVICES[name]["environment"].keys() <= settings


@pytest.mark.parametrize("name", ["beat", "consumer", "worker"])
def test_a_service_runs_the_command_of_its_unit(name: str) -> None:
    """Those are run by tests/live/test_systemd.py."""
    words = words_of(name)
    unit = exec_start(name)[1:]

    assert words[1:] == (unit[2:] if words[0] == "pciops" else unit)


def test_the_image_serves_as_the_unit_does() -> None:
    unit, image = exec_start("web")[1:], words_of("web")[1:]
    differs = ["--bind", "127.0.0.1:8000", "0.0.0.0:8000", "--worker-tmp-dir", "/dev/shm"]

    assert [word for word in unit if word not in differs] == [
        word for word in image if word not in differs
    ]


def test_commands_of_the_file_exist() -> None:
    named = re.findall(r"\bpciops ([a-z_]+)", " ".join(map(str, words_of("migrate"))))

    assert named == ["migrate", "collectstatic"]
    assert {*named} <= get_commands().keys()
