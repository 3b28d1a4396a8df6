"""Mails to operators belong to the app `notices`; their table stays."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("lib", "0004_job_run_claim")]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel("OwedMail")]),
    ]
