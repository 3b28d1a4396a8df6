"""Rows that were settled before there was a chain come into it, in the order of their end."""

from typing import Any

from django.db import migrations

from pciops.audit import chain


def link(apps: Any, schema_editor: Any) -> None:
    Event = apps.get_model("audit", "Event")
    Head = apps.get_model("audit", "ChainHead")
    head, _ = Head.objects.get_or_create(pk=1)
    settled = Event.objects.exclude(outcome="pending").filter(position=None)
    for pk in settled.order_by("settled_at", "id").values_list("pk", flat=True):
        event = Event.objects.get(pk=pk)
        chain.append(event, head)
        Event.objects.filter(pk=pk).update(
            position=event.position, previous_hash=event.previous_hash, hash=event.hash
        )
    head.save()


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_chain")]
    operations = [migrations.RunPython(link, migrations.RunPython.noop)]
