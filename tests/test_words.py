"""The words that users read: pages, emails, documents, messages, and help of commands.

One term for one thing, American spelling, and no words that leave open who does something. Code in
backticks, and names such as `lockout_storm`, are not words. What is wrong is printed with its line
and what to write instead.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT = Path(__file__).resolve().parent.parent

# What not to write, as a regular expression for whole words → what to write.
TERMS: Final = {
    r"e-mails?": "email",
    r"(?<!e-)mail(s|ed|ing)?(?! server)": "email (noun), send (verb)",
    r"hand(s|ed|ing)? in": "send",
    r"trails?": "audit log",
    r"tries": "attempts; retries",
    r"instants?": "time",
    r"(?<!audit )(log(s|ged|ging)? in|log-in)": "sign in",
    r"(gets?|got|let) in": "can sign in",
    r"lockout storms?|storms?": "possible attack",
    r"lift(s|ed|ing)?": "remove (an exemption)",
    r"tak(e|es|en) back": "remove (an exemption)",
    r"(no|some|any)body|whoever|someone|anyone": "name the actor: the operator, the owner",
    r"one's": "your; the account's",
    r"anew": "again; start over",
    r"set aside|made no sense": "could not be processed",
    r"past pciops|hidden (unlock|change)s?": "changed outside pciops",
    r"(?<!on )demands?": "requirement",
    r"in place of": "instead of",
    r"alone": "only",
    r"(?<!here )(is|are|was|were) no(?! (longer|more|later|less))": "is not, are not",
    r"whole cloud": "entire cloud",
    r"(the|an|each|every|any|this|other|these|such|all|of) acts?": "action",
    r"doers?": "operator",
    r"stands? still": "cannot sign in, stops",
    r"needs? (a person|people)": "needs attention",
    r"the census ran": "counted at",
    r"tell(s|ing)? of": "reports",
    r"names? that no account has": "unknown username",
    r"2FA|two-factor": "second factor",
    r"superusers?": "administrator",
    r"please|oops|successfully": "nothing: leave it out",
}
# British spelling → American.
SPELLING: Final = {
    r"behaviours?": "behavior",
    r"(un)?(colou|favou|honou|labou|neighbou)r\w*": "-or",
    r"cancell(ed|ing)": "canceled",
    r"label(led|ling)": "labeled",
    r"model(led|ling)": "modeled",
    r"travel(led|ling)": "traveled",
    r"licences?": "license",
    r"centres?": "center",
    r"catalogues?": "catalog",
    r"\w*(organ|author|recogn|initial|normal|serial|summar|optim|minim|maxim|synchron|anonym|custom)"
    r"is(e|es|ed|ing|ation)": "-ize",
    r"analys(e|es|ed|ing)": "analyze",
    r"grey": "gray",
    r"(mis)?spelt|learnt|whilst": "spelled, learned, while",
    r"artefacts?": "artifact",
    r"judgements?": "judgment",
    r"defence": "defense",
    r"programmes?": "program",
}
RULES: Final = [
    (re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), instead)
    for pattern, instead in (TERMS | SPELLING).items()
]

Line = tuple[int, str]


def wrong(lines: Iterator[Line]) -> list[str]:
    """Return what to change: the line's number, the word, and what to write instead."""
    return [
        f"{number}: {found[0]!r} → {instead}"
        for number, line in lines
        for rule, instead in RULES
        for found in rule.finditer(line)
    ]


def blank(pattern: str, text: str) -> str:
    """Return the text without what matches; line ends stay, so that lines keep their numbers."""
    return re.sub(pattern, lambda found: "\n" * found[0].count("\n"), text, flags=re.S | re.M)


