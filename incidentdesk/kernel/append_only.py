"""For migrations: rows that nobody changes or deletes, by privilege first and by triggers second (RBAC-13, S34)."""

import os
from collections.abc import Sequence
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from psycopg.conninfo import conninfo_to_dict

_REFUSE = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'These rows are append-only: % on % is refused.', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END $$
"""
_GUARD = """
CREATE TRIGGER {table}_rows BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}();
CREATE TRIGGER {table}_all BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {function}()
"""


def protect(editor: BaseDatabaseSchemaEditor, function: str, tables: Sequence[str]) -> None:
    """Leave the application INSERT and SELECT on these tables; the triggers hold for their owner too."""
    editor.execute(_REFUSE.format(function=function), params=None)
    for table in tables:
        editor.execute(_GUARD.format(table=table, function=function), params=None)
    _privileges(editor, "REVOKE UPDATE, DELETE, TRUNCATE ON {} FROM {}", tables)


def release(editor: BaseDatabaseSchemaEditor, function: str, tables: Sequence[str]) -> None:
    """The way back of `protect`."""
    for table in tables:
        editor.execute(f"DROP TRIGGER {table}_rows ON {table}", params=None)
        editor.execute(f"DROP TRIGGER {table}_all ON {table}", params=None)
    editor.execute(f"DROP FUNCTION {function}()", params=None)
    _privileges(editor, "GRANT UPDATE, DELETE ON {} TO {}", tables)


def _privileges(editor: BaseDatabaseSchemaEditor, statement: str, tables: Sequence[str]) -> None:
    role = _application_role()
    with editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s AND rolname <> current_user", [role])
        if cursor.fetchone() is None:
            return
    name: Any = editor.connection.ops.quote_name(role)
    for table in tables:
        editor.execute(statement.format(table, name), params=None)


def _application_role() -> str:
    """The role of DATABASE_URL, the application's address; the usual one where only the owner's is known."""
    return str(conninfo_to_dict(os.environ.get("DATABASE_URL", "")).get("user") or "desk_app")
