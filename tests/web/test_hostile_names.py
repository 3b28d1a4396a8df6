"""Names, addresses, and reasons are text from outside: shown as text on every page."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.test import Client

from pciops.audit.models import Event
from pciops.keystone.models import LocalUser, User
from pciops.lib.disguises import disguise_of
from tests.factories import make_locked_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import Response, signed_in
from tests.web import selecting, unlocking

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "'\"&amp;&lt;",
    "{{ 7|add:7 }}{% csrf_token %}",
    "\u202egnp.exe\u202d",
    "\u2066isolated\u2069",
    "n" * 255,
    "👩‍💻🔒",
    "line\nbreak\ttab",
    " ",
    "../../etc/passwd",
    "%3Cscript%3E",
]
VISIBLE = [text for text in HOSTILE if text.strip()]
# Elements that hold only text, or are read aloud and not drawn.
ISOLATED = {"bdi", "title", "option", "sr"}
VOID = {"meta", "link", "input", "br", "img"}


class TextNodes(HTMLParser):
    """Every text node of a page, with the elements and classes around it."""

    def __init__(self, response: Response) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[set[str]] = []
        self.nodes: list[tuple[str, set[str]]] = []
        self.tags: list[str] = []
        self.feed(response.content.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            classes = next((value or "" for name, value in attrs if name == "class"), "")
            self.open.append({tag, *classes.split()})

    def handle_endtag(self, tag: str) -> None:
        while self.open and tag not in self.open.pop():
            pass

    def handle_data(self, data: str) -> None:
        self.nodes.append((data, set[str]().union(*self.open)))


def isolated(response: Response, texts: list[str]) -> bool:
    """Return whether all texts are on the page, and only in elements that isolate them."""
    nodes = TextNodes(response).nodes
    places = {
        text: [around for data, around in nodes if text.strip("\n") in data] for text in texts
    }
    return response.status_code == 200 and all(
        found and all(not text.strip() or around & ISOLATED for around in found)
        for text, found in places.items()
    )


def in_bdi(response: Response, text: str, *, within: str = "") -> int:
    """Return how often the text is on the page, if each time in a `bdi`; else 0.

    Args:
        within: only in elements of this class.
    """
    nodes = TextNodes(response).nodes
    found = [around for data, around in nodes if text in data and (not within or within in around)]
    return len(found) if all("bdi" in around for around in found) else 0


@pytest.fixture
def users() -> dict[str, User]:
    """A locked user with each name, in a domain with such a name."""
    return {
        name: make_locked_user(
            name,
            domain_id=f"domain-{number}",
            domain_name=f"D{name}"[:64],
            email=f"{name}@example.test",
        )
        for number, name in enumerate(HOSTILE)
    }


def test_names_are_isolated_on_lists_and_pages(site: Client, users: dict[str, User]) -> None:
    for url in ("/accounts/?state=locked", "/accounts/"):
        assert isolated(site.get(url), HOSTILE)
    for name, user in users.items():
        for url in (f"/accounts/{user.id}/", f"/accounts/{user.id}/unlock/"):
            assert isolated(site.get(url), [name])


def test_names_are_isolated_where_several_are_unlocked(
    site: Client, users: dict[str, User]
) -> None:
    form = selecting.select(site, *users.values())
    fields = selecting.form(site, *users.values())
    result = selecting.finished(site, fields)

    assert isolated(form, HOSTILE)
    assert isolated(result, HOSTILE)


def test_names_add_no_element(site: Client) -> None:
    user = make_locked_user("plain", domain_id="a", email="plain@example.test")
    row = LocalUser.objects.using("keystone").filter(user_id=user.id)
    for url in ("/accounts/?state=locked", f"/accounts/{user.id}/"):
        row.update(name="plain")
        expected = TextNodes(site.get(url)).tags
        for name in HOSTILE:
            row.update(name=name)
            tags, marks = TextNodes(site.get(url)).tags, 1 if disguise_of(name) else 0
            assert [tag for tag in tags if tag != "span"] == [
                tag for tag in expected if tag != "span"
            ]
            assert tags.count("span") == expected.count("span") + marks


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("\u202egnp.exe", "Hidden characters: U+202E"),
        ("n\u043eva", "Look-alike letters: Cyrillic"),
        ("\u05d0\u05e0\u05d4", "Right-to-left letters"),
        ("nova", ""),
    ],
)
def test_names_that_look_like_others_are_marked(site: Client, name: str, mark: str) -> None:
    user = make_locked_user(name, email="ann@example.test")
    for url in ("/", "/accounts/", "/accounts/?state=locked", f"/accounts/{user.id}/unlock/"):
        nodes = TextNodes(site.get(url)).nodes
        marks = [data.strip() for data, around in nodes if "chip" in around]
        assert (mark in marks) if mark else not any("look" in text.lower() for text in marks)


def test_reasons_are_isolated_in_the_history(site: Client) -> None:
    for number, reason in enumerate(VISIBLE):
        user = make_locked_user(f"user-{number}")
        unlocking.unlock(site, user, reason=reason)
        saved = Event.objects.get(action="unlock", target_id=user.id).reason

        assert in_bdi(site.get(f"/accounts/{user.id}/"), saved)


def test_operators_are_isolated_in_menu_and_history(fake_keystone: FakeKeystone) -> None:
    for number, name in enumerate(VISIBLE):
        site = signed_in(fake_keystone.person(name.strip()))
        user = make_locked_user(f"user-{number}")
        unlocking.unlock(site, user)

        assert in_bdi(site.get(f"/accounts/{user.id}/"), name.strip()) == 3


def test_a_right_to_left_name_is_isolated_in_a_message(site: Client) -> None:
    user = make_locked_user("\u202egnp.exe")
    unlocking.unlock(site, user)

    assert in_bdi(site.get(f"/accounts/{user.id}/"), "gnp.exe", within="banner")


def test_a_search_is_shown_as_text(site: Client) -> None:
    expected = TextNodes(site.get("/accounts/?q=zzz")).tags
    for text in HOSTILE:
        response = site.get("/accounts/", {"q": text.replace(" ", "zz")})

        assert TextNodes(response).tags == expected
