"""A private time-stamping authority, made and run with openssl, behind HTTP on loopback."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONFIG = """
[ req ]
distinguished_name = name
prompt = no
[ name ]
CN = pciops test TSA
[ tsa_cert ]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[ ca_cert ]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[ tsa ]
default_tsa = main
[ main ]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
"""


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def make(folder: Path) -> Path:
    """Make keys and certificates; return the file of the CA's certificate."""
    config = folder / "tsa.cnf"
    config.write_text(CONFIG.format(folder=folder))
    (folder / "serial").write_text("01\n")
    new_key = ("req", "-newkey", "rsa:2048", "-nodes", "-config", "tsa.cnf")
    _openssl(
        folder,
        *new_key,
        *("-x509", "-subj", "/CN=pciops test CA", "-extensions", "ca_cert", "-days", "2"),
        *("-keyout", "ca.key", "-out", "ca.pem"),
    )
    _openssl(folder, *new_key, "-keyout", "tsa.key", "-out", "tsa.csr")
    _openssl(
        folder,
        *("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2"),
        *("-set_serial", "2", "-extfile", "tsa.cnf", "-extensions", "tsa_cert", "-out", "tsa.pem"),
    )
    return folder / "ca.pem"


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Answer requests for time stamps; yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            with tempfile.NamedTemporaryFile(dir=folder) as file:
                file.write(query)
                file.flush()
                words = ("ts", "-reply", "-config", "tsa.cnf", "-queryfile", file.name)
                _openssl(folder, *words, "-out", f"{file.name}.tsr")
            reply = Path(f"{file.name}.tsr").read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name)
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
