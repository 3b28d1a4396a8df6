"""A new name of a model; its table keeps its own."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("lib", "0003_owed_mail")]

    operations = [
        migrations.AlterModelTable(name="Source", table="lib_source"),
        migrations.RenameModel(old_name="Source", new_name="ExternalService"),
    ]
