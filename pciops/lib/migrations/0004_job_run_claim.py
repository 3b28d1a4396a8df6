"""The columns of a job's lease become those of every claim."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("lib", "0003_owed_mail")]

    operations = [
        migrations.RenameField("jobrun", "owner", "claimed_by"),
        migrations.RenameField("jobrun", "leased_until", "claimed_until"),
        migrations.AlterField("jobrun", "claimed_by", models.CharField(blank=True, max_length=32)),
        migrations.AlterField("jobrun", "claimed_until", models.DateTimeField(null=True)),
    ]
