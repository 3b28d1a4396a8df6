"""Long values in every parameter, field and path: a refusal or a harmless answer, no error."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.db.models import Max
from django.db.models.functions import Length
from django.http import QueryDict

from tests.factories import make_locked_user
from tests.fake_keystone import FakeKeystone
from tests.matrix.calls import CALLS, Caller, rolled_back
from tests.signin.visit import Response

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

READS: Final = [call for call in CALLS if call.method == "GET"]
POSTS: Final = [call for call in CALLS if call.method == "POST"]
LENGTH: Final = 2000
FIELDS: Final = {"reason", "identity", "option", "owner", "ends_on", "beyond_limit", "confirms"}
LONG: Final = ("9" * LENGTH, "é\0%'\"<" * (LENGTH // 6))


@pytest.fixture
def admin(fake_keystone: FakeKeystone) -> Caller:
    """An administrator of the whole cloud."""
    return Caller.of(fake_keystone, "admin", "system")


@contextmanager
def recorded() -> Iterator[set[str]]:
    """Record the names of all parameters and fields that are read."""
    names: set[str] = set()

    def recording(method: Any) -> Any:
        def read(self: QueryDict, name: str, *rest: Any) -> Any:
            names.add(name)
            return method(self, name, *rest)

        return read

    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in ("__getitem__", "__contains__", "getlist"):
            monkeypatch.setattr(QueryDict, name, recording(getattr(QueryDict, name)), raising=False)
        yield names


def content(response: Response) -> bytes:
    """Return the whole body, which of a file is only made now."""
    return b"".join(response) if response.streaming else response.content


def assert_harmless(response: Response) -> None:
    """Assert that it was answered, or refused: by the API with the name of a parameter."""
    body = content(response)
    assert response.status_code < 500
    if response.status_code == 400 and response["Content-Type"] == "application/json":
        assert re.match("[a-z_]+: ", json.loads(body)["error"]["message"])


def too_long() -> Iterator[str]:
    """Yield each column with a value that SQLite stores, and that MariaDB would refuse."""
    for model in apps.get_models():
        limits = {field.name: field.max_length or 0 for field in model._meta.concrete_fields}
        lengths = {f"{name}_is": Max(Length(name)) for name, most in limits.items() if most}
        if model._meta.managed and lengths:
            for name, longest in model._base_manager.aggregate(**lengths).items():
                if (longest or 0) > limits[name.removesuffix("_is")]:
                    yield f"{model._meta.label}.{name.removesuffix('_is')}"


def test_a_long_value_in_each_parameter_is_refused_or_harmless(
    admin: Caller, subtests: pytest.Subtests
) -> None:
    user = make_locked_user()
    for call in READS:
        with recorded() as names, rolled_back():
            content(admin.send(call, user.id))
        for name, value in itertools.product(sorted(names), LONG):
            with subtests.test(call=str(call), name=name, value=value[:6]), rolled_back():
                assert_harmless(admin.send(call, user.id, query=f"?{urlencode({name: value})}"))


def test_a_long_value_in_each_field_is_refused_or_harmless(
    admin: Caller, subtests: pytest.Subtests
) -> None:
    user = make_locked_user()
    for call in POSTS:
        with recorded() as names, rolled_back():
            admin.send(call, user.id)
        for name in sorted(FIELDS if call.is_api else names | call.body.keys()):
            longer = replace(call, body={**call.body, name: "x" * LENGTH})
            with subtests.test(call=str(call), name=name), rolled_back():
                assert_harmless(admin.send(longer, user.id))
                assert not list(too_long())


def test_a_long_id_in_each_path_is_refused_or_harmless(
    admin: Caller, subtests: pytest.Subtests
) -> None:
    for call in (call for call in CALLS if "<str:user_id>" in call.route):
        with subtests.test(call=str(call)), rolled_back():
            assert_harmless(admin.send(call, "9" * LENGTH))
