"""The rotation of the secret key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from pciops.audit.models import Event, PruneStub
from pciops.lib import keys
from pciops.signin.sessions import seal, unseal

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

NEW = "a new key that is just as long as the one that was used before it"


@pytest.fixture
def files(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, Path]:
    """The files of the key and of the old ones, in a folder of their own."""
    monkeypatch.delenv("PCIOPS_SECRET_KEY")
    settings.VAR = tmp_path
    (tmp_path / "secret_key").write_text(settings.SECRET_KEY)
    return tmp_path / "secret_key", tmp_path / "secret_key_fallbacks"


def restart(settings: Settings, files: tuple[Path, Path]) -> None:
    """Read the files as a start does."""
    settings.SECRET_KEY = files[0].read_text()
    settings.SECRET_KEY_FALLBACKS = files[1].read_text().splitlines()


def test_operators_stay_signed_in_through_a_rotation(
    site: Client, settings: Settings, files: tuple[Path, Path]
) -> None:
    before, sealed = settings.SECRET_KEY, seal("a token")
    call_command("rotate_keys")
    restart(settings, files)

    assert before != settings.SECRET_KEY
    assert [before] == settings.SECRET_KEY_FALLBACKS
    assert site.get("/accounts/").status_code == 200
    assert unseal(sealed) == "a token"
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_old_keys_are_dropped(site: Client, settings: Settings, files: tuple[Path, Path]) -> None:
    sealed = seal("a token")
    call_command("rotate_keys")
    restart(settings, files)
    call_command("rotate_keys", "--drop-old")
    restart(settings, files)

    assert settings.SECRET_KEY_FALLBACKS == []
    assert unseal(sealed) is None
    assert site.get("/accounts/").status_code == 302


def test_rotation_and_drop_are_in_the_audit_log_by_the_ids_of_the_keys(
    settings: Settings, files: tuple[Path, Path]
) -> None:
    before = keys.of("id")[0].id
    call_command("rotate_keys")
    restart(settings, files)
    after = keys.of("id")[0].id
    call_command("rotate_keys", "--drop-old")
    rows = Event.objects.filter(action__endswith="/secret-key").order_by("position")

    assert [(row.action, row.outcome, row.remark) for row in rows] == [
        ("update/secret-key", "success", f"{before} → {after}"),
        ("delete/secret-key", "success", before),
    ]
    assert {row.initiator_type for row in rows} == {"os"}
    assert not any(settings.SECRET_KEY in row.remark for row in rows)


@pytest.mark.parametrize("words", [[], ["--drop-old"]], ids=["rotate", "drop"])
def test_without_a_row_in_the_audit_log_nothing_is_changed(
    settings: Settings,
    files: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
) -> None:
    call_command("rotate_keys")
    restart(settings, files)
    before = [path.read_text() for path in files]
    monkeypatch.setattr(
        "pciops.audit.chain.locked_head", lambda: (_ for _ in ()).throw(DatabaseError("gone"))
    )
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("rotate_keys", *words)

    assert [path.read_text() for path in files] == before
    assert set(files[0].parent.iterdir()) == set(files)


def test_two_rotations_keep_both_old_keys(settings: Settings, files: tuple[Path, Path]) -> None:
    for _ in range(2):
        call_command("rotate_keys")
        restart(settings, files)

    assert len(set(settings.SECRET_KEY_FALLBACKS) | {settings.SECRET_KEY}) == 3


def test_keys_that_may_have_signed_evidence_are_kept(
    settings: Settings, files: tuple[Path, Path]
) -> None:
    call_command("rotate_keys")
    restart(settings, files)
    PruneStub.objects.create(
        first_position=1, last_position=2, last_hash="", count=2, pruned_at=timezone.now()
    )
    with pytest.raises(CommandError, match="1 stub"):
        call_command("rotate_keys", "--drop-old")

    assert files[1].read_text().splitlines() == settings.SECRET_KEY_FALLBACKS


@pytest.mark.parametrize(
    ("words", "environment", "code"),
    [
        (["--drop-old"], {}, 1),  # there are none
        ([], {"PCIOPS_SECRET_KEY": "in the environment"}, 2),
        ([], {"PCIOPS_SECRET_KEY_FILE": "/etc/pciops.secret"}, 2),  # no file for the old one
    ],
)
def test_refused_rotation_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
    files: tuple[Path, Path],
    words: list[str],
    environment: dict[str, str],
    code: int,
) -> None:
    before = files[0].read_text()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CommandError) as raised:
        call_command("rotate_keys", *words)

    assert raised.value.returncode == code
    assert (files[0].read_text(), files[1].exists()) == (before, False)


def test_dry_run_changes_nothing(files: tuple[Path, Path], capsys: Any) -> None:
    before = files[0].read_text()
    call_command("rotate_keys", "--dry-run")

    assert before not in capsys.readouterr().out
    assert (files[0].read_text(), files[1].exists()) == (before, False)


def test_each_purpose_and_secret_has_a_key_of_its_own(settings: Settings) -> None:
    settings.SECRET_KEY_FALLBACKS = [NEW]
    found = [key for purpose in ("one", "another") for key in keys.of(purpose)]

    assert len({key.id for key in found}) == len({key.secret for key in found}) == 4
    assert not any(settings.SECRET_KEY in repr(key) or "secret=" in repr(key) for key in found)


def test_settings_read_the_old_keys_that_were_kept(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("x" * 60)
    (tmp_path / "secret_key_fallbacks").write_text("one\ntwo")
    words = "from pathlib import Path; from pciops.lib import env; import sys; "
    words += "print(env.fallback_keys('PCIOPS_SECRET_KEY_FALLBACKS', Path(sys.argv[1])))"
    done = subprocess.run(
        [sys.executable, "-c", words, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={},
        cwd=Path(__file__).parents[2],
    )

    assert done.stdout.strip() == "['one', 'two']"
