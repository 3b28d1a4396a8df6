"""Reading pages and files, and taking a database down."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from django.db import OperationalError, connections
from django.test import Client

from tests.signin.visit import Response

REFUSED = OperationalError(2003, "Can't connect to MySQL server on 'db.example' (111)")


def account_names(response: Response) -> list[str]:
    """Return the names in a list of accounts, from top to bottom."""
    return re.findall(r'<a class="who-name"[^>]*><bdi>(.*?)</bdi>', response.content.decode())


def next_page(response: Response) -> str:
    """Return the URL of the link to the next page; "" on the last page."""
    found = re.search(r'href="([^"]*)" rel="next"', response.content.decode())
    return html.unescape(found[1]) if found else ""


def walk(site: Client, path: str, query: str = "") -> list[Response]:
    """Return every page of a list, following the links to the next page."""
    pages = [site.get(f"{path}{query}")]
    while more := next_page(pages[-1]):
        pages.append(site.get(f"{path}{more}"))
    return pages


def text_of(site: Client, url: str) -> str:
    """Return the whole text of a streamed file."""
    response = cast("Any", site.get(url))
    assert response.status_code == 200
    return b"".join(cast("Iterable[bytes]", response.streaming_content)).decode()


def csv_rows(site: Client, url: str) -> list[dict[str, str]]:
    """Return the rows of a streamed CSV file."""
    return list(csv.DictReader(io.StringIO(text_of(site, url))))


@contextmanager
def down(alias: str, error: Exception = REFUSED) -> Iterator[None]:
    """Let the database of this alias fail every statement."""

    def refuse(*_: Any) -> Any:
        raise error

    with connections[alias].execute_wrapper(refuse):
        yield


def get_while_down(browser: Client, alias: str, url: str, **options: Any) -> Response:
    """Get a page while a database is down; an unhandled error is a page, too."""
    browser.raise_request_exception = False
    with down(alias, **options):
        return browser.get(url)