def document(path: Path) -> Iterator[Line]:
    """Return the lines of a document without code and addresses."""
    text = path.read_text(encoding="utf-8")
    if path.name == "CHANGELOG.md":  # old entries stay as they are
        text = re.split(r"^## \d", text, maxsplit=1, flags=re.M)[0]
    text = blank(r"^```.*?^```", text)
    text = blank(r"^ {4}(?![-*]).*?$", text)
    text = blank(r"`[^`]*`", text)
    text = blank(r"\]\([^)]*\)", text)
    yield from enumerate(text.splitlines(), start=1)


def template(path: Path) -> Iterator[Line]:
    """Return the text of a template, and of attributes that are read out or shown."""
    text = path.read_text(encoding="utf-8")
    text = blank(r"\{#.*?#\}|\{% comment.*?endcomment %\}", text)
    text = blank(r"\{\{.*?\}\}|\{%.*?%\}", text)
    text = blank(r"<(code|pre|kbd)\b.*?</\1>", text)
    shown = r'(?:alt|aria-label|content|placeholder|title)="([^"]*)"'
    text = re.sub(
        r"<[^>]*>",
        lambda tag: " ".join(re.findall(shown, tag[0])) + "\n" * tag[0].count("\n"),
        text,
        flags=re.S,
    )
    yield from enumerate(text.splitlines(), start=1)


def module(path: Path) -> Iterator[Line]:
    """Return the sentences in the strings of a module; docstrings and single words are code."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    docstrings = {
        id(node.body[0].value)
        for node in nodes
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and isinstance(node.body[0], ast.Expr)
    }
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        sentence = " " in node.value.strip() or id(node) in parts
        if sentence and id(node) not in docstrings:
            yield node.lineno, re.sub(r"`[^`]*`", "", node.value)


MOST_WORDS: Final = 25  # of a sentence in a document


def sentences(path: Path) -> Iterator[str]:
    """Return the sentences of a document; clauses after a colon or semicolon are sentences too."""
    text = "\n".join(line for _, line in document(path))
    for part in re.split(r"\n\s*\n|\n\s*(?=[-|#\d])|\|", text):
        for sentence in re.split(r"(?<=[.!?])(?:\*\*)?\s+|[;:]\s", part):
            yield " ".join(sentence.split())


READERS = {".md": document, ".html": template, ".txt": template, ".py": module}
FILES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "templates/**/*.*", "pciops/**/*.py")
    for path in ROOT.glob(pattern)
    if path.suffix in READERS and "migrations" not in path.parts
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_users_read_the_words_of_the_list(path: Path) -> None:
    assert wrong(READERS[path.suffix](path)) == []


# Measurements and lists of changes take longer sentences.
DOCUMENTS = [
    path for path in FILES if path.suffix == ".md" and path.stem not in {"CHANGELOG", "performance"}
]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_sentences_of_documents_are_short(path: Path) -> None:
    long = [text for text in sentences(path) if len(re.findall(r"[\w'’-]+", text)) > MOST_WORDS]

    assert long == []


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.md", "The trail\n\n    trail\n`trail` [x](trail.md)\n", ["1: 'trail'"]),
        ("a.md", "One\n```\ntrail\n```\nIts behaviour\n", ["5: 'behaviour'"]),
        ("a.md", "There is no key. It is no key.\n", ["1: 'is no'"]),
        ("CHANGELOG.md", "mails\n## 0.1.0\nmails\n", ["1: 'mails'"]),
        ("a.html", '<p\nclass="trail" title="e-mail">{{ trail }}{% trail %}Nobody</p>', None),
        ("a.py", '"""trail"""\nA = "trail"\nB = "the trail"\nC = f"{A} tries"\n', None),
    ],
)
def test_words_are_found_where_users_read_them(
    tmp_path: Path, name: str, text: str, expected: list[str] | None
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    found = [line.partition(" → ")[0] for line in wrong(READERS[path.suffix](path))]

    more = {"a.html": ["1: 'e-mail'", "2: 'Nobody'"], "a.py": ["3: 'trail'", "4: 'tries'"]}
    assert found == (more[name] if expected is None else expected)
