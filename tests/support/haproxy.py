"""HAProxy with the configuration that we deliver, on ports of loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from tests.support.processes import ROOT, Program, program, running

CONFIGURATION = ROOT / "deploy" / "haproxy" / "haproxy.cfg"


@contextmanager
def haproxy(
    folder: Path,
    *,
    http: int,
    site: int,
    web: Sequence[int],
    galera: int,
    nodes: Sequence[int],
    further: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Program]:
    """Run it inside this block, without TLS; the ports are those of the configuration's order.

    Args:
        further: words to replace, and their replacements.
    """
    changes = {
        "bind :80\n": f"bind 127.0.0.1:{http}\n",
        ":443 ssl crt /etc/haproxy/pciops.pem": f"127.0.0.1:{site}",
        "X-Forwarded-Proto https": "X-Forwarded-Proto http",
        "127.0.0.1:3306\n": f"127.0.0.1:{galera}\n",
        **further,
    }
    changes |= {f"web{n}.example:8000": f"127.0.0.1:{port}" for n, port in enumerate(web, 1)}
    changes |= {f"db{n}.example:3306": f"127.0.0.1:{port}" for n, port in enumerate(nodes, 1)}
    text = CONFIGURATION.read_text()
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "haproxy.cfg"
    path.write_text(text)
    command = [program("haproxy", package="haproxy"), "-db", "-f", path]
    with running(command, env=os.environ, log=folder / "haproxy.log") as server:
        yield server
