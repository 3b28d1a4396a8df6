"""Calls of a webhook about acts know the place of their act in the chain of the audit log."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notices", "0004_alerts")]

    operations = [
        migrations.AddField(
            "webhookcall", "act_position", models.BigIntegerField(null=True, unique=True)
        ),
    ]
