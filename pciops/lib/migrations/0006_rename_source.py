"""A new name of a model; its table keeps its own."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("lib", "0005_operator_mail_moves")]

    operations = [
        migrations.AlterModelTable(name="Source", table="lib_source"),
        migrations.RenameModel(old_name="Source", new_name="ExternalService"),
    ]
