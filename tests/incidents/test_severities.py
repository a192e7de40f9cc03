"""The scale as data, and what each level asks for."""

import dataclasses

import pytest
from django.db import transaction

from incidents.lifecycle import current_protocol, store_protocol
from incidents.models import ProtocolVersion
from incidents.protocol import Protocol, check, default_text, parse
from incidents.protocol.definition import ProtocolError
from incidents.record import protocol_of
from tests.at_once import at_once
from tests.factories import T0, make_incident

PROTOCOL: Protocol = parse(default_text())
CADENCES = ("cadence.responders", "cadence", "cadence.exec")


@pytest.mark.ledger("SEV-01")
def test_the_scale_has_four_levels_held_as_data_with_every_column() -> None:
    assert [severity.name for severity in PROTOCOL.severities.values()] == [
        "SEV-1",
        "SEV-2",
        "SEV-3",
        "SEV-4",
    ]
    for severity in PROTOCOL.severities.values():
        assert all(getattr(severity, field.name) != "" for field in dataclasses.fields(severity))


@pytest.mark.django_db
@pytest.mark.ledger("SEV-01")
def test_a_running_incident_keeps_the_version_it_was_opened_under() -> None:
    incident = make_incident()

    later = store_protocol(default_text().replace('"clock.triage" = 5', '"clock.triage" = 7'), now=T0)

    incident.refresh_from_db()
    assert protocol_of(incident.protocol_id).figure("clock.triage") == 5
    assert current_protocol(T0) == later
    assert make_incident().protocol == later


@pytest.mark.django_db(transaction=True)
def test_the_first_incidents_of_a_new_desk_may_come_at_one_instant() -> None:
    found = []
    ProtocolVersion.objects.all().delete()

    def first() -> None:
        with transaction.atomic():
            found.append(current_protocol(T0).number)

    at_once(*[first] * 6)

    assert found == [1] * 6
    assert ProtocolVersion.objects.count() == 1


@pytest.mark.ledger("SEV-03", "SEV-07")
def test_sev_1_is_core_functions_gone_and_asks_for_everyone_every_15_minutes() -> None:
    severity = PROTOCOL.severities[1]
    assert "core functions" in severity.meaning
    assert [PROTOCOL.policy[key][1] for key in CADENCES] == [15, 15, 15]
    assert (severity.roles, severity.hours) == (("ic", "comms", "ops"), "always")


@pytest.mark.ledger("SEV-04", "SEV-08")
def test_sev_2_is_a_large_group_and_asks_for_an_update_every_30_minutes() -> None:
    severity = PROTOCOL.severities[2]
    assert "large group" in severity.meaning
    assert [PROTOCOL.policy[key][2] for key in CADENCES] == [30, 30, 30]
    assert "ic" in severity.roles


@pytest.mark.ledger("SEV-05", "SEV-09")
def test_sev_3_has_a_workaround_and_asks_for_an_hour_and_every_two_hours_in_business_hours() -> None:
    severity = PROTOCOL.severities[3]
    assert "workaround" in severity.meaning
    assert PROTOCOL.policy["clock.response"] == {3: 60}
    assert PROTOCOL.policy["cadence.responders"][3] == 120
    assert 3 not in PROTOCOL.policy["cadence"]
    assert (severity.roles, severity.hours) == (("owner",), "business")


@pytest.mark.ledger("SEV-06", "SEV-10")
def test_sev_4_is_internal_and_has_no_clock_that_a_declaration_starts() -> None:
    assert "Internal" in PROTOCOL.severities[4].meaning
    started = [
        c.id
        for c in PROTOCOL.clocks
        if any(p.kind == "declared" for p in c.starts) and c.limit(4) is not None
    ]
    assert started == []


def test_a_protocol_with_faults_is_refused_with_a_sentence_for_each() -> None:
    bad = (
        default_text()
        .replace('minutes = "clock.triage"', 'minutes = "clock.nowhere"')
        .replace('kind = "window"', 'kind = "door"')
    )

    with pytest.raises(ProtocolError) as refused:
        check(bad)
    assert len(refused.value.problems) == 2
    assert "clock.nowhere" in refused.value.problems[0]


@pytest.mark.django_db
def test_an_earlier_protocol_loaded_again_gets_a_number_of_its_own() -> None:
    first = current_protocol(T0)
    store_protocol(default_text().replace('"clock.triage" = 5', '"clock.triage" = 7'), now=T0)

    again = store_protocol(default_text(), now=T0)

    first.refresh_from_db()
    assert (first.number, again.number, current_protocol(T0)) == (1, 3, again)
