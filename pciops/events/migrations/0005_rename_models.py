from django.db import migrations


class Migration(migrations.Migration):
    """Rename three models; their tables keep their names."""

    dependencies = [("events", "0004_storms_and_hidden_changes")]

    operations = [
        migrations.AlterModelTable(name="seen", table="events_seen"),
        migrations.RenameModel(old_name="Seen", new_name="ProcessedNotification"),
        migrations.AlterModelTable(name="setaside", table="events_setaside"),
        migrations.RenameModel(old_name="SetAside", new_name="DeadLetter"),
        migrations.AlterModelTable(name="running", table="events_running"),
        migrations.RenameModel(old_name="Running", new_name="ConsumerSession"),
    ]
