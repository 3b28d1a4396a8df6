"""A failed check of the chain stays open until an administrator acknowledges it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0007_rename_models'),
    ]

    operations = [
        migrations.AddField(
            model_name='chaincheck',
            name='acknowledged_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='chaincheck',
            name='acknowledged_by',
            field=models.CharField(blank=True, max_length=400),
        ),
        migrations.AddField(
            model_name='chaincheck',
            name='acknowledged_reason',
            field=models.TextField(blank=True),
        ),
        migrations.AlterField(
            model_name='event',
            name='action',
            field=models.CharField(choices=[('unlock', 'Unlocked'), ('enable', 'Enabled'), ('disable', 'Disabled'), ('exempt', 'Exempted'), ('lift', 'Exemption lifted'), ('record', 'Exemption recorded'), ('authenticate', 'Signed in'), ('authenticate/logout', 'Signed out'), ('update/password', 'Password changed'), ('deny', 'Refused'), ('read/export', 'Exported'), ('read/report', 'Report downloaded'), ('send/sample', 'Sample of a mail sent'), ('send/notice', 'Notice made due again'), ('create/report', 'Report built'), ('update/report', 'Report acknowledged'), ('update/policy', 'Policy changed'), ('delete/trail', 'Trail pruned'), ('update/trail', 'Failed integrity check acknowledged')], max_length=32),
        ),
    ]
