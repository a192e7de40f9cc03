"""The embedded servers after what happens to machines: kills, restarts that give a pid to somebody else, two copies."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path

import psycopg
import pytest

from incidentdesk.kernel.embedded import Place, Postgres, child, place, prune, settle
from incidentdesk.kernel.embedded.postgres import APPLICATION, OWNER, ROOT

ROOT_DIR = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path, None, None]:
    folder = Path(tempfile.mkdtemp(prefix="desk-embedded-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def postgres(home: Path) -> Postgres:
    made = Postgres(settle(home / "data"), home / "postgres.secret", settings=("fsync=off",))
    made.create()
    return made


def stop(process: "subprocess.Popen[bytes]") -> int:
    process.send_signal(signal.SIGINT)
    return process.wait(20)


def test_it_starts_answers_and_stops_with_nothing_on_the_network(postgres: Postgres) -> None:
    process = postgres.start_and_wait()
    postgres.furnish()
    with psycopg.connect(postgres.url(OWNER)) as owner:
        listening = owner.execute(
            "SELECT current_setting('listen_addresses'), current_setting('server_version')"
        ).fetchone()

    assert listening is not None and listening[0] == "" and listening[1].startswith("18.")
    assert stop(process) == 0


def test_the_application_reads_and_writes_rows_and_changes_no_table(postgres: Postgres) -> None:
    process = postgres.start_and_wait()
    postgres.furnish()
    with psycopg.connect(postgres.url(OWNER), autocommit=True) as owner:
        owner.execute("DROP TABLE IF EXISTS note")
        owner.execute("CREATE TABLE note (id bigserial, text text)")
    try:
        with psycopg.connect(postgres.url(APPLICATION), autocommit=True) as application:
            application.execute("INSERT INTO note (text) VALUES ('kept')")
            for statement in (
                "ALTER TABLE note ADD more int",
                "TRUNCATE note",
                "DROP TABLE note",
                "CREATE TABLE mine ()",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    application.execute(statement)
            assert application.execute("SELECT text FROM note").fetchall() == [("kept",)]
    finally:
        stop(process)


def by_documents(postgres: Postgres) -> None:
    """Type what operations.md says for a PostgreSQL of one's own."""
    part = (ROOT_DIR / "docs/operations.md").read_text().partition("## Your own PostgreSQL")[2]
    once, in_database = re.findall(r"```sql\n(.*?)```", part.partition("\n## ")[0], re.DOTALL)
    with psycopg.connect(postgres.url(ROOT, "postgres"), autocommit=True) as root:
        for role in (APPLICATION, OWNER):
            once = once.replace(
                f"{role} LOGIN PASSWORD '...'", f"{role} LOGIN PASSWORD '{postgres._passwords[role]}'"
            )
        for statement in once.strip().split(";\n"):
            root.execute(statement)
    with psycopg.connect(postgres.url(OWNER), autocommit=True) as owner:
        owner.execute(in_database)


def by_compose(postgres: Postgres) -> None:
    """Run what the container of PostgreSQL runs on its first start."""
    environment = {
        "PATH": f"{postgres.place.binaries}:{os.environ['PATH']}",
        "PGHOST": str(postgres.place.sockets),
        "PGDATABASE": "postgres",
        "PGPASSWORD": postgres._passwords[ROOT],
        "POSTGRES_USER": ROOT,
        "OWNER_PASSWORD": postgres._passwords[OWNER],
        "APP_PASSWORD": postgres._passwords[APPLICATION],
    }
    subprocess.run(
        ["sh", str(ROOT_DIR / "deploy/roles.sh")], env=environment, check=True, capture_output=True
    )


