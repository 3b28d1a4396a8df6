"""Drop the reports' own hash chain: the audit log has the hash of each report."""

from __future__ import annotations

from typing import Any

from django.db import migrations

# They refused to delete a report for which there was no stub.
TRIGGERS = {
    "reports_storedreport_no_delete": "reports_storedreport",
    "reports_rows_no_delete": "reports_rows",
    "reports_signoff_no_delete": "reports_signoff",
}
LISTED = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "mysql": "SELECT trigger_name FROM information_schema.triggers "
    "WHERE trigger_schema = DATABASE()",
    "postgresql": "SELECT tgname FROM pg_trigger",
}


def drop_triggers(apps: Any, schema_editor: Any) -> None:
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        cursor.execute(LISTED[connection.vendor])
        for name in TRIGGERS.keys() & {row[0] for row in cursor.fetchall()}:
            if connection.vendor == "postgresql":
                cursor.execute(f"DROP TRIGGER {name} ON {TRIGGERS[name]}")
                cursor.execute(f"DROP FUNCTION IF EXISTS {name}()")
            else:
                cursor.execute(f"DROP TRIGGER {name}")


class Migration(migrations.Migration):

    dependencies = [
        ("reports", "0001_initial"),
    ]

    operations = [
        migrations.RunPython(drop_triggers, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="storedreport", name="reports_positions"),
        migrations.RemoveField(model_name="storedreport", name="position"),
        migrations.RemoveField(model_name="storedreport", name="previous_hash"),
        migrations.DeleteModel(name="ReportStub"),
        migrations.AlterModelTable(name="Rows", table="reports_rows"),
        migrations.RenameModel(old_name="Rows", new_name="RowChunk"),
        migrations.AlterModelTable(name="Trouble", table="reports_trouble"),
        migrations.RenameModel(old_name="Trouble", new_name="BuildFailure"),
    ]
