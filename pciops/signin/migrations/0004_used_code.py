from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("signin", "0003_stored_session"),
    ]

    operations = [
        migrations.CreateModel(
            name="UsedCode",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("at", models.DateTimeField(db_index=True)),
            ],
        ),
    ]
