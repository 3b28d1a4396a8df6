"""The site behind nginx with the configuration that we deliver."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.support.cloud import Person
from tests.support.nginx import nginx
from tests.support.processes import Program, free_port, wait_until
from tests.support.site import Site
from tests.support.visitor import Visitor


@dataclass(frozen=True)
class Front:
    """nginx in front of the site: its addresses, and the file of its certificate."""

    http: str
    https: str
    certificate: str

    def get(self, path: str) -> requests.Response:
        return requests.get(
            self.https + path, verify=self.certificate, timeout=10, allow_redirects=False
        )


@pytest.fixture(scope="module")
def front(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """nginx, until the tests of this module end."""
    folder: Path = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)  # the workers of nginx give root up
    http, https = free_port(), free_port()
    front = Front(
        f"http://localhost:{http}", f"https://localhost:{https}", str(folder / "certificate.pem")
    )

    def answers(server: Program) -> bool:
        try:
            return front.get("/healthz").status_code == 200
        except requests.ConnectionError:
            return False

    with nginx(folder, http=http, https=https, site=site.port) as server:
        wait_until(lambda: answers(server), "nginx answers", server.process, server.log)
        yield front


def test_plain_http_is_redirected_to_tls(front: Front) -> None:
    answer = requests.get(f"{front.http}/accounts/?q=a", timeout=10, allow_redirects=False)

    assert (answer.status_code, answer.headers["Location"]) == (301, f"{front.https}/accounts/?q=a")


def test_an_operator_signs_in_with_the_address_that_nginx_saw(
    front: Front, operator: Person
) -> None:
    visitor = Visitor(front.https)
    visitor.http.verify = front.certificate
    visitor.http.trust_env = False  # or a variable for other certificates wins
    visitor.http.headers["Referer"] = front.https  # as browsers send it; Django checks it
    claimed = str(visitor.http.headers["X-Forwarded-For"])

    visitor.sign_in(operator)
    sessions = visitor.get("/sessions/")

    assert sessions.status_code == 200
    assert "127.0.0.1" in sessions.text
    assert claimed not in sessions.text


def test_a_request_that_is_too_large_does_not_reach_pciops(front: Front) -> None:
    answer = requests.post(
        f"{front.https}/signin/", data=b"x" * 200_000, verify=front.certificate, timeout=10
    )

    assert (answer.status_code, "nginx" in answer.text) == (413, True)


def test_attempts_to_sign_in_are_limited_before_other_pages(front: Front) -> None:
    begun = time.monotonic()
    codes = [front.get("/signin/").status_code for _ in range(15)]
    minutes = (time.monotonic() - begun) / 60

    # A burst of 10 and one at once, then 10 in a minute; the test before has used a few.
    assert 429 in codes
    assert codes.count(200) <= 11 + 10 * minutes + 1
    assert front.get("/healthz").status_code == 200
