"""Accounts as a Django app; a policy that cannot be read stops the start."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register


class AccountsConfig(AppConfig):
    name = "pciops.accounts"

    def ready(self) -> None:
        from pciops.accounts.policy import policy  # noqa: PLC0415 (it needs the models)

        register(policy_is_configured)
        policy.current_with_sources()


def policy_is_configured(**_: Any) -> list[CheckMessage]:
    """Check that the policy has a source; without one every rule would look switched off."""
    if settings.KEYSTONE_CONF or settings.POLICY_OVERRIDES:
        return []
    hint = (
        "Examples: PCIOPS_KEYSTONE_CONF=/etc/keystone/keystone.conf, or "
        "PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS=6 and the other options of [security_compliance]."
    )
    return [Error("Keystone's policy is unknown.", hint, id="pciops.E003")]
