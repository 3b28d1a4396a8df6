"""The other side of a webhook: an HTTP server on loopback that keeps the calls."""

from __future__ import annotations

import hashlib
import hmac
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from tests.factories import NOW

SECRET = "a secret of the other side"  # noqa: S105 (of tests)


@dataclass
class Receiver:
    """The calls that the other side got, and how it answers."""

    status: int = 204
    location: str = ""
    calls: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def accepts(self, number: int = -1, *, now: float = NOW.timestamp()) -> bool:
        """Check a call as docs/alerts.md does."""
        _, headers, body = self.calls[number]
        timestamp = headers["X-Pciops-Timestamp"]
        if abs(now - int(timestamp)) > 300:
            return False
        signed = timestamp.encode() + b"." + body
        expected = "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, headers["X-Pciops-Signature"])


@contextmanager
def serving(receiver: Receiver, pem: Path | None = None) -> Iterator[int]:
    """Run the other side until the end of the block; yield its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.calls.append((self.path, dict(self.headers), body))
            self.send_response(receiver.status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if pem:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
