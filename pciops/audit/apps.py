"""The audit log as a Django app, and the triggers with which the database protects it."""

from __future__ import annotations

from typing import Any, Final, Literal

from django.apps import AppConfig
from django.core.checks import Error, register
from django.db import connections, router
from django.db.models.signals import post_migrate, pre_migrate

from pciops.lib import triggers
from pciops.lib.triggers import Guard

SENTENCE: Final = "the audit log is append-only"
# The columns of an act that settling it does not write.
INTENT: Final = (
    *("id", "event_time", "observer", "action", "initiator_type", "initiator_id"),
    *("initiator_name", "initiator_domain_id", "initiator_domain_name", "initiator_address"),
    *("initiator_agent", "initiator_scope", "via", "target_id", "target_name"),
    *("target_domain_id", "target_domain_name", "resource", "reason", "identity", "seen"),
)
_VERBS: Final[tuple[Literal["UPDATE", "DELETE"], ...]] = ("UPDATE", "DELETE")
_KEPT: Final = {  # tables whose rows are never changed or deleted
    "audit_stub": "a stub is never changed",
    "audit_anchor": "an anchor is never changed",
    "audit_timestamp": "a time stamp is never changed",
}
_CHANGED: Final = " OR ".join(f"NEW.{column} <> OLD.{column}" for column in INTENT)
_CHECK_CHANGED: Final = " OR ".join(
    f"NEW.{column} <> OLD.{column}"
    for column in ("checked_at", "position", "hash", "problem", "seal")
)
GUARDS: Final = (
    Guard(
        name="audit_event_no_update",
        table="audit_event",
        verb="UPDATE",
        refused="OLD.position IS NOT NULL",
        sentence=SENTENCE,
    ),
    Guard(
        name="audit_event_no_delete",
        table="audit_event",
        verb="DELETE",
        refused="OLD.position IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM audit_stub WHERE last_position >= OLD.position)",
        sentence=SENTENCE,
    ),
    Guard(
        name="audit_pending_no_update",
        table="audit_event",
        verb="UPDATE",
        refused=f"OLD.position IS NULL AND (NEW.position IS NULL OR {_CHANGED})",
        sentence=SENTENCE,
    ),
    Guard(
        name="audit_pending_no_delete",
        table="audit_event",
        verb="DELETE",
        refused="OLD.position IS NULL",
        sentence=SENTENCE,
    ),
    Guard(
        name="audit_head_no_update",
        table="audit_chainhead",
        verb="UPDATE",
        refused="NEW.position <> OLD.position + 1 OR NOT EXISTS "
        "(SELECT 1 FROM audit_event WHERE position = NEW.position AND hash = NEW.hash)",
        sentence="the head only moves to the next row",
    ),
    Guard(
        name="audit_head_no_delete",
        table="audit_chainhead",
        verb="DELETE",
        refused="1 = 1",
        sentence="the head only moves to the next row",
    ),
    Guard(
        name="audit_check_no_update",
        table="audit_check",
        verb="UPDATE",
        refused=f"OLD.acknowledged_at IS NOT NULL OR {_CHECK_CHANGED}",
        sentence="a check is never changed, only acknowledged once",
    ),
    Guard(
        name="audit_check_no_delete",
        table="audit_check",
        verb="DELETE",
        refused="1 = 1",
        sentence="a check is never changed, only acknowledged once",
    ),
    *(
        Guard(
            name=f"{table}_no_{verb.lower()}",
            table=table,
            verb=verb,
            refused="1 = 1",
            sentence=sentence,
        )
        for table, sentence in _KEPT.items()
        for verb in _VERBS
    ),
)


class AuditConfig(AppConfig):
    name = "pciops.audit"

    def ready(self) -> None:
        register(usable_key)
        pre_migrate.connect(remove_triggers, sender=self)
        post_migrate.connect(install_triggers, sender=self)


def usable_key(**_: Any) -> list[Error]:
    """Check that there is an evidence key; the first start creates it."""
    from pciops.audit import evidence  # noqa: PLC0415 (it needs the models)

    try:
        evidence.keys()
    except evidence.EvidenceKeyError as error:
        return [Error(str(error), id="pciops.audit.E001")]
    return []


def remove_triggers(using: str = "default", plan: Any = (), **_: Any) -> None:
    """Drop SQLite's triggers if there is anything to migrate."""
    if plan and router.allow_migrate(using, "audit"):
        triggers.remove(GUARDS, using)


def install_triggers(using: str = "default", **_: Any) -> None:
    """Make the triggers that are missing, once all tables are there."""
    if not router.allow_migrate(using, "audit"):
        return
    if {guard.table for guard in GUARDS} <= set(connections[using].introspection.table_names()):
        triggers.install(GUARDS, using)
