"""System checks: templates of the site's that cannot be used."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Warning, register  # noqa: A004 (Django's own name)

from pciops.notices import rendering


@register
def templates_compile(**_: Any) -> list[CheckMessage]:
    """A template that does not compile would be missed only when a mail is due."""
    return [
        Warning(f"{broken}", "The built-in template is used instead.", id="pciops.W010")
        for broken in rendering.broken()
    ]
