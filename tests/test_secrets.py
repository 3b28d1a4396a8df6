"""A setting with a `_FILE` form can be a variable, in a file, or a credential of systemd."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from tests.test_settings import GOOD, ROOT

SECRETS = {  # each that may hold a secret, and a value
    "PCIOPS_KEYSTONE_DATABASE_URL": "mysql://reads:s3cret@db.example/keystone",
    "PCIOPS_KEYSTONE_UNLOCK_DATABASE_URL": "mysql://unlocks:s3cret@db.example/keystone",
    "PCIOPS_DATABASE_URL": "postgresql://pciops:s3cret@db.example/pciops",
    "PCIOPS_BROKER_URL": "amqp://pciops:s3cret@rabbit.example/pciops",
    "PCIOPS_CACHE_URL": "redis://:s3cret@cache.example:6379/0",
    "PCIOPS_EMAIL_URL": "smtp://pciops:s3cret@mail.example",
    "PCIOPS_NOTIFICATIONS_URL": "amqp://pciops:s3cret@rabbit.example/",
    "PCIOPS_ALERT_WEBHOOK_URL": "https://alerts.example/s3cret",
    "PCIOPS_ALERT_WEBHOOK_SECRET": "s3cret",
    "PCIOPS_ALERT_PAGERDUTY_KEY": "s3cret",
    "PCIOPS_ACT_WEBHOOK_URL": "https://tickets.example/s3cret",
    "PCIOPS_ACT_WEBHOOK_SECRET": "s3cret",
    "PCIOPS_SECRET_KEY": GOOD["PCIOPS_SECRET_KEY"][::-1],
    "PCIOPS_SECRET_KEY_FALLBACKS": "one\ntwo",
    "PCIOPS_METRICS_TOKEN": "s3cret-0123456789abcdef",
}
ADDRESSES = {  # read in the same way
    "OS_AUTH_URL": "https://keystone.other.example:5000/v3",
    "PCIOPS_TIMESTAMP_URL": "https://tsa.example/tsr",
    "PCIOPS_SITE_URL": "https://pciops.cloud.example",
    "PCIOPS_PASSWORD_CHANGE_URL": "https://cloud.example/settings/password/",
}
FROM_FILES = SECRETS | ADDRESSES


def test_the_document_of_settings_names_these_files() -> None:
    document = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")

    assert {*re.findall(r"^\| `(\w+)`, `\1_FILE` \|", document, re.M)} == FROM_FILES.keys()


@pytest.mark.parametrize(("name", "value"), FROM_FILES.items(), ids=FROM_FILES)
def test_a_secret_can_be_in_a_file_or_a_credential_of_systemd(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str
) -> None:
    base = {**GOOD, "PCIOPS_MAIL_FROM": "pciops@cloud.example", "PCIOPS_VAR": str(tmp_path)}
    base["PCIOPS_ENV_FILE"] = os.devnull
    base.pop(name, None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)  # the library of a cache

    def settings(**environment: str) -> dict[str, Any]:
        monkeypatch.setattr(os, "environ", {**base, **environment})
        loaded = runpy.run_path(str(ROOT / "pciops" / "settings.py"))
        return {key: setting for key, setting in loaded.items() if key.isupper()}

    path = tmp_path / name
    path.write_text(f"{value}\n")
    plain, without = settings(**{name: value}), settings()

    assert plain != without
    assert settings(**{f"{name}_FILE": str(path)}) == plain
    assert settings(CREDENTIALS_DIRECTORY=str(tmp_path)) == plain
