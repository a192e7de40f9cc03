"""Nobody changes or deletes a line of the record: by privilege first, by triggers second (FIND-08, RBAC-13, GATE-18).

The application's role has INSERT and SELECT on both tables. The triggers hold for the owner too and know no switch
but `incidents_blank_text`, which empties the texts of one entry and which only the owner may call.
"""

import os

from django.db import migrations
from psycopg.conninfo import conninfo_to_dict

TRIGGERS = """
CREATE FUNCTION incidents_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'incidents_entrytext' THEN
    IF current_setting('incidents.blanking', true) = 'on' AND NEW.body = '{}'::jsonb
       AND NEW.incident_id = OLD.incident_id AND NEW.seq = OLD.seq AND NEW.salt = OLD.salt THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'The record of an incident is append-only: % on % is refused.', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER entry_rows BEFORE UPDATE OR DELETE ON incidents_timelineentry
  FOR EACH ROW EXECUTE FUNCTION incidents_refuse();
CREATE TRIGGER entry_all BEFORE TRUNCATE ON incidents_timelineentry
  FOR EACH STATEMENT EXECUTE FUNCTION incidents_refuse();
CREATE TRIGGER text_rows BEFORE UPDATE OR DELETE ON incidents_entrytext
  FOR EACH ROW EXECUTE FUNCTION incidents_refuse();
CREATE TRIGGER text_all BEFORE TRUNCATE ON incidents_entrytext
  FOR EACH STATEMENT EXECUTE FUNCTION incidents_refuse();

CREATE FUNCTION incidents_blank_text(which bigint, at_seq integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('incidents.blanking', 'on', true);
  UPDATE incidents_entrytext SET body = '{}'::jsonb WHERE incident_id = which AND seq = at_seq;
  PERFORM set_config('incidents.blanking', 'off', true);
END $$;
REVOKE ALL ON FUNCTION incidents_blank_text(bigint, integer) FROM PUBLIC;
"""

BACK = """
DROP TRIGGER entry_rows ON incidents_timelineentry;
DROP TRIGGER entry_all ON incidents_timelineentry;
DROP TRIGGER text_rows ON incidents_entrytext;
DROP TRIGGER text_all ON incidents_entrytext;
DROP FUNCTION incidents_blank_text(bigint, integer);
DROP FUNCTION incidents_refuse();
"""

TABLES = ("incidents_timelineentry", "incidents_entrytext")


def application_role():
    """The role of DATABASE_URL, the application's address; empty where only the owner's is known."""
    return str(conninfo_to_dict(os.environ.get("DATABASE_URL", "")).get("user") or "desk_app")


def each(apps, schema_editor, verb, direction):
    """Take from, or give back to, the application's role what would change the record."""
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
    each(apps, schema_editor, "REVOKE", "FROM")


def give_back(apps, schema_editor):
    """As it was."""
    each(apps, schema_editor, "GRANT", "TO")


class Migration(migrations.Migration):
    dependencies = [("incidents", "0001_catalogue_record_timeline_and_deadlines")]
    operations = [migrations.RunSQL(TRIGGERS, BACK), migrations.RunPython(take, give_back)]
