"""Accounts as a Django app; a policy that makes no sense stops the start."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "pciops.accounts"

    def ready(self) -> None:
        from pciops.accounts import checks  # noqa: F401, PLC0415 (registers the checks)
        from pciops.accounts.policy import policy  # noqa: PLC0415 (it needs the models)

        policy.sourced()
