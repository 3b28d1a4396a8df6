"""Tests that the two forms of each state's rule agree on any rows, here on SQLite."""

from __future__ import annotations

import pytest
from hypothesis import example, given

from tests.accounts.scenes import EDGES, SPECIAL, Scene, check, scenes, trying

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@given(scene=scenes())
@example(EDGES)
@trying
def test_both_forms_of_a_rule_agree(scene: Scene) -> None:
    check(scene)


@pytest.mark.parametrize("scene", SPECIAL.values(), ids=SPECIAL.keys())
def test_both_forms_of_a_rule_agree_at_extremes(scene: Scene) -> None:
    check(scene)
