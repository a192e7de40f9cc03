"""For migrations: a table whose former names PostgreSQL keeps by itself, and lets nobody change."""

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# Whatever the statement says, the list only ever grows, by the old name at the moment of the change.
_KEEP = """
CREATE OR REPLACE FUNCTION desk_keep_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.former_names := OLD.former_names;
  IF NEW.name IS DISTINCT FROM OLD.name THEN
    NEW.former_names := NEW.former_names || jsonb_build_array(jsonb_build_object('name', OLD.name, 'until',
      to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')));
  END IF;
  RETURN NEW;
END $$
"""


def keep(editor: BaseDatabaseSchemaEditor, table: str) -> None:
    """Keep the former names of a table with the columns `name` and `former_names`."""
    editor.execute(_KEEP, params=None)
    editor.execute(
        f"CREATE TRIGGER {table}_names BEFORE UPDATE OF name, former_names ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION desk_keep_names()",
        params=None,
    )


def forget(editor: BaseDatabaseSchemaEditor, table: str) -> None:
    """The way back of `keep`; the function stays, for other tables."""
    editor.execute(f"DROP TRIGGER {table}_names ON {table}", params=None)
