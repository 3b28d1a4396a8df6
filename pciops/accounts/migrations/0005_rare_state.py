from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_leftover_count'),
    ]

    operations = [
        migrations.CreateModel(
            name='RareState',
            fields=[
                ('state', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('scanned_at', models.DateTimeField()),
                ('watermark', models.PositiveBigIntegerField()),
                ('local_ids', models.JSONField(null=True)),
            ],
        ),
    ]
