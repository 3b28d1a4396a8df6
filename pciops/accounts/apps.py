"""Accounts as a Django app; a policy that makes no sense stops the start."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "pciops.accounts"

    def ready(self) -> None:
        from pciops.accounts import checks, policy  # noqa: F401, PLC0415 (registers the checks)

        policy.sourced()
