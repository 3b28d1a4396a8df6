"""Tests of the names of Keystone's releases, and of the check of the release."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from pciops.keystone import doctor, releases
from pciops.keystone.models import AlembicVersion
from pciops.lib.env import SettingError

NAME = "PCIOPS_KEYSTONE_RELEASE"
REVISIONS = {25: "47147121", 28: "e8725d6fa226", 30: "742c857f1dfb"}


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("", None),
        ("30", 30),
        ("30.0.0", 30),
        ("25.0", 25),
        ("31", 31),
        ("2025.2", 28),
        ("Flamingo", 28),
        ("yoga", 21),
    ],
)
def test_a_release_is_named_by_its_number_or_its_series(
    monkeypatch: pytest.MonkeyPatch, text: str, release: int | None
) -> None:
    monkeypatch.setenv(NAME, text)

    assert releases.setting(NAME) == release


@pytest.mark.parametrize("text", ["3", "newest", "2025.3", "99", "30.0.0.0", "v30", "-30"])
def test_another_name_is_an_error_with_an_example(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(NAME, text)

    with pytest.raises(SettingError, match=f"^{NAME} .*Example: {NAME}=30"):
        releases.setting(NAME)


@pytest.mark.parametrize(
    ("revisions", "expected"),
    [
        ({"29e87d24a316", "e25ffa003242"}, (21, 23)),
        ({"47147121", "c88cdce8f248"}, (25, 27)),
        ({"e8725d6fa226"}, (28, 28)),
        ({"742c857f1dfb", "c88cdce8f248"}, (29, None)),
        ({"unheard"}, None),
        (set(), None),
    ],
)
def test_revisions_of_the_tables_show_a_range_of_releases(
    revisions: set[str], expected: tuple[int, int | None] | None
) -> None:
    assert releases.from_revisions(revisions) == expected


@pytest.mark.django_db(databases=["keystone"])
@pytest.mark.parametrize(
    ("named", "tables", "level"),
    [
        (30, 30, "ok"),
        (25, 25, "ok"),
        (26, 25, "ok"),
        (28, 25, "problem"),
        (25, 28, "warning"),
        (31, 30, "ok"),
        (28, None, "ok"),
        (None, 28, "warning"),
        (None, None, "warning"),
    ],
)
def test_the_setting_is_compared_with_the_tables(
    settings: Settings, named: int | None, tables: int | None, level: str
) -> None:
    settings.KEYSTONE_RELEASE = named
    if tables is not None:
        AlembicVersion.objects.using("keystone").create(version_num=REVISIONS[tables])

    [result] = doctor.release()

    assert result.level == level
    assert ("Not checked" in result.sentence) is (tables is None and named is not None)
