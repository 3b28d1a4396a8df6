"""Runs the demo's consumer, which reads notifications from a file."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from pciops.demo.feeding import feed


class Command(BaseCommand):
    help = "Take the notifications of the demo's Keystone in from a file, until SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="in which each line is a notification")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        feed(options["file"], stop=stop, clock=timezone.now)
