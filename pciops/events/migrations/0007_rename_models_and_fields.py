from django.db import migrations, models


class Migration(migrations.Migration):
    """Rename models and fields; tables and columns keep their names."""

    dependencies = [("events", "0005_rename_models")]

    operations = [
        migrations.AlterModelTable(name="name", table="events_name"),
        migrations.RenameModel(old_name="Name", new_name="KnownName"),
        migrations.AlterModelTable(name="seenlock", table="events_seenlock"),
        migrations.RenameModel(old_name="SeenLock", new_name="LockSnapshot"),
        migrations.AlterModelTable(name="seenidle", table="events_seenidle"),
        migrations.RenameModel(old_name="SeenIdle", new_name="IdleSnapshot"),
        migrations.AlterModelTable(name="hiddenchange", table="events_hiddenchange"),
        migrations.RenameModel(old_name="HiddenChange", new_name="OutOfBandChange"),
        *(
            operation
            for model in ("attempts", "deadletter", "outofbandchange")
            for operation in (
                migrations.AlterField(model, "fold", models.UUIDField(unique=True, db_column="fold")),
                migrations.RenameField(model, "fold", "dedup_key"),
            )
        ),
        migrations.AlterField(
            "activity", "words", models.CharField(blank=True, db_column="words", max_length=500)
        ),
        migrations.RenameField("activity", "words", "reason_text"),
        migrations.AlterField(
            "idlesnapshot", "seen_at", models.DateTimeField(db_column="seen_at", db_index=True)
        ),
        *(
            migrations.AlterField(model, "seen_at", models.DateTimeField(db_column="seen_at"))
            for model in ("locksnapshot", "outofbandchange")
        ),
        *(
            migrations.RenameField(model, "seen_at", "checked_at")
            for model in ("idlesnapshot", "locksnapshot", "outofbandchange")
        ),
        migrations.AlterField(
            "idlesnapshot", "moved_at", models.DateTimeField(db_column="moved_at", null=True)
        ),
        migrations.RenameField("idlesnapshot", "moved_at", "suspected_at"),
    ]
