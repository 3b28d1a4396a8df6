"""Requests behind HAProxy with the configuration that we deliver: slow and large ones."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.cloud import Cloud
from tests.support.haproxy import haproxy
from tests.support.processes import free_port, wait_until
from tests.support.site import Site

CLIENTS = 40  # more than the eight threads of the site
PATIENCE = 2  # seconds instead of the 10 that we deliver
HEAD = (  # of a form that pciops reads before it answers
    "POST /signin/ HTTP/1.1\r\nHost: localhost\r\nReferer: https://localhost/signin/\r\n"
    f"Cookie: pciops-csrf={'a' * 32}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
)


@pytest.fixture(scope="module")
def ports(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """The ports for HTTP and HTTPS of an HAProxy whose two web servers are the site."""
    folder = tmp_path_factory.mktemp("haproxy")
    http, https, galera, *nodes = (free_port() for _ in range(6))
    further = {
        "timeout http-request 10s": f"timeout http-request {PATIENCE}s",
        "wait-for-body time 10s": f"wait-for-body time {PATIENCE}s",
        "sc_http_req_rate(0) gt 100": "sc_http_req_rate(0) gt 1000",
    }
    web = [site.port, site.port]
    with haproxy(
        folder, http=http, site=https, web=web, galera=galera, nodes=nodes, further=further
    ) as proxy:
        wait_until(lambda: answers(https), "HAProxy answers", proxy.process, proxy.log)
        yield http, https


@pytest.fixture
def port(ports: tuple[int, int]) -> int:
    """The port of the site behind HAProxy."""
    return ports[1]


def answers(port: int) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    return False


@contextlib.contextmanager
def clients(port: int, begin: str) -> Iterator[list[socket.socket]]:
    """Connect many clients that have sent only the begin of a request."""
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(CLIENTS):
            client = socket.create_connection(("127.0.0.1", port), timeout=30)
            sockets.append(stack.enter_context(client))
            client.sendall(begin.encode())
        yield sockets


def status_of(client: socket.socket) -> bytes:
    """Return the status of the answer to a client."""
    return client.recv(1000).split(b" ")[1]


SLOW = {
    "headers": "GET / HTTP/1.1\r\nHost: localhost\r\n",
    "body": f"{HEAD}Content-Length: 60000\r\n\r\n" + "x" * 100,
    "most of a body": f"{HEAD}Content-Length: 60000\r\n\r\n" + "x" * 59_000,
}


@pytest.mark.parametrize("begin", SLOW.values(), ids=SLOW)
def test_slow_clients_do_not_keep_others_waiting(port: int, begin: str) -> None:
    with clients(port, begin) as sockets:
        time.sleep(0.5)  # all of them are with HAProxy, or with pciops
        page = requests.get(f"http://127.0.0.1:{port}/signin/", timeout=30)
        others = {status_of(client) for client in sockets}

    assert page.status_code == 200
    assert others == {b"408"}  # pciops got none of them


@pytest.mark.parametrize(
    ("header", "expected"),
    [("Content-Length: 10485760", b"413"), ("Transfer-Encoding: chunked", b"400")],
)
def test_a_body_that_is_too_large_or_of_unknown_length_is_refused(
    port: int, header: str, expected: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(f"{HEAD}{header}\r\n\r\n4000\r\n{'x' * 0x3000}".encode())

        assert status_of(client) == expected


def test_plain_http_is_redirected_to_tls(ports: tuple[int, int]) -> None:
    url = f"http://127.0.0.1:{ports[0]}/accounts/?q=a"
    answer = requests.get(url, timeout=10, allow_redirects=False)

    assert answer.status_code == 301
    assert answer.headers["Location"] == url.replace("http:", "https:")


# --- Without a proxy ----------------------------------------------------------------------------
def peak(process: str) -> int:
    """Return the most memory that a process has had, in KiB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


@pytest.mark.parametrize("path", ["/signin/", "/api/v1/accounts/unlock"])
def test_a_large_body_is_refused_without_memory_for_it(site: Site, cloud: Cloud, path: str) -> None:
    parent = site.server.process.pid
    workers = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
    before = [peak(worker) for worker in workers]
    answer = requests.post(
        f"{site.url}{path}",
        {"reason": "x" * 50 * 1024 * 1024},
        headers={"X-Auth-Token": cloud.token(cloud.create_operator())},
        cookies={"pciops-csrf": "a" * 32},  # without it, the form is refused before it is read
        timeout=60,
    )

    assert answer.status_code == 413
    assert "too large" in answer.text
    for worker, old in zip(workers, before, strict=True):
        assert peak(worker) < old + 20 * 1024
