from django.db import migrations, models

# The table of the default cache, as `createcachetable` would make it; here so that one command makes all tables.
CACHE = """
CREATE TABLE desk_cache (
    cache_key varchar(255) NOT NULL PRIMARY KEY,
    value text NOT NULL,
    expires timestamp with time zone NOT NULL
);
CREATE INDEX desk_cache_expires ON desk_cache (expires);
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                ("name", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("pid", models.PositiveIntegerField()),
                ("host", models.CharField(max_length=120)),
                (
                    "offset",
                    models.FloatField(help_text="Seconds by which this host's clock is ahead of the database's"),
                ),
            ],
            options={"ordering": ["name"]},
        ),
        migrations.RunSQL(CACHE, "DROP TABLE desk_cache"),
    ]
