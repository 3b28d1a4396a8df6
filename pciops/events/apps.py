"""The Django app of Keystone's notifications."""

from __future__ import annotations

from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "pciops.events"
