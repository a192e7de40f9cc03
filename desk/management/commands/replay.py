"""`manage.py replay FILE`: drive a worked incident from a file through the real flows, and say what differs."""

import json
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection

from desk.replay import apart, driver, report
from desk.replay.reading import read_scenario
from desk.replay.scenario import ScenarioError
from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import DeskError


class Command(BaseCommand):
    """Exit status: 0 as expected, 1 something differs, 2 the file cannot be run."""

    help = "Replay a scenario file (docs/scenarios.md) through the same flows, in its own time, and compare what comes of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """FILE, --json, --keep."""
        parser.add_argument("file", type=Path, help="the scenario, TOML")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of the text")
        parser.add_argument(
            "--keep", action="store_true", help="keep the incident as a past one instead of taking all back"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run one file."""
        try:
            text = options["file"].read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{options['file']} cannot be read: {error}.", returncode=2) from error
        try:
            scenario = read_scenario(text, driver.acts())
            if not _reachable():
                self._apart(options)
                return
            run = driver.run(scenario, keep=options["keep"], now=clock.now())
        except ScenarioError as error:
            raise CommandError(
                "\n".join([f"{options['file']} cannot be run:", *error.problems]), returncode=2
            ) from error
        except DeskError as error:
            raise CommandError(f"{options['file']} cannot be run: {error.sentence}", returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(run), indent=2, ensure_ascii=False))
        else:
            self.stdout.write(report.as_text(run), ending="")
        if not run.ok:
            sys.exit(1)

    def _apart(self, options: dict[str, Any]) -> None:
        """No desk runs here: a database of its own will do, unless something is to be kept in it."""
        if options["keep"] or apart.APART in os.environ:
            raise CommandError(
                "No database of a desk answers. Start the desk (make run) or set DATABASE_URL.", returncode=2
            )
        arguments = [str(options["file"].resolve()), *(["--json"] if options["json"] else [])]
        status = apart.replay(arguments)
        if status:
            sys.exit(status)


def _reachable() -> bool:
    """Whether a migrated database answers."""
    try:
        return "incidents_incident" in connection.introspection.table_names()
    except OperationalError:
        return False
