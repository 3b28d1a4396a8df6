"""Replace the secret key by a new one; the old one is accepted until it is dropped."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.management.utils import get_random_secret_key
from django.utils import timezone

from pciops.audit import services
from pciops.audit.models import Event, PruneStub
from pciops.audit.services import AuditLogError
from pciops.lib import env, keys
from pciops.lib.numbers import counted


class Draft(NamedTuple):
    """The new content of a file, in a file beside it."""

    name: str
    path: Path


class Command(BaseCommand):
    help = (
        "Replace the secret key with a new one. pciops still accepts the old one, so operators "
        "stay signed in; --drop-old ends that. Restart all services afterwards."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--drop-old",
            action="store_true",
            help="stop accepting old keys, without creating a new one",
        )
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")

    def handle(self, *args: Any, **options: Any) -> None:
        current, old = _files()
        if options["drop_old"]:
            self._drop(old, dry_run=options["dry_run"])
        else:
            self._rotate(current, old, dry_run=options["dry_run"])

    def _rotate(self, current: Path, old: Path, *, dry_run: bool) -> None:
        if dry_run:
            self.stdout.write(f"{current} would get a new key, and {old} the current one.")
            return
        new = get_random_secret_key()
        # The old key is a fallback before it is replaced: a crash in between loses neither.
        drafts = _drafts(
            {old: [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS], current: [new]}
        )
        _record(Event.Action.SECRET_KEY, f"{_id(settings.SECRET_KEY)} → {_id(new)}", drafts)
        _replace(drafts)
        self.stdout.write(
            f"{current} has a new key, and {old} the old one. Copy both to all machines that "
            "serve the site, and restart all services. After all current tokens have expired, "
            "run pciops rotate_keys --drop-old."
        )

    def _drop(self, old: Path, *, dry_run: bool) -> None:
        number = len(settings.SECRET_KEY_FALLBACKS)
        if not number:
            raise CommandError("No old keys are accepted. Nothing was changed.")
        if stubs := PruneStub.objects.count():
            raise CommandError(
                f"An old key may have signed {counted(stubs, 'stub')} of the audit log, which "
                "pciops then could not verify. Nothing was changed. Keep the old keys."
            )
        if dry_run:
            self.stdout.write(f"{counted(number, 'old key')} would be dropped from {old}.")
            return
        drafts = _drafts({old: []})
        dropped = ", ".join(_id(secret) for secret in settings.SECRET_KEY_FALLBACKS)
        _record(Event.Action.DROP_KEYS, dropped, drafts)
        _replace(drafts)
        self.stdout.write(f"{counted(number, 'old key')} dropped from {old}. Restart all services.")


def _files() -> tuple[Path, Path]:
    """Return the files of the key and of the old keys.

    Raises:
        CommandError: the settings name none.
    """
    current, old = (env.text(f"{name}_FILE") for name in env.SECRET_KEYS)
    if not env.is_set("PCIOPS_SECRET_KEY"):
        return settings.VAR / env.SECRET_KEY_FILE, settings.VAR / env.FALLBACKS_FILE
    if current and old:
        return Path(current), Path(old)
    raise CommandError(
        "The keys are not in files that this command can change. Set PCIOPS_SECRET_KEY_FILE and "
        "PCIOPS_SECRET_KEY_FALLBACKS_FILE. Or set PCIOPS_SECRET_KEY to a new key and "
        "PCIOPS_SECRET_KEY_FALLBACKS to the current one. Nothing was changed.",
        returncode=2,
    )


def _drafts(contents: Mapping[Path, list[str]]) -> list[Draft]:
    """Write the new content of each file beside it, readable only by its owner.

    Raises:
        CommandError: no draft is left.
    """
    drafts: list[Draft] = []
    for path, lines in contents.items():
        try:
            descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            drafts.append(Draft(name, path))
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write("\n".join(lines))
        except OSError as error:
            _discard(drafts)
            raise CommandError(f"{path} cannot be written ({error.strerror}).") from None
    return drafts


def _record(action: Event.Action, ids: str, drafts: list[Draft]) -> None:
    """Record what is about to be done: there is no act without a row in the audit log.

    Raises:
        CommandError: the row cannot be written; the drafts are gone.
    """
    try:
        services.record(
            action,
            Event.Outcome.SUCCESS,
            initiator=services.operating_system_user(),
            resource="secret key",
            remark=ids,
            now=timezone.now(),
        )
    except AuditLogError as error:
        _discard(drafts)
        raise CommandError(str(error)) from None


def _discard(drafts: list[Draft]) -> None:
    for draft in drafts:
        os.unlink(draft.name)


def _replace(drafts: list[Draft]) -> None:
    for draft in drafts:
        os.replace(draft.name, draft.path)


def _id(secret: str) -> str:
    """Return what tells secret keys apart, and reveals nothing of them."""
    return keys.derive("id", secret).id
