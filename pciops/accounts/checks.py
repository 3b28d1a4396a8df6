"""System checks: pciops has to know the policy that Keystone enforces."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register
def policy_is_configured(**_: Any) -> list[CheckMessage]:
    """Without a source, every rule would look switched off, and nobody would look locked."""
    if settings.KEYSTONE_CONF or settings.POLICY_OVERRIDES:
        return []
    hint = (
        "Examples: PCIOPS_KEYSTONE_CONF=/etc/keystone/keystone.conf, or "
        "PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS=6 and the other options of [security_compliance]."
    )
    return [Error("Keystone's policy is not known.", hint, id="pciops.E003")]
