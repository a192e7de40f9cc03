"""Nobody changes or deletes an update or its texts: the application's role may add and read them, no more (COM-35)."""

import os

from django.db import migrations
from psycopg.conninfo import conninfo_to_dict

TABLES = ("comms_update", "comms_updatetext")


def application_role():
    """The role of DATABASE_URL, the application's address; empty where only the owner's is known."""
    return str(conninfo_to_dict(os.environ.get("DATABASE_URL", "")).get("user") or "desk_app")


def each(schema_editor, verb, direction):
    with schema_editor.connection.cursor() as cursor:
        role = application_role()
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s AND rolname <> current_user", [role])
        if cursor.fetchone() is None:
            return
        name = schema_editor.connection.ops.quote_name(role)
        for table in TABLES:
            cursor.execute(f"{verb} UPDATE, DELETE, TRUNCATE ON {table} {direction} {name}")


def take(apps, schema_editor):
    """INSERT and SELECT are all that is left."""
    each(schema_editor, "REVOKE", "FROM")


def give_back(apps, schema_editor):
    """As it was."""
    each(schema_editor, "GRANT", "TO")


class Migration(migrations.Migration):
    dependencies = [("comms", "0001_updates_and_the_outbox")]
    operations = [migrations.RunPython(take, give_back)]
