"""Notices as a Django app; invalid rules stop the start."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Warning, register  # noqa: A004 (Django's own name)


class NoticesConfig(AppConfig):
    name = "pciops.notices"

    def ready(self) -> None:
        from pciops.events import liveness  # noqa: PLC0415 (it needs the models)
        from pciops.notices import rules  # noqa: PLC0415 (it needs the models)
        from pciops.notices.alerts import watch  # noqa: PLC0415 (it needs the models)

        rules.current()
        liveness.heartbeat.connect(watch.on_heartbeat)


@register
def check_site_templates(**_: Any) -> list[CheckMessage]:
    """Warn of templates that do not compile before the first mail needs them."""
    from pciops.notices import rendering  # noqa: PLC0415 (it needs the models)

    return [
        Warning(broken, "The built-in template is used instead.", id="pciops.W010")
        for broken in rendering.broken_templates()
    ]
