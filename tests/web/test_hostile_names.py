"""Names, addresses and reasons are somebody else's text: shown as text, wherever they appear."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from django.test import Client

from pciops.audit.models import Event
from tests.factories import make_locked_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import Response, signed_in
from tests.web import selecting

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
# Text that cannot hold an element, or is read aloud and not drawn.
ALONE = {"title", "option", "visually-hidden"}
VOID = {"meta", "link", "input", "br", "img"}


class Places(HTMLParser):
    """Every piece of text of a page, with the elements (and classes) that it stands in."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[set[str]] = []
        self.found: list[tuple[str, set[str]]] = []
        self.tags: list[str] = []
        self.feed(page)
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
        self.found.append((data, set[str]().union(*self.open)))


def places(response: Response, text: str) -> list[set[str]]:
    """The elements around each piece of text that holds this one."""
    return [around for data, around in Places(response.content.decode()).found if text in data]


def unlock(site: Client, user_id: str, reason: str) -> None:
    """Unlock, so that the name is in a message and in the trail."""
    page = site.get(f"/accounts/{user_id}/unlock/")
    seen = page.context["form"].initial["seen"]
    site.post(
        f"/accounts/{user_id}/unlock/", {"reason": reason, "identity": "callback", "seen": seen}
    )


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "page",
    ["/accounts/?state=locked", "/accounts/", "/accounts/{}/", "/accounts/{}/unlock/"],
)
def test_a_hostile_name_stands_alone_in_a_bdi(site: Client, page: str, name: str) -> None:
    user = make_locked_user(name, domain_name=f"D{name}"[:64], email=f"{name}@example.test")
    response = site.get(page.format(user.id))

    assert response.status_code == 200
    assert places(response, name.strip("\n"))
    assert [it for it in places(response, name) if name.strip() and not it & {"bdi", *ALONE}] == []


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stands_alone_in_a_bdi_where_several_are_unlocked(
    site: Client, name: str
) -> None:
    users = [
        make_locked_user(name, domain_name=f"D{name}"[:64], email=f"{name}@example.test"),
        make_locked_user("plain"),
    ]
    pages = [
        selecting.select(site, *users),
        site.post(selecting.ADDRESS, selecting.form(site, *users), follow=True),
    ]

    for page in pages:
        assert page.status_code == 200
        found = places(page, name)
        assert [it for it in found if name.strip() and not it & {"bdi", *ALONE}] == []
        assert found


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("page", ["/accounts/?state=locked", "/accounts/{}/"])
def test_a_hostile_name_adds_no_element(site: Client, page: str, name: str) -> None:
    plain = make_locked_user("plain", domain_id="a", email="plain@example.test")
    usual = Places(site.get(page.format(plain.id)).content.decode()).tags
    plain.local_user.__class__.objects.using("keystone").filter(user_id=plain.id).update(name=name)

    assert Places(site.get(page.format(plain.id)).content.decode()).tags == usual


@pytest.mark.parametrize("reason", [text for text in HOSTILE if text.strip()])
def test_a_hostile_reason_stands_alone_in_a_bdi_of_the_trail(site: Client, reason: str) -> None:
    user = make_locked_user()
    unlock(site, user.id, reason)
    kept = Event.objects.filter(action="unlock").get().reason

    found = places(site.get(f"/accounts/{user.id}/"), kept)
    assert found
    assert all("bdi" in around for around in found)


@pytest.mark.parametrize("name", [text for text in HOSTILE if text.strip()])
def test_a_hostile_operator_stands_alone_in_a_bdi(fake_keystone: FakeKeystone, name: str) -> None:
    site = signed_in(fake_keystone.person(name.strip()))
    user = make_locked_user()
    unlock(site, user.id, "please")
    found = places(site.get(f"/accounts/{user.id}/"), name.strip())

    assert len(found) == 2  # the menu and the trail
    assert all("bdi" in around for around in found)


def test_a_name_written_backwards_does_not_turn_the_message_about_it(site: Client) -> None:
    user = make_locked_user("\u202egnp.exe")
    unlock(site, user.id, "please")
    messages = [
        around
        for around in places(site.get(f"/accounts/{user.id}/"), "gnp.exe")
        if "message" in around
    ]

    assert messages
    assert all("bdi" in around for around in messages)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_search_is_kept_as_text(site: Client, text: str) -> None:
    usual = Places(site.get("/accounts/?q=zzz").content.decode()).tags
    response = site.get("/accounts/", {"q": text.replace(" ", "zz")})

    assert Places(response.content.decode()).tags == usual
