"""Alerts have rows, and calls of the webhook a key of their own instead of a storm."""

import uuid
from typing import Any

from django.db import migrations, models
from django.db.models import CharField, F, Value
from django.db.models.functions import Cast, Concat


def name_calls(apps: Any, schema_editor: Any) -> None:
    """Name each call after its storm."""
    storm = Cast(F("storm_id"), CharField(max_length=20))
    apps.get_model("notices", "WebhookCall").objects.update(about=Concat(Value("storm "), storm))


class Migration(migrations.Migration):
    dependencies = [("notices", "0003_one_queue")]

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=32)),
                ("subject", models.CharField(blank=True, max_length=160)),
                ("current", models.CharField(max_length=200, null=True, unique=True)),
                ("body", models.JSONField()),
                ("began_at", models.DateTimeField()),
                ("raised_at", models.DateTimeField()),
                ("resolved_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["resolved_at", "kind"], name="alert_open")]
            },
        ),
        migrations.AddField(
            "webhookcall", "about", models.CharField(max_length=100, null=True, unique=True)
        ),
        migrations.RunPython(name_calls, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            "webhookcall", "about", models.CharField(max_length=100, unique=True)
        ),
        migrations.RemoveField("webhookcall", "storm"),
        migrations.AddIndex(
            "webhookcall", models.Index(fields=["settled_at"], name="alert_settled")
        ),
    ]
