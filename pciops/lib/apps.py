"""The helpers as a Django app: a system check for unknown variables, and repeated statements."""

from __future__ import annotations

import difflib
import gc
import os
from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.db.backends.signals import connection_created

from pciops.lib import cleartext, env, retries


class LibConfig(AppConfig):
    name = "pciops.lib"

    def ready(self) -> None:
        # The collector need not look at what lives as long as the process, nor look so often: rows
        # of long lists have no cycles. It took a tenth of their CPU time.
        gc.freeze()
        gc.set_threshold(50_000)
        connection_created.connect(retries.install)
        checks.register(variables_are_known)
        checks.register(cleartext.goes_over_tls, deploy=True)


def variables_are_known(**_: Any) -> list[checks.CheckMessage]:
    """Warn about misspelt settings, which would otherwise have no effect unnoticed."""
    return [
        checks.Warning(f"{name} is not a setting of pciops.", _hint(name), id="pciops.W001")
        for name in sorted(os.environ)
        if name.startswith("PCIOPS_") and name not in env.READ
    ]


def _hint(name: str) -> str:
    close = difflib.get_close_matches(name, sorted(env.READ), n=1)
    return f"Did you mean {close[0]}?" if close else "docs/settings.md lists the settings."
