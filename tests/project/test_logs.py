"""Logs end somewhere: they begin anew while their writers run, and strangers do not write them."""

import io
import logging
import os
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from desk.house.logs import LIMIT, LOOK_EVERY, Logs
from desk.house.supervisor import Supervisor
from incidentdesk.kernel.embedded import child
from incidentdesk.kernel.logs import Line
from incidentdesk.kernel.seldom import RefusalsOnceAMinute, Seldom
from tests.running import wait_until

KIB = 1024
WRITES = "import itertools, time\nfor n in itertools.count(): print(f'line {n:09}', flush=True)"


def test_a_log_begins_anew_while_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    supervisor = Supervisor(lambda said: None)
    supervisor.logs = Logs([tmp_path], limit=64 * KIB)
    writer = child.start([sys.executable, "-c", WRITES], env={}, log=log)
    try:
        for _ in range(3):
            wait_until(lambda: log.stat().st_size > 64 * KIB, within=30, what="a full log")
            supervisor.logs._next = 0.0
            supervisor.look()
        wait_until(lambda: log.stat().st_size > 2 * KIB, within=30, what="more lines")
    finally:
        writer.kill()
        writer.wait()

    aside = tmp_path / "web.log.1"
    lines = log.read_bytes().splitlines()
    assert aside.stat().st_size <= 64 * KIB
    assert b"\0" not in log.read_bytes()
    # Whole lines in a row, none written over another; the first may have been cut.
    numbers = [int(line.split()[1]) for line in lines[1:-1]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_only_the_end_of_a_very_long_log_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_bytes(b"old\n" * 50_000 + b"last line\n")
    log.chmod(0o600)

    assert Logs([tmp_path], limit=10 * KIB).look() == [log]

    aside = tmp_path / "postgres.log.1"
    assert log.stat().st_size == 0
    assert aside.stat().st_size == 10 * KIB
    assert aside.read_bytes().endswith(b"last line\n")
    assert aside.stat().st_mode & 0o777 == 0o600


def test_small_logs_and_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "small.log").write_text("line\n")
    (tmp_path / "data.bin").write_bytes(b"x" * 100 * KIB)

    assert Logs([tmp_path, tmp_path / "missing"], limit=KIB).look() == []
    assert (tmp_path / "data.bin").stat().st_size == 100 * KIB


def test_it_looks_once_a_second(tmp_path: Path) -> None:
    logs = Logs([tmp_path], limit=KIB)
    log = tmp_path / "a.log"

    log.write_bytes(b"x" * 2 * KIB)
    assert logs.look(at=100.0) == [log]
    log.write_bytes(b"x" * 2 * KIB)
    assert logs.look(at=100.0 + LOOK_EVERY / 2) == []
    assert logs.look(at=100.0 + LOOK_EVERY) == [log]


def test_no_link_leads_it_to_another_file(tmp_path: Path) -> None:
    """The servers' folder belongs to their user, and the launcher may be root."""
    outside = tmp_path / "outside"
    outside.write_bytes(b"x" * 10 * KIB)
    folder = tmp_path / "servers"
    folder.mkdir()
    (folder / "postgres.log").symlink_to(outside)
    (folder / "valkey.log").write_bytes(b"y" * 10 * KIB)
    (folder / "valkey.log.1").symlink_to(outside)
    os.mkfifo(folder / "pipe.log")

    Logs([folder], limit=KIB).look()

    assert outside.read_bytes() == b"x" * 10 * KIB
    assert (folder / "valkey.log").stat().st_size == 0


def test_on_a_full_disk_the_log_is_cut_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> int:
        raise OSError(28, "No space left on device")

    log = tmp_path / "web.log"
    log.write_bytes(b"x" * 10 * KIB)
    monkeypatch.setattr(os, "write", full)

    Logs([tmp_path], limit=KIB).look()

    assert log.stat().st_size == 0
    assert not (tmp_path / "web.log.1").exists()


@pytest.mark.django_db
def test_a_thousand_refusals_are_one_line_a_minute_and_errors_of_ours_all_pass() -> None:
    told: list[str] = []
    seldom = RefusalsOnceAMinute()

    class Hears(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    assert "refusals" in settings.LOGGING["handlers"]["console"]["filters"]
    hears = Hears()
    hears.addFilter(seldom)
    logger = logging.getLogger("django")
    logger.addHandler(hears)
    try:
        browser = Client(raise_request_exception=False)
        for n in range(40):
            browser.post("/hooks/alertmanager/", "{}", content_type="application/json")
            browser.get(f"/nothing/{n}/")
            browser.get("/", headers={"Host": f"evil{n}.example"})
        for _ in range(3):
            logging.getLogger("django.request").error("broke", extra={"status_code": 500})
    finally:
        logger.removeHandler(hears)

    refused = [line for line in told if line != "broke"]
    assert told.count("broke") == 3
    assert 0 < len(refused) <= 6


def test_a_wrong_host_is_one_line_a_minute_without_a_traceback_whose_reference_one_answer_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = io.StringIO()
    console = logging.StreamHandler(told)
    console.addFilter(RefusalsOnceAMinute())
    console.setFormatter(Line("%(name)s: %(message)s"))
    monkeypatch.setattr("desk.errors._seldom", Seldom())
    loggers = [logging.getLogger("django"), logging.getLogger("desk.errors")]
    for logger in loggers:
        logger.addHandler(console)
    try:
        browser = Client(raise_request_exception=False)
        answers = [browser.get("/", headers={"Host": f"evil{n}.example"}) for n in range(30)]
    finally:
        for logger in loggers:
            logger.removeHandler(console)

    lines = told.getvalue().splitlines()
    assert {answer.status_code for answer in answers} == {400}
    assert [line.partition(":")[0] for line in lines] == ["desk.errors", "django.security.DisallowedHost"]
    named = [b"Reference" in answer.content for answer in answers]
    assert named == [True] + [False] * 29


@pytest.mark.parametrize(("status", "whole"), [(400, False), (404, False), (500, True), (503, True)])
def test_only_faults_of_our_own_bring_a_traceback(status: int, whole: bool) -> None:
    try:
        raise ValueError("x")
    except ValueError:
        record = logging.LogRecord("django.request", logging.ERROR, "", 1, "broke", (), sys.exc_info())
    record.status_code = status

    assert RefusalsOnceAMinute().filter(record)
    assert (record.exc_info is not None) == whole


def test_the_limit_is_what_the_documents_say() -> None:
    assert LIMIT == 5 * KIB * KIB
    assert "Past 5 MiB" in (Path(__file__).parents[2] / "docs/operations.md").read_text()
