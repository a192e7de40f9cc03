"""A database notices that it was copied or went back in time, and holds everything from then on."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from incidentdesk.kernel.stamps import stamp
from incidents import installation
from incidents.models import Installation
from tests.factories import T0

pytestmark = pytest.mark.django_db


def after(**span: float) -> datetime:
    return T0 + timedelta(**span)


def test_a_database_belongs_where_it_is_first_asked() -> None:
    assert installation.may_act(now=T0)
    assert installation.may_act(now=after(days=3))
    assert installation.held() == ""


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ("cluster", "another PostgreSQL cluster"),
        ("database", "restored into a new database"),
        ("address", "BASE_URL"),
        ("folder", "copied or moved"),
    ],
)
def test_a_copy_holds_everything_and_says_why(part: str, sentence: str) -> None:
    installation.may_act(now=T0)
    row = Installation.objects.get()
    row.mark = row.mark.replace(f'"{part}": "', f'"{part}": "other')
    row.save()

    assert not installation.may_act(now=after(hours=1))

    assert sentence in installation.held()
    assert Installation.objects.get().held_since == after(hours=1)


def test_what_was_held_stays_held_although_the_reason_is_gone() -> None:
    installation.may_act(now=T0)
    Installation.objects.update(held_since=T0, why="It was restored into a new database.")

    assert not installation.may_act(now=after(days=1))


def test_a_moved_address_is_another_host_and_not_another_port(settings: Any) -> None:
    installation.may_act(now=T0)

    settings.BASE_URL = "http://127.0.0.1:9000"
    same_host = installation.may_act(now=T0)
    settings.BASE_URL = "https://copy.example.org"

    assert same_host
    assert not installation.may_act(now=T0)


def test_an_older_state_of_the_same_database_is_noticed_and_a_lost_tail_is_not() -> None:
    installation.may_act(now=T0)
    installation.see(now=after(hours=5))
    Installation.objects.update(seen_at=after(hours=5) - timedelta(minutes=2))
    lost_tail = installation.may_act(now=after(hours=5))
    Installation.objects.update(seen_at=after(hours=5) - timedelta(minutes=2, seconds=1))

    assert lost_tail
    assert not installation.may_act(now=after(hours=5))
    assert "older state" in installation.held()


@pytest.mark.parametrize("text", ["", "yesterday", "\0\0"])
def test_a_memory_that_a_full_disk_cut_off_holds_nothing(seen: Path, text: str) -> None:
    installation.may_act(now=T0)
    seen.write_text(text)

    assert installation.may_act(now=T0)


def test_seeing_never_goes_back() -> None:
    installation.may_act(now=T0)
    installation.see(now=after(minutes=9))
    installation.see(now=after(minutes=1))

    assert Installation.objects.get().seen_at == after(minutes=9)


def test_a_release_belongs_here_and_forgets_what_was_seen(seen: Path) -> None:
    installation.may_act(now=T0)
    seen.write_text(stamp(after(days=1)))
    assert not installation.may_act(now=T0)

    installation.release(now=after(minutes=1))

    assert installation.may_act(now=after(minutes=2))
    assert installation.held() == ""


def test_asking_costs_one_statement(django_assert_num_queries: Any) -> None:
    installation.may_act(now=T0)
    installation.may_act(now=T0)

    with django_assert_num_queries(1):
        installation.may_act(now=T0)


def test_the_application_may_ask_where_it_is() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, (SELECT system_identifier FROM pg_control_system())")
        role, cluster = cursor.fetchone()

    assert role == "desk_app"
    assert cluster
