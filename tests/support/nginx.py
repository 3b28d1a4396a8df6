"""nginx with the configuration that we deliver, on ports of loopback."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.certificates import certificate
from tests.support.deploy import DEPLOY, changed
from tests.support.processes import Program, program, running

_MAIN = """\
worker_processes 1;
error_log stderr;
pid {folder}/pid;
events {{}}
http {{
    access_log off;
    {paths}
    include {folder}/pciops.conf;
}}
"""
_PATHS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@contextmanager
def nginx(folder: Path, *, http: int, https: int, site: int) -> Iterator[Program]:
    """Run it inside this block, as `localhost`; its certificate is `certificate.pem`."""
    pem = certificate(folder, name="localhost")
    changes = {
        "listen 80;": f"listen 127.0.0.1:{http};",
        "listen 443 ssl;": f"listen 127.0.0.1:{https} ssl;",
        "    listen [::]:80;\n": "",
        "    listen [::]:443 ssl;\n": "",
        "https://pciops.example$": f"https://localhost:{https}$",
        "server_name pciops.example;": "server_name localhost;",
        "/etc/ssl/certs/pciops.pem": str(pem),
        "/etc/ssl/private/pciops.key": str(pem),
        "127.0.0.1:8000": f"127.0.0.1:{site}",
    }
    text = changed(DEPLOY / "nginx" / "pciops.conf", changes)
    (folder / "pciops.conf").write_text(text, encoding="utf-8")
    paths = "\n    ".join(f"{name}_temp_path {folder}/{name};" for name in _PATHS)
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder, paths=paths), encoding="utf-8")
    command = [program("nginx", package="nginx-light"), "-e", "stderr", "-p", str(folder)]
    command += ["-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    assert "[warn]" not in tested.stderr, tested.stderr
    with running(command, env=os.environ, log=folder / "nginx.log") as server:
        yield server
        server.stop()
