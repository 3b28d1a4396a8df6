from typing import Any

from django.db import migrations, models


def end_old_sessions(apps: Any, schema_editor: object) -> None:
    """Delete the sessions of older versions: their keys were the cookies themselves."""
    apps.get_model("sessions", "Session").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("signin", "0002_throttle_refused"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="StoredSession",
            fields=[
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("session_key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("operator_id", models.CharField(blank=True, db_index=True, max_length=64)),
                ("domain_id", models.CharField(blank=True, max_length=64)),
                ("address", models.CharField(blank=True, max_length=45)),
                ("agent", models.CharField(blank=True, max_length=255)),
                ("began_at", models.DateTimeField(null=True)),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "db_table": "signin_session",
            },
        ),
        migrations.RunPython(end_old_sessions, migrations.RunPython.noop),
    ]
