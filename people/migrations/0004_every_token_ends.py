"""Tokens without an end get one a year from now; administrators hear of it before it comes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("people", "0003_the_security_audit")]

    operations = [
        migrations.RunSQL(
            "UPDATE people_apitoken SET expires_at = now() + interval '365 days' WHERE expires_at IS NULL",
            migrations.RunSQL.noop,
        )
    ]
