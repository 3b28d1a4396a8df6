"""Requests for hosts that are not ours."""

from __future__ import annotations

import io
import logging

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("host", ["evil.example", "a b", "evil.example:x"])
def test_bad_host_header_is_one_line_of_the_log(client: Client, host: str) -> None:
    handlers = logging.getLogger("django.security").handlers
    [handler] = [each for each in handlers if each.get_name() == "brief"]
    stream = io.StringIO()
    before = handler.setStream(stream)  # type: ignore[attr-defined]  # a StreamHandler
    try:
        response = client.get("/signin/", headers={"Host": host})
    finally:
        handler.setStream(before)  # type: ignore[attr-defined]  # as above

    assert response.status_code == 400
    assert len(stream.getvalue().splitlines()) == 1
    assert "Invalid HTTP_HOST header" in stream.getvalue()
    assert "PCIOPS_ALLOWED_HOSTS" in response.content.decode()
    assert host not in response.content.decode()
