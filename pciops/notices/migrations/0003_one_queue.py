"""Notices, mails to operators and calls of the webhook are one kind of queue.

The tables of the latter two come from the apps `lib` and `events` as they are.
"""

import uuid
from datetime import timedelta
from typing import Any

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F

STATUSES = [
    ("planned", "Waiting to be sent"),
    ("sent", "Sent"),
    ("refused", "Refused by the mail server"),
    ("given_up", "Given up"),
]


def convert(apps: Any, schema_editor: Any) -> None:
    """Give back what is claimed to the queue; the leases stay.

    Notices had the time of the first attempt; a day later they are given up.
    """
    notices = apps.get_model("notices", "Notice").objects
    notices.filter(give_up_at__isnull=False).update(give_up_at=F("give_up_at") + timedelta(days=1))
    notices.filter(status="claimed").update(status="planned")
    apps.get_model("notices", "OperatorMail").objects.filter(status="claimed").update(
        status="planned"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("notices", "0002_daily_digest"),
        ("lib", "0005_operator_mail_moves"),
        ("events", "0006_alert_moves"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="OperatorMail",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                        ("about", models.CharField(max_length=100)),
                        ("domain_id", models.CharField(blank=True, max_length=64)),
                        ("to", models.CharField(max_length=254)),
                        ("subject", models.CharField(max_length=255)),
                        ("message_id", models.CharField(max_length=255)),
                        ("content", models.BinaryField()),
                        ("written_at", models.DateTimeField()),
                        ("good_until", models.DateTimeField()),
                        ("status", models.CharField(choices=STATUSES, default="planned", max_length=12)),
                        ("attempts", models.PositiveIntegerField(default=0)),
                        ("next_attempt_at", models.DateTimeField()),
                        ("claimed_until", models.DateTimeField(null=True)),
                        ("claimed_by", models.CharField(blank=True, max_length=32)),
                        ("settled_at", models.DateTimeField(null=True)),
                        ("answer", models.CharField(blank=True, max_length=500)),
                    ],
                    options={
                        "db_table": "lib_owedmail",
                        "indexes": [
                            models.Index(fields=["status", "next_attempt_at"], name="owed_mail_due"),
                            models.Index(fields=["settled_at"], name="owed_mail_settled"),
                        ],
                        "constraints": [
                            models.UniqueConstraint(
                                fields=("about", "domain_id", "to"), name="owed_mails_once"
                            )
                        ],
                    },
                ),
                migrations.CreateModel(
                    name="WebhookCall",
                    fields=[
                        ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                        ("body", models.TextField()),
                        ("raised_at", models.DateTimeField()),
                        ("status", models.CharField(choices=STATUSES, default="planned", max_length=12)),
                        ("attempts", models.PositiveIntegerField(default=0)),
                        ("next_attempt_at", models.DateTimeField()),
                        ("settled_at", models.DateTimeField(null=True)),
                        ("answer", models.CharField(blank=True, max_length=500)),
                        (
                            "storm",
                            models.OneToOneField(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="webhook_call",
                                to="events.storm",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "events_alert",
                        "indexes": [
                            models.Index(fields=["status", "next_attempt_at"], name="alert_due")
                        ],
                    },
                ),
            ]
        ),
        migrations.RenameField("operatormail", "good_until", "give_up_at"),
        migrations.AlterField("operatormail", "give_up_at", models.DateTimeField(null=True)),
        migrations.AddField("webhookcall", "give_up_at", models.DateTimeField(null=True)),
        migrations.AddField("webhookcall", "claimed_until", models.DateTimeField(null=True)),
        migrations.AddField(
            "webhookcall",
            "claimed_by",
            models.CharField(blank=True, default="", max_length=32),
            preserve_default=False,
        ),
        migrations.RenameField("notice", "first_attempt_at", "give_up_at"),
        migrations.AlterField(
            "notice",
            "status",
            models.CharField(
                choices=[
                    *STATUSES[:3],
                    ("given_up", "Given up after a day"),
                    ("cancelled", "Cancelled: no longer true"),
                    ("no_address", "No mail address"),
                    ("bad_address", "Broken mail address"),
                ],
                default="planned",
                max_length=12,
            ),
        ),
        migrations.RunPython(convert, migrations.RunPython.noop, elidable=True),
    ]
