"""`manage.py protocol`: load with sentences for faults, and show."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from incidents import lifecycle
from incidents.models import ProtocolVersion
from incidents.protocol import default_text
from tests.factories import T0, make_incident

pytestmark = pytest.mark.django_db


def ran(*arguments: str) -> str:
    out = StringIO()
    call_command("protocol", *arguments, stdout=out)
    return out.getvalue()


def test_a_loaded_protocol_is_for_new_incidents_and_old_ones_keep_theirs(tmp_path: Path) -> None:
    old = make_incident(declared_at=T0)
    file = tmp_path / "ours.toml"
    file.write_text(default_text().replace('label = "Acknowledge"', 'label = "Answer the page"'))

    said = ran("load", str(file))
    new = make_incident(declared_at=T0)

    assert "Version 2 is current" in said
    old.refresh_from_db()
    assert (old.protocol.number, new.protocol.number) == (1, 2)
    assert "Answer the page" in ran("show")
    assert "Answer the page" not in ran("show", "--number", "1")
    assert ran("show", "--text").startswith("# The response protocol")
    assert "already" in ran("load", str(file))


def test_every_fault_of_a_file_is_a_sentence_and_nothing_is_loaded(tmp_path: Path) -> None:
    make_incident(declared_at=T0)
    broken = (
        default_text()
        .replace('kind = "cadence"', 'kind = "hourly"', 1)
        .replace('minutes = "clock.ack"', 'minutes = "clock.nap"', 1)
    )
    file = tmp_path / "broken.toml"
    file.write_text(broken)

    with pytest.raises(CommandError) as refused:
        ran("load", str(file))

    assert "'hourly'" in str(refused.value)
    assert "clock.nap" in str(refused.value)
    assert ProtocolVersion.objects.count() == 1


@pytest.mark.parametrize("text", ["not toml [", "", "name = 1", 'severity = "x"'])
def test_a_file_that_is_no_protocol_is_told_so(tmp_path: Path, text: str) -> None:
    file = tmp_path / "other.toml"
    file.write_text(text)

    with pytest.raises(CommandError, match="was not loaded"):
        ran("load", str(file))


def test_a_file_that_cannot_be_read_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        ran("load", str(tmp_path / "nowhere.toml"))
    with pytest.raises(CommandError, match="no such version"):
        ran("show")


@pytest.mark.django_db
def test_after_an_upgrade_new_incidents_open_under_the_protocol_shipped_now_unless_another_was_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = lifecycle.store_protocol(default_text().replace("Default protocol", "Shipped before"), now=T0)
    assert lifecycle.current_protocol(T0) == old  # somebody loaded it
    monkeypatch.setattr(lifecycle, "SHIPPED_BEFORE", frozenset({old.digest}))

    lifecycle.prepare(now=T0)

    current = lifecycle.current_protocol(T0)
    assert (current.number, current.text) == (old.number + 1, default_text())
