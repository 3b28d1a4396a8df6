"""Each state has its rule twice; on any rows both say the same. Here on SQLite."""

from __future__ import annotations

import pytest
from hypothesis import example, given

from tests.accounts.scenes import EDGES, SPECIAL, Scene, check, scenes, trying

pytestmark = pytest.mark.django_db(databases=["keystone"])


@given(scene=scenes())
@example(EDGES)
@trying
def test_the_rule_for_one_and_the_query_for_all_find_the_same_accounts(scene: Scene) -> None:
    check(scene)


@pytest.mark.parametrize("scene", SPECIAL.values(), ids=SPECIAL.keys())
def test_they_agree_at_the_ends_of_what_there_is(scene: Scene) -> None:
    check(scene)
