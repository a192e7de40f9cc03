"""Every entry writes its incident's row again. Room on the page lets PostgreSQL keep the new version beside the old one
and leave all indexes alone (a heap-only update); lz4, where the server has it, packs a state in a tenth of pglz's time."""

from django.db import migrations

FORTH = """
ALTER TABLE incidents_incident SET (fillfactor = 50);
DO $$
BEGIN
  IF 'lz4' = ANY (SELECT unnest(enumvals) FROM pg_settings WHERE name = 'default_toast_compression') THEN
    ALTER TABLE incidents_incident ALTER COLUMN state SET COMPRESSION lz4;
  END IF;
END $$;
"""
BACK = """
ALTER TABLE incidents_incident RESET (fillfactor);
ALTER TABLE incidents_incident ALTER COLUMN state SET COMPRESSION default;
"""


class Migration(migrations.Migration):
    dependencies = [("incidents", "0004_entries_found_by_their_kind")]
    operations = [migrations.RunSQL(FORTH, BACK)]
