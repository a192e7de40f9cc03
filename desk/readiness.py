"""Can this code do its work on this database? Asked by `/readyz`, which names what is missing (S40)."""

import logging
import time
from functools import cache
from typing import Final

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.db import DatabaseError
from django.db.migrations.loader import MigrationLoader

from incidentdesk.kernel import sql
from incidentdesk.kernel.seldom import Seldom
from incidents import installation

READY: Final = "ready"
HELD: Final = "Held:"
"""What the answer begins with while the desk is held: it works, but for what leaves."""
GOOD_FOR: Final = 10.0  # seconds; the database itself is asked every time
APPEND_ONLY: Final = "incidents_timelineentry"
_RIGHTS = """
SELECT t FROM unnest(%s::text[]) AS t
WHERE to_regclass(t) IS NULL OR NOT has_table_privilege(t, 'SELECT') OR NOT has_table_privilege(t, 'INSERT')
"""
_REWRITES = "SELECT has_table_privilege(%s, 'UPDATE') OR has_table_privilege(%s, 'DELETE')"
logger = logging.getLogger(__name__)
_seldom = Seldom()
_good_until = 0.0


def problems() -> list[str]:
    """What is missing, a sentence each, without addresses or names of people; empty when this process can work.

    The reason behind each is logged, at most once a minute. One statement; a few more every 10 s.
    """
    global _good_until
    try:
        held = installation.held()
        found = [f"{HELD} a restored copy sends nothing until manage.py resume. {held}"] if held else []
        if time.monotonic() >= _good_until:
            found += [*_schema(), *_rights(), *_files()]
            _good_until = 0.0 if found else time.monotonic() + GOOD_FOR
    except DatabaseError as error:
        _good_until = 0.0
        found = [_trouble(error)]
    for problem in found:
        if _seldom.may(problem):
            logger.warning("Not ready. %s", problem)
    return found


def forget() -> None:
    """Look at everything again the next time."""
    global _good_until
    _good_until = 0.0


def _trouble(error: DatabaseError) -> str:
    """The sentence for everybody; the words of the database, which may name hosts and roles, go into the log."""
    words = str(error).strip().splitlines()
    if _seldom.may(type(error).__name__):
        logger.warning("The database: %s", words[0] if words else type(error).__name__)
    state = getattr(error.__cause__, "sqlstate", None) or ""
    if state.startswith("42"):  # no such table or column, or no right to it
        return "The tables or rights that this version needs are missing. Run manage.py migrate with this version."
    return "The database does not answer."


def _schema() -> list[str]:
    done = {(app, name) for app, name in sql.run("SELECT app, name FROM django_migrations")}
    missing = sorted(_on_disk() - done)
    if not missing:
        return []
    named = ", ".join(f"{app} {name}" for app, name in missing[:3])
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    return [f"Migrations are missing: {named}{more}. Run manage.py migrate."]


@cache
def _on_disk() -> frozenset[tuple[str, str]]:
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    return frozenset(loader.disk_migrations)


def _rights() -> list[str]:
    tables = sorted({model._meta.db_table for model in apps.get_models(include_auto_created=True)})
    denied = [table for (table,) in sql.run(_RIGHTS, [tables])]
    if denied:
        return [
            f"The application's role may not use the table {denied[0]}. Grant it as docs/operations.md says."
        ]
    if sql.run(_REWRITES, [APPEND_ONLY, APPEND_ONLY])[0][0]:
        return [
            "The application's role may rewrite the record. DATABASE_URL must name a role that owns nothing."
        ]
    return []


def _files() -> list[str]:
    if settings.TESTING or getattr(staticfiles_storage, "hashed_files", None):
        return []
    return ["The static files are missing. Run manage.py collectstatic and start the web again."]
