"""The act that ends sessions."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0008_acknowledged_checks'),
    ]

    operations = [
        migrations.AlterField(
            model_name='event',
            name='action',
            field=models.CharField(choices=[('unlock', 'Unlocked'), ('enable', 'Enabled'), ('disable', 'Disabled'), ('exempt', 'Exempted'), ('lift', 'Exemption lifted'), ('record', 'Exemption recorded'), ('revoke/tokens', 'Sessions ended'), ('authenticate', 'Signed in'), ('authenticate/logout', 'Signed out'), ('update/password', 'Password changed'), ('deny', 'Refused'), ('read/export', 'Exported'), ('read/report', 'Report downloaded'), ('send/sample', 'Sample of a mail sent'), ('send/notice', 'Notice made due again'), ('create/report', 'Report built'), ('update/report', 'Report acknowledged'), ('update/policy', 'Policy changed'), ('delete/trail', 'Trail pruned'), ('update/trail', 'Failed integrity check acknowledged')], max_length=32),
        ),
    ]
