"""Makes the demo's past: a census for each of the days before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.core.management.base import BaseCommand
from django.utils import timezone

from pciops.accounts.census import census
from pciops.accounts.models import Census
from pciops.accounts.policy import policy

DAYS: Final = 16  # includes the last whole week on any weekday


class Command(BaseCommand):
    help = "Count the demo's accounts as they were on earlier days, unless that is done."

    def handle(self, *args: Any, **options: Any) -> None:
        if Census.objects.exists():
            return
        now = timezone.now()
        for days in range(DAYS, 0, -1):
            census.take(policy=policy.current(), now=now - timedelta(days=days))
