"""Prints the public evidence keys, and replaces the private one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from pciops.audit import anchors, evidence, services
from pciops.audit.evidence import EvidenceKeyError
from pciops.audit.models import Event
from pciops.audit.services import AuditLogError


class Command(BaseCommand):
    help = (
        "Print the public keys that verify the anchors of the audit log, the newest last. Keep "
        "them where no pciops administrator can change them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--rotate", action="store_true", help="replace the private key; old public keys stay"
        )
        parser.add_argument("--pem", action="store_true", help="in the format that openssl reads")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["rotate"]:
                self._rotate()
            for verifier in evidence.keys().verifiers.values():
                self.stdout.write(verifier.pem.strip() if options["pem"] else str(verifier))
        except (EvidenceKeyError, AuditLogError) as error:
            raise CommandError(str(error)) from None

    def _rotate(self) -> None:
        """Anchor the chain with the old key, replace it, and record that."""
        now = timezone.now()
        anchors.make_current(now)
        old, new = evidence.rotate()
        services.record(
            Event.Action.KEY,
            Event.Outcome.SUCCESS,
            initiator=services.operating_system_user(),
            resource="evidence key",
            remark=f"{old.id.hex()} → {new.id.hex()}",
            now=now,
        )
        self.stderr.write(f"Replaced {old.id.hex()} by {new.id.hex()}.")
