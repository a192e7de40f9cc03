"""Going back only: what the columns and the constraint of before cannot hold. Forward there is nothing to do."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('oncall', '0003_an_alert_knows_its_senders'),
    ]

    operations = [
        migrations.RunSQL(
            migrations.RunSQL.noop,
            reverse_sql=[
                "UPDATE oncall_alert SET generator_url = '' WHERE length(generator_url) > 500",
                # Rows left behind with an earlier incident share their start with the row that went on.
                "UPDATE oncall_alert SET starts_at = starts_at - past % 1000000 * interval '1 microsecond' WHERE past > 0",
            ],
        ),
    ]
