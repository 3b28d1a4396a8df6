"""A task that settles acts that a crash has left pending."""

from __future__ import annotations

from pciops.actions import recovery
from pciops.celery import app


@app.task(name="actions.settle_pending")
def settle_pending() -> None:
    """Settle acts without an outcome. Two runs at once settle each act only once."""
    recovery.settle_quietly()
