"""Calls of the webhook belong to the app `notices`; their table stays."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("events", "0005_rename_models")]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel("Alert")]),
    ]
