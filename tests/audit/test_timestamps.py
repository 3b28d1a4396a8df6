"""Tests of time stamps, by a private authority that openssl runs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings
from rfc3161_client import VerificationError

from pciops.audit import anchors, chain, timestamps
from pciops.audit.models import Anchor, Timestamp
from tests.audit.helpers import chained, forge
from tests.factories import NOW
from tests.support import tsa

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """URL and CA of an authority."""
    folder = tmp_path_factory.mktemp("tsa")
    certificate = tsa.make(folder)
    with tsa.serve(folder) as url:
        yield url, certificate


@pytest.fixture
def stamped(authority: tuple[str, Path], settings: Settings) -> Anchor:
    """An anchor with a time stamp."""
    settings.TIMESTAMP_URL, certificate = authority
    settings.TIMESTAMP_CACERT = str(certificate)
    chained(2)
    anchor = anchors.make_current(NOW)
    assert anchor is not None
    return Anchor.objects.get()


def test_openssl_verifies_the_files_without_pciops(
    stamped: Anchor, authority: tuple[str, Path], tmp_path: Path
) -> None:
    for name, content in anchors.files(stamped):
        (tmp_path / name).write_bytes(content)
    verified = subprocess.run(
        [
            *("openssl", "ts", "-verify", "-in", "anchor.tsr", "-data", "anchor.note"),
            *("-CAfile", str(authority[1])),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert verified.stdout.strip() == "Verification: OK"
    assert chain.verify().problem == ""


def test_time_stamp_of_something_else_is_named(stamped: Anchor) -> None:
    reply = timestamps.ask("something else\n")
    forge("UPDATE audit_timestamp SET reply = %s", reply)

    assert "its time stamp is of something else" in chain.verify().problem


def test_reply_of_another_authority_is_refused(
    authority: tuple[str, Path], settings: Settings, tmp_path: Path
) -> None:
    settings.TIMESTAMP_URL = authority[0]
    settings.TIMESTAMP_CACERT = str(tsa.make(tmp_path))

    with pytest.raises(VerificationError):
        timestamps.ask("note\n")


def test_missing_time_stamp_is_asked_for_again(
    authority: tuple[str, Path], settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.TIMESTAMP_URL = "http://127.0.0.1:9"
    chained(1)
    anchors.make_current(NOW)
    assert "gives no time stamp" in caplog.text
    assert Timestamp.objects.count() == 0
    settings.TIMESTAMP_URL = authority[0]

    assert timestamps.stamp_missing() == 1
    assert timestamps.stamp_missing() == 0
