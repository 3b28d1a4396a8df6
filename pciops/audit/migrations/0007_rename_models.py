"""New names of models and of a field; all tables and columns keep theirs."""

from django.db import migrations, models

MODELS = {
    "Stub": ("PruneStub", "audit_stub"),
    "Check": ("ChainCheck", "audit_check"),
    "SeenOption": ("KnownOption", "audit_seenoption"),
    "Refusals": ("RefusalCounter", "audit_refusals"),
}


class Migration(migrations.Migration):
    dependencies = [("audit", "0006_reports")]

    operations = [
        operation
        for old, (new, table) in MODELS.items()
        for operation in (
            migrations.AlterModelTable(name=old, table=table),
            migrations.RenameModel(old_name=old, new_name=new),
        )
    ] + [
        migrations.AlterField(
            model_name="event",
            name="seen",
            field=models.CharField(blank=True, db_column="seen", max_length=64),
        ),
        migrations.RenameField(model_name="event", old_name="seen", new_name="precondition"),
    ]
