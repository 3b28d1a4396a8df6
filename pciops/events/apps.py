"""Keystone's notifications as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "pciops.events"
