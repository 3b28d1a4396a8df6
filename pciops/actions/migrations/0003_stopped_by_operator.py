from typing import Any

from django.db import migrations, models


def mark_stopped(apps: Any, schema_editor: Any) -> None:
    """Mark the batches whose reason says that the operator stopped them."""
    batches = apps.get_model("actions", "Batch").objects
    batches.filter(why="You stopped it.").update(stopped_by_operator=True)


class Migration(migrations.Migration):
    dependencies = [("actions", "0002_batch")]
    operations = [
        migrations.RenameField("batchitem", "seen", "precondition"),
        migrations.AddField("batch", "stopped_by_operator", models.BooleanField(default=False)),
        migrations.RunPython(mark_stopped, migrations.RunPython.noop),
    ]
