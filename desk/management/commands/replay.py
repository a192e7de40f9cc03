"""`manage.py replay FILE`: drive a worked incident from a file through the real flows, and say what differs."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from desk.replay import driver, report
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
