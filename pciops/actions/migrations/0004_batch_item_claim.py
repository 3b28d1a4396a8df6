"""An account that is being unlocked is claimed with a lease; an old claim has ended."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("actions", "0003_stopped_by_operator")]

    operations = [
        migrations.RenameField("batchitem", "began_at", "claimed_until"),
        migrations.AddField(
            "batchitem",
            "claimed_by",
            models.CharField(blank=True, default="", max_length=32),
            preserve_default=False,
        ),
    ]
