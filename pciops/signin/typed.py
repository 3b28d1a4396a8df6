"""The text typed into a form when the session ended: sealed in the URL to return to.

A new session has nothing of the old one, so the text cannot wait there. How the identity was
confirmed is not kept: that belongs to the act, not to the form.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from django.http import HttpRequest

from pciops.signin.sessions import seal, unseal

PARAMETER: Final = "typed"
KEPT: Final = ("reason", "remark", "option", "owner", "ends_on")
LONGEST: Final = 1000  # characters of a text; a URL has to stay short


def url_with(path: str, inputs: Mapping[str, str]) -> str:
    """Return the URL of the form with what was typed; without any, the path."""
    typed = {name: inputs[name][:LONGEST] for name in KEPT if inputs.get(name)}
    if not typed:
        return path
    return f"{path}{'&' if '?' in path else '?'}{urlencode({PARAMETER: seal(json.dumps(typed))})}"


def typed_in(request: HttpRequest) -> dict[str, str]:
    """Return what was typed before the session ended; nothing if that is not in the URL."""
    text = unseal(request.GET.get(PARAMETER, ""))
    if text is None:
        return {}
    try:
        typed = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(typed, dict):
        return {}
    return {name: str(value) for name, value in typed.items() if name in KEPT}
