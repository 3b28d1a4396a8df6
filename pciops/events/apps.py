"""Keystone's notifications as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "pciops.events"

    def ready(self) -> None:
        from pciops.accounts import origin  # noqa: PLC0415 (it needs the models)
        from pciops.events import answers  # noqa: PLC0415

        origin.provide(answers.origins)
