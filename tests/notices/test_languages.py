"""The languages and the time zones of notices, and their catalogs."""

from __future__ import annotations

import ast
import gettext
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.template import Engine, Template
from django.template.base import Node
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.utils import translation

from pciops.notices import rendering, wording
from pciops.notices.models import NoticeKind
from pciops.notices.rules import DomainRules
from tests.factories import NOW, POLICY
from tests.test_settings import ROOT

LOCALE = ROOT / "locale"
LANGUAGES = [code for code, _ in settings.LANGUAGES]
TRANSLATED = [code for code in LANGUAGES if code != "en"]
BERLIN = ZoneInfo("Europe/Berlin")


@dataclass
class Entry:
    """An entry of a catalog: its keywords and their strings."""

    comments: list[str] = field(default_factory=list)
    strings: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """The context and the text."""
        return self.strings.get("msgctxt", ""), self.strings["msgid"]

    @property
    def plural(self) -> str:
        return self.strings.get("msgid_plural", "")

    @property
    def translations(self) -> list[str]:
        return [text for name, text in self.strings.items() if name.startswith("msgstr")]


def entries(language: str) -> list[Entry]:
    """Read the catalog of a language, without its header and what is out of use."""
    text = (LOCALE / language / "LC_MESSAGES" / "django.po").read_text(encoding="utf-8")
    read = [_entry(block) for block in text.split("\n\n")]
    return [entry for entry in read if entry.strings.get("msgid")]


def _entry(block: str) -> Entry:
    entry, name = Entry(), ""
    for line in block.splitlines():
        if line.startswith("#"):
            entry.comments.append(line)
        elif line.strip():
            keyword, _, literal = line.partition('"')
            name = keyword.strip() or name
            entry.strings[name] = entry.strings.get(name, "") + ast.literal_eval(f'"{literal}')
    return entry


def used_in_templates() -> Iterator[tuple[str, str]]:
    """Yield the context and the text of all that the templates of emails have to translate."""
    folder = rendering.BUILT_IN.parent
    engine = Engine(dirs=[str(folder)], libraries=rendering.LIBRARIES)
    for part in ("notices", "alerts"):
        for path in sorted((folder / part).rglob("*.*")):
            yield from _used_in(engine.get_template(str(path.relative_to(folder))))


def _used_in(template: Template) -> Iterator[tuple[str, str]]:
    for node in template.nodelist.get_nodes_by_type(Node):
        if isinstance(node, BlockTranslateNode):
            yield "", node.render_token_list(node.singular)[0]
        elif isinstance(node, TranslateNode):
            yield "", node.filter_expression.token[1:-1]


def used_in_code() -> Iterator[tuple[str, str]]:
    """Yield the context and the text of all that `wording` has to translate."""
    for node in ast.walk(ast.parse(Path(wording.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"pgettext", "npgettext"}:
            context, text = node.args[:2]
            yield ast.literal_eval(context), ast.literal_eval(text)


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"%\(\w+\)[sd]", text))


def test_languages_are_those_of_the_catalogs() -> None:
    assert sorted(TRANSLATED) == sorted(path.name for path in LOCALE.iterdir())


@pytest.mark.parametrize("language", TRANSLATED)
def test_everything_is_translated(language: str) -> None:
    """Run script/messages after a change of a template, and translate what it added."""
    read = entries(language)

    assert {entry.key for entry in read} == {*used_in_templates(), *used_in_code()}
    assert all(all(entry.translations) for entry in read)
    assert not any("fuzzy" in comment for entry in read for comment in entry.comments)


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_have_the_placeholders_of_their_texts(language: str) -> None:
    for entry in entries(language):
        expected = placeholders(entry.plural or entry.strings["msgid"])
        assert {frozenset(placeholders(text)) for text in entry.translations} == {
            frozenset(expected)
        }, entry.key


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_compiled_catalog_is_that_of_the_texts(language: str) -> None:
    """Run script/messages after a change of a catalog."""
    with (LOCALE / language / "LC_MESSAGES" / "django.mo").open("rb") as file:
        compiled = {
            key: value
            for key, value in vars(gettext.GNUTranslations(file))["_catalog"].items()
            if key
        }
    expected: dict[object, str] = {}
    for entry in entries(language):
        context, text = entry.key
        key = f"{context}\x04{text}" if context else text
        if entry.plural:
            expected |= {(key, number): words for number, words in enumerate(entry.translations)}
        else:
            [expected[key]] = entry.translations

    assert compiled == expected


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(NoticeKind))
@pytest.mark.usefixtures("sender")
def test_each_kind_is_rendered_in_each_language(kind: NoticeKind, language: str) -> None:
    rules = DomainRules(steps={}, language=language, time_zone=BERLIN)
    notice = rendering.sample(kind, policy=POLICY, now=NOW)
    mail = rendering.render_notice(notice, policy=POLICY, rules=rules, now=NOW)

    assert f'<html lang="{language}"' in mail.html
    assert ("Account: " in mail.text) == (language == "en")
    for part in (mail.subject, mail.text, mail.html):
        assert "Test cloud" in part
        assert "%(" not in part
    assert " CET" in mail.text
    assert translation.get_language() == "en"


@pytest.mark.parametrize(
    ("language", "dated", "day", "left"),
    [
        ("en", "Wed 1 Jul 2026, 16:02 CEST", "1 Jul 2026", ["1 day", "3 days"]),
        ("de", "Mi, 1. Jul 2026, 16:02 CEST", "1. Jul 2026", ["1 Tag", "3 Tagen"]),
    ],
)
def test_times_are_in_language_and_zone(
    language: str, dated: str, day: str, left: list[str]
) -> None:
    at = NOW.replace(month=7, day=1, hour=14, minute=2)
    with translation.override(language):
        assert wording.dated(at, BERLIN) == dated
        assert wording.day(at, BERLIN) == day
        found = [wording.left(at, at - timedelta(days=days), BERLIN) for days in (1, 3)]
        assert found == left


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=59), "0 min"),
        (timedelta(minutes=28), "28 min"),
        (timedelta(hours=5, minutes=3), "5 h 3 min"),
    ],
)
def test_less_than_a_day_is_told_in_hours_and_minutes(before: timedelta, words: str) -> None:
    assert wording.left(NOW, NOW - before, UTC) == words


def test_days_are_those_of_the_zone() -> None:
    now = NOW.replace(day=20, hour=12, minute=0)
    at = NOW.replace(day=22, hour=23, minute=30)

    assert wording.left(at, now, UTC) == "2 days"
    assert wording.left(at, now, BERLIN) == "3 days"
