"""How many revocation events acts cause in a real Keystone, as docs/keystone.md says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pytest

from pciops.actions.registry import BY_NAME
from tests.live.test_acts import EXPIRY, GRANT, disable_in_keystone
from tests.support.cloud import Cloud, Person
from tests.support.processes import ROOT
from tests.support.site import Site
from tests.support.visitor import Visitor, text_of

DOCUMENTED: Final = {
    name: int(number)
    for name, number in re.findall(
        r"^\| `([a-z-]+)` \| (\d+) \|", (ROOT / "docs" / "keystone.md").read_text("utf-8"), re.M
    )
}
INPUTS: Final = {
    "unlock": {"identity": "callback"},
    "enable": {"identity": "callback"},
    "exempt": {"option": EXPIRY, **GRANT},
    "record": {"option": EXPIRY, **GRANT},
    "lift": {"option": EXPIRY},
}


def events(cloud: Cloud) -> int:
    """Return the number of revocation events."""
    [row] = cloud.sql("SELECT COUNT(*) AS number FROM revocation_event")
    return int(row["number"])


def fitting(name: str, cloud: Cloud, visitor: Visitor) -> Person:
    """Create an account that the act fits, which holds a token."""
    person = cloud.create_user(options={EXPIRY: True} if name in {"lift", "record"} else {})
    cloud.token(person, scope={"unscoped": True})
    prepare: dict[str, Callable[[], object]] = {
        "unlock": lambda: cloud.lock(person),
        "enable": lambda: disable_in_keystone(cloud, person),
        "person": lambda: visitor.act(person, "machine"),
    }
    prepare.get(name, lambda: None)()
    return person


def test_the_document_has_every_act_and_an_unlock_causes_none() -> None:
    assert DOCUMENTED.keys() == BY_NAME.keys()
    assert DOCUMENTED["unlock"] == 0


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_an_act_causes_as_many_as_documented(name: str, visitor: Visitor, cloud: Cloud) -> None:
    person = fitting(name, cloud, visitor)
    before = events(cloud)

    page = visitor.act(person, name, **INPUTS.get(name, {}))

    assert BY_NAME[name].did in text_of(page)
    assert events(cloud) - before == DOCUMENTED[name]


def test_browsing_causes_none_and_a_sign_out_two(site: Site, cloud: Cloud) -> None:
    visitor = site.visitor()
    before = events(cloud)
    visitor.sign_in(cloud.create_operator())
    assert visitor.get("/accounts/?state=locked").status_code == 200
    assert events(cloud) == before

    visitor.sign_out()

    assert events(cloud) - before == 2


def test_the_token_of_an_inactive_account_causes_one_when_it_is_validated(cloud: Cloud) -> None:
    person = cloud.create_user()
    token = cloud.token(person, scope={"unscoped": True})
    cloud.make_inactive(person)
    before = events(cloud)

    assert not cloud.accepts(token)
    assert not cloud.accepts(token)

    assert events(cloud) - before == 1
