"""Pages that refresh themselves: which, how, and that this does not keep a session alive."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from pciops.signin.models import StoredSession
from tests.factories import make_locked_user
from tests.signin.visit import shown
from tests.web.unlocking import unlock

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

BY_ITSELF = {"X-By-Itself": "1"}
PAGES = ["/", "/accounts/?state=locked", "/accounts/{id}/", "/activity/"]


@pytest.mark.parametrize("path", PAGES)
def test_page_refreshes_itself_without_eval(site: Client, path: str) -> None:
    page = site.get(path.format(id=make_locked_user().id)).content.decode()

    assert 'hx-trigger="every 15s"' in page
    assert 'hx-headers=\'{"X-By-Itself": "1"}\'' in page
    assert '"allowEval": false, "includeIndicatorStyles": false' in page
    assert "django_htmx/htmx" in page


@pytest.mark.parametrize("path", ["/accounts/?state=disabled", "/accounts/{id}/unlock/", "/audit/"])
def test_other_pages_load_no_script_for_it(site: Client, path: str) -> None:
    page = site.get(path.format(id=make_locked_user().id)).content.decode()

    assert "hx-trigger" not in page
    assert "htmx" not in page


@pytest.mark.parametrize("path", PAGES)
def test_refreshing_is_not_activity_of_the_user(
    site: Client, path: str, clock: time_machine.Traveller
) -> None:
    path, ends = path.format(id=make_locked_user().id), StoredSession.objects.get().expire_date
    clock.shift(timedelta(minutes=5))

    assert site.get(path, headers=BY_ITSELF).status_code == 200
    assert StoredSession.objects.get().expire_date == ends
    clock.shift(timedelta(minutes=11))
    assert site.get(path, headers=BY_ITSELF).status_code == 401


def test_refreshing_takes_no_message_from_the_page_that_follows(site: Client) -> None:
    unlock(site, make_locked_user("ann"))
    site.get("/", headers=BY_ITSELF)

    assert "ann (Default) is unlocked." in shown(site.get("/")).replace("( Default )", "(Default)")
