"""Receives Keystone's notifications until SIGTERM."""

from __future__ import annotations

import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from pciops.audit import processes
from pciops.events.intake.consumer import NotificationConsumer


class Command(BaseCommand):
    help = (
        "Consume Keystone's notifications from PCIOPS_NOTIFICATIONS_URL until SIGTERM. The "
        "command reconnects automatically. You can run several, on one or more machines."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.NOTIFICATIONS_URLS:
            raise CommandError(
                "PCIOPS_NOTIFICATIONS_URL is not set. Set it to the RabbitMQ of the notifications.",
                returncode=2,
            )
        consumer = NotificationConsumer(settings.NOTIFICATIONS_URLS, clock=timezone.now)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: consumer.stop())
        processes.record_start("consumer")
        try:
            consumer.run()
        finally:
            processes.record_stop("consumer")
