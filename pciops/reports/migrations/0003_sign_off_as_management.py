"""Keep whether a sign-off is one of management (PCI DSS 7.2.4)."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("reports", "0002_audit_log_proves_reports"),
    ]

    operations = [
        migrations.AddField(
            model_name="signoff",
            name="as_management",
            field=models.BooleanField(null=True),
        ),
    ]
