"""Calls that Schemathesis makes up from the OpenAPI document, by callers of every role.

It looks for answers that the document does not have, for server errors, and for calls that
contradict the document and are accepted.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.api.contract import DOCUMENT
from tests.factories import make_locked_user
from tests.fake_keystone import FakeKeystone
from tests.fake_users import keystone_users as keystone_users
from tests.matrix.calls import rolled_back
from tests.notices.queued import build_notice
from tests.reports.samples import store_sample

pytestmark = [
    pytest.mark.django_db(databases=["default", "keystone"]),
    pytest.mark.usefixtures("keystone_users"),
]

EXAMPLES: Final = 3  # of each operation and caller
WEEK: Final = "2026-W46"
CALLERS: Final[dict[str, tuple[str, str]]] = {  # a role, and its scope
    "a stranger": ("", ""),
    "an auditor": ("reader", "system"),
    "the help desk": ("helpdesk", "system"),
    "an administrator": ("admin", "system"),
    "an auditor of a domain": ("reader", "shops"),
    "the help desk of a domain": ("helpdesk", "shops"),
    "an administrator of a domain": ("admin", "shops"),
}
SCHEMA: Final = schemathesis.openapi.from_dict(DOCUMENT)
SCHEMA.app = get_wsgi_application()
# What fits the schema may still be no marker of this list, or no day within the limits.
EXCLUDED: Final[list[CheckFunction]] = [positive_data_acceptance]
OPERATIONS: Final = [each.ok() for each in SCHEMA.get_all_operations() if isinstance(each, Ok)]


def test_document_is_valid_openapi() -> None:
    SCHEMA.validate()

    assert len(OPERATIONS) == sum(len(methods) for methods in DOCUMENT["paths"].values())


@pytest.mark.parametrize("caller", CALLERS)
def test_answers_are_as_documented(
    fake_keystone: FakeKeystone, subtests: pytest.Subtests, caller: str
) -> None:
    role, scope = CALLERS[caller]
    person = fake_keystone.person(roles={scope: {role}})
    headers = {"X-Auth-Token": fake_keystone.issue(person, scope)} if role else {}
    there = {"user_id": make_locked_user(domain_id="shops").id, "week": WEEK}
    build_notice(domain_id="shops").save()
    for domain_id in ("", "shops"):
        store_sample(WEEK, domain_id=domain_id)

    for operation in OPERATIONS:
        with subtests.test(operation=operation.label):
            call_all(operation, there, headers)


def call_all(
    operation: APIOperation[Any, Any, Any, Any], there: dict[str, str], headers: dict[str, str]
) -> None:
    """Make calls about what is there and about what is not, right ones and wrong ones."""
    known = {name: value for name, value in there.items() if f"{{{name}}}" in operation.path}
    strategies = [
        operation.as_strategy(GenerationMode.POSITIVE, path_parameters=known),
        operation.as_strategy(GenerationMode.NEGATIVE, path_parameters=known),
        operation.as_strategy(GenerationMode.NEGATIVE),
    ]

    @settings(
        max_examples=EXAMPLES,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(case=st.one_of(strategies))
    def call(case: Case[Any]) -> None:
        with rolled_back():
            response = case.call(headers=headers)
            case.validate_response(response, excluded_checks=EXCLUDED, headers=headers)

    call()