@pytest.mark.parametrize("set_up", [by_documents, by_compose, Postgres.furnish])
def test_however_it_was_set_up_the_application_has_rows_and_nothing_else(
    set_up: Callable[[Postgres], None], home: Path
) -> None:
    place_ = home / set_up.__name__
    made = Postgres(settle(place_), place_ / "secret", settings=("fsync=off",))
    made.create()
    process = made.start_and_wait()
    try:
        set_up(made)
        with psycopg.connect(made.url(OWNER), autocommit=True) as owner:
            owner.execute("CREATE TABLE note (id bigserial, text text)")
        with psycopg.connect(made.url(APPLICATION), autocommit=True) as application:
            application.execute("INSERT INTO note (text) VALUES ('kept')")
            for statement in ("CREATE TEMP TABLE mine (id int)", "CREATE TABLE mine ()", "TRUNCATE note"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    application.execute(statement)
        for other in ("postgres", "template1"):
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(made.url(APPLICATION, other))
    finally:
        stop(process)


def test_a_password_is_asked_even_on_the_socket(postgres: Postgres) -> None:
    process = postgres.start_and_wait()
    try:
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(postgres.url(ROOT, "postgres").replace(postgres._passwords[ROOT], "wrong"))
    finally:
        stop(process)


def test_a_pid_file_that_names_somebody_elses_process_does_not_keep_it_from_starting(
    postgres: Postgres,
) -> None:
    bystander = child.start(
        ["/bin/sleep", "60"],
        env={"PATH": os.environ["PATH"]},
        log=postgres.log,
        account=postgres.place.account,
    )
    note = postgres.place.cluster / "postmaster.pid"
    note.write_text(f"{bystander.pid}\n{postgres.place.cluster}\n1\n5432\n{postgres.place.sockets}\n\n")

    postgres.recover()
    process = postgres.start_and_wait()

    assert bystander.poll() is None
    assert stop(process) == 0
    bystander.kill()
    bystander.wait()


def test_after_a_kill_it_is_up_again_with_what_was_committed(postgres: Postgres) -> None:
    process = postgres.start_and_wait()
    postgres.furnish()
    with psycopg.connect(postgres.url(OWNER), autocommit=True) as owner:
        owner.execute("DROP TABLE IF EXISTS kept")
        owner.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        process.kill()
        process.wait()

    postgres.recover()
    process = postgres.start_and_wait()

    with psycopg.connect(postgres.url(OWNER)) as owner:
        assert owner.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert stop(process) == 0


def test_a_server_that_lost_its_parent_is_ended_before_the_next_starts(postgres: Postgres) -> None:
    orphan = postgres.start_and_wait()

    postgres.recover()

    assert orphan.wait(15) == 0
    process = postgres.start_and_wait()
    assert stop(process) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has somebody else to run the servers as")
def test_below_a_closed_folder_the_cluster_moves_and_no_mode_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    shared = Path(f"/tmp/desk-shared-{os.getpid()}")
    monkeypatch.setattr(place, "SHARED", shared)
    try:
        first, again = settle(closed / "data"), settle(closed / "data")

        assert first == again and first.servers.parent == shared
        assert closed.stat().st_mode & 0o777 == 0o700
        assert prune(shared) == []
        (closed / "data" / "cluster-id").unlink()
        assert prune(shared) == [first.servers]
        assert not first.servers.exists()
    finally:
        subprocess.run(["rm", "-rf", str(shared)], check=True)


def test_two_copies_have_nothing_in_common(home: Path) -> None:
    one, two = settle(home / "one"), settle(home / "two")

    assert len({one.servers, two.servers, one.sockets, two.sockets}) == 4
    assert isinstance(one, Place) and all(at.stat().st_mode & 0o077 == 0 for at in (one.sockets, two.sockets))


def test_a_long_path_gets_a_short_socket_folder_that_is_kept(tmp_path: Path) -> None:
    deep = tmp_path / ("deep-" * 12) / ("folder-" * 6)
    deep.mkdir(parents=True)

    first, again = settle(deep, account=child.Account()), settle(deep, account=child.Account())

    assert first.sockets == again.sockets and len(str(first.sockets)) < 40
    first.sockets.rmdir()


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time, pathlib\n"
            "from incidentdesk.kernel.embedded import child\n"
            "log = pathlib.Path(sys.argv[1])\n"
            "p = child.start([sys.executable, '-c', 'import time; time.sleep(60)'], env={'PATH': '/usr/bin'}, log=log)\n"
            "print(p.pid, flush=True); time.sleep(60)",
            str(tmp_path / "log"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()

    until = time.monotonic() + 5
    while child.is_alive(pid) and time.monotonic() < until:
        time.sleep(0.02)

    assert not child.is_alive(pid)
