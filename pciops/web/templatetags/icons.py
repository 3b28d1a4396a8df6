"""Icons of pages: drawings of Lucide in `templates/icons`, inline, and the icon of each state."""

from __future__ import annotations

from functools import cache
from typing import Final

from django.template import Library
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from pciops.accounts.states.state import State
from pciops.events.diagnosis.rules import Cause
from pciops.lib.files import shipped

STATES: Final = {
    "locked": "lock",
    "disabled": "ban",
    "inactive": "moon",
    "expired": "key-round",
    "must_change": "key-round",
    "no_password": "key-round",
    "unreadable": "triangle-alert",
    "second_factor_not_enrolled": "smartphone",
    "lock_lapsed": "lock-open",
    "near_lockout": "triangle-alert",
    "attacked_exempt": "shield-alert",
    "inactive_soon": "hourglass",
    "expiring": "clock",
    "no_expiry": "key-round",
    "never_signed_in": "circle-dashed",
    "exempt": "shield-off",
    "not_covered": "server",
}
# Of messages and answers, by their tone or by the level of a message of Django.
TONES: Final = {
    "good": "circle-check",
    "success": "circle-check",
    "soon": "triangle-alert",
    "warning": "triangle-alert",
    "bad": "circle-x",
    "error": "circle-x",
    "attack": "shield-alert",
}

CAUSES: Final = {
    Cause.OLD_PASSWORD: "refresh-cw",
    Cause.GUESSING: "crosshair",
    Cause.SPRAYING: "crosshair",
    Cause.TYPING: "keyboard",
    Cause.UNKNOWN: "circle-question-mark",
}

# Of entries of the tables of events, by their kind; the icon of the others is "activity".
EVENTS: Final = {
    "email": "mail",
    "sign_in": "log-in",
    "attack": "crosshair",
    "wrong_password": "circle-x",
    "locked": "ban",
    "unknown_name": "circle-question-mark",
    "disabled": "ban",
    "expired": "key-round",
    "other": "circle-x",
    "created": "plus",
    "updated": "pencil",
    "enabled": "circle-check",
    "deleted": "trash-2",
    "password": "key-round",
    "role_granted": "users",
    "role_revoked": "users",
    "credential_created": "key-round",
    "credential_deleted": "key-round",
    "unlock": "lock-open",
    "enable": "circle-check",
    "disable": "ban",
    "exempt": "shield-off",
    "lift": "shield-off",
    "record": "shield-off",
    "revoke/tokens": "log-out",
    "machine": "server",
    "person": "user",
    "authenticate": "log-in",
    "authenticate/logout": "log-out",
    "update/password": "key-round",
    "deny": "ban",
    "read/export": "download",
    "read/report": "download",
    "send/sample": "mail",
    "send/notice": "mail",
    "create/report": "file-text",
    "update/report": "file-text",
    "update/policy": "sliders-horizontal",
    "delete/trail": "trash-2",
    "update/trail": "list-checks",
    "begin/act": "clock",
    "read/audit": "list-checks",
    "start/process": "server",
    "stop/process": "server",
    "update/key": "key-round",
    "update/secret-key": "key-round",
    "delete/secret-key": "key-round",
}

register = Library()


@cache
def _drawing(name: str) -> SafeString:
    """Return what is within the `<svg>` of a file of Lucide."""
    text = (shipped("templates") / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    inner = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    return mark_safe(" ".join(inner.split()))  # noqa: S308 (a drawing of our own files)


@register.simple_tag
@cache
def icon(name: str, style: str = "") -> SafeString:
    """Return an icon beside a word: `{% icon "lock" "tone-bad" %}`."""
    classes = f"icon {style}".rstrip()
    opening = format_html('<svg class="{}" viewBox="0 0 24 24" aria-hidden="true">', classes)
    return opening + _drawing(name) + mark_safe("</svg>")  # noqa: S308 (no text of others)


@register.filter
def state_icon(state: State) -> str:
    """Return the name of the icon of a state, or of several: `{% icon state|state_icon %}`."""
    return STATES.get(state.name, "users")


@register.filter
@cache
def chip(state: State) -> SafeString:
    """Return the label of a state, one of `states.STATES`: `{{ state|chip }}`."""
    drawing = icon(state_icon(state))
    return format_html('<span class="chip {}">{}{}</span>', state.tone, drawing, state.label)


@register.filter
def tone_icon(tone: str) -> str:
    """Return the name of the icon of a message or an answer."""
    return TONES.get(tone, "info")


@register.filter
def tone(level: str) -> str:
    """Return the tone of a level of Django's messages: `{{ message.level_tag|tone }}`."""
    return {"success": "good", "warning": "soon", "error": "bad"}.get(level, level)


@register.filter
def cause_icon(cause: Cause) -> str:
    """Return the name of the icon of a cause."""
    return CAUSES[cause]


@register.filter
def event_icon(kind: str) -> str:
    """Return the name of the icon of an entry of a table of events."""
    return EVENTS.get(kind, "activity")
