"""The room reads single kinds of entries wherever they stand in a long record: the objective, the scope, the changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("incidents", "0003_recent_incidents_are_found_at_once")]
    operations = [
        migrations.AddIndex(
            "timelineentry", models.Index(fields=["incident", "kind", "seq"], name="entry_by_kind")
        )
    ]
