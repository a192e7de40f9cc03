"""A state is read and written whole by every act: as text it costs a third of what it does as a `jsonb` tree."""

from django.db import migrations

import incidents.fields


class Migration(migrations.Migration):
    dependencies = [("incidents", "0006_an_earlier_protocol_may_come_again")]
    operations = [
        migrations.AlterField("incident", "state", incidents.fields.StateField(default=dict)),
    ]
