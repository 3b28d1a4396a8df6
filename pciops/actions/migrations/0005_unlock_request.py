"""Unlocks beyond the limit: requests for them, and batches that may do them."""

import pciops.audit.models
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("actions", "0004_batch_item_claim"),
    ]

    operations = [
        migrations.AddField(
            model_name="batch",
            name="beyond_limit",
            field=models.BooleanField(default=False),
        ),
        migrations.CreateModel(
            name="UnlockRequest",
            fields=[
                ("id", models.CharField(default=pciops.audit.models.new_id, max_length=32, primary_key=True, serialize=False)),
                ("target_id", models.CharField(max_length=64)),
                ("target_name", models.CharField(max_length=255)),
                ("target_domain_id", models.CharField(max_length=64)),
                ("target_domain_name", models.CharField(max_length=64)),
                ("reason", models.TextField()),
                ("identity", models.CharField(choices=[("callback", "Called back on a number on file"), ("in_person", "In person"), ("manager", "Confirmed by their manager"), ("ticket", "Ticket from an authenticated channel"), ("service_account", "Not applicable: service account"), ("host", "Has the pciops host (command line)")], max_length=32)),
                ("asked_by_id", models.CharField(max_length=64)),
                ("asked_by", models.CharField(max_length=400)),
                ("asked_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("confirmed_by", models.CharField(blank=True, max_length=400)),
                ("confirming_event_id", models.CharField(blank=True, max_length=32)),
            ],
            options={
                "indexes": [models.Index(fields=["expires_at"], name="unlock_request_open")],
            },
        ),
    ]
