"""One update, a text for each reader, with its times named (TPL-09, TPL-11, TPL-12, COM-05, COM-22)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from comms.composition import (
    Action,
    Facts,
    ImpactLine,
    UpdateFields,
    audience_texts,
    clock_text,
    for_readers,
    minutes_since,
    no_change,
    render,
)
from comms.models import Audience

# The night in which Berlin's clocks go from 02:00 to 03:00.
T0 = datetime(2026, 3, 29, 0, 47, tzinfo=UTC)
NOW = T0 + timedelta(minutes=28)
BERLIN = ZoneInfo("Europe/Berlin")

FACTS = Facts(
    reference="6f9c1d0e",
    title="Primary database stopped accepting writes",
    severity=1,
    detected_at=T0,
    number=3,
    services=("payments",),
    impacts=(ImpactLine("Card payments fail", T0, "12,000", "50,000 EUR"),),
    actions=(Action("Fail over to the secondary", "Alex"),),
    channel="#inc-0042",
    ic="Sarah",
    ic_contact="+49 30 1234",
)
FIELDS = UpdateFields(
    status="mitigating",
    impact="Most payments fail.",
    know="The disk controller of db-01 is failing.",
    doing="Failing over to db-02.",
    eta="03:30 UTC",
    next_at=NOW + timedelta(minutes=15),
    shareable="We know the cause and are switching to a standby system.",
    business="28 minutes of failed payments, about 23,000 EUR.",
    restored_percent=40,
    decisions="Agree to run without a standby until Monday.",
)


@pytest.mark.ledger("TPL-09")
def test_responders_read_every_part_of_the_internal_update() -> None:
    subject, body = render(FIELDS, Audience.RESPONDERS, facts=FACTS, now=NOW)

    assert "SEV-1: Primary database stopped accepting writes" in body
    assert "Time: 2026-03-29 01:15 UTC, 28 min since detection" in body
    assert "Status: Mitigating" in body
    assert "- Card payments fail, since 00:47 UTC, 12,000 users\n" in body
    assert "50,000" not in body  # revenue is for executives (RBAC-18)
    assert "What we know:\nThe disk controller of db-01 is failing." in body
    assert "What we are doing:\nFailing over to db-02." in body
    assert "Next update: by 01:30 UTC, or sooner if the status changes." in body
    assert "Channel: #inc-0042" in body
    assert "Incident commander: Sarah, +49 30 1234" in body
    assert subject == "[6f9c1d0e] SEV-1 payments: Primary database stopped accepting writes"
    assert body.startswith("Update 3: Mitigating.\n")


@pytest.mark.ledger("TPL-09")
def test_actions_stand_with_their_owners_when_nothing_else_was_written() -> None:
    _, body = render(replace(FIELDS, doing=""), Audience.RESPONDERS, facts=FACTS, now=NOW)

    assert "- Fail over to the secondary (Alex)" in body


@pytest.mark.ledger("TPL-11", "TPL-12")
@pytest.mark.parametrize("audience", [Audience.CLIENTS, Audience.PUBLIC])
def test_outside_readers_get_what_impact_status_estimate_and_next_time(audience: Audience) -> None:
    _, body = render(FIELDS, audience, facts=FACTS, now=NOW)

    assert "What: disruption of payments" in body
    assert "Time: 2026-03-29 01:15 UTC, 28 min since detection" in body
    assert "Most payments fail." in body
    assert "Status: A fix is being applied" in body
    assert "We know the cause and are switching to a standby system." in body
    assert "Expected end: 03:30 UTC" in body
    assert "Next update: by 01:30 UTC" in body


@pytest.mark.parametrize("audience", [Audience.CLIENTS, Audience.PUBLIC])
def test_nothing_from_inside_reaches_outside_readers(audience: Audience) -> None:
    text = "\n".join(render(FIELDS, audience, facts=replace(FACTS, link="https://desk.example/x"), now=NOW))

    for inside in (FIELDS.know, FIELDS.doing, FIELDS.business, FIELDS.decisions, FACTS.title, FACTS.ic, FACTS.channel, "db-0",
                   "SEV-1", "desk.example", FACTS.reference, "50,000"):  # fmt: skip
        assert inside not in text


def test_an_unknown_cause_is_said_as_under_investigation() -> None:
    _, body = render(replace(FIELDS, shareable=""), Audience.PUBLIC, facts=FACTS, now=NOW)

    assert "The cause is under investigation." in body


def test_executives_read_what_it_costs_how_much_is_back_and_what_is_asked_of_them() -> None:
    _, body = render(FIELDS, Audience.EXECUTIVES, facts=FACTS, now=NOW)

    assert "Business impact:\n28 minutes of failed payments, about 23,000 EUR." in body
    assert "Restored: 40 %" in body
    assert "Decisions needed from you:\nAgree to run without a standby until Monday." in body
    assert "Next update: by 01:30 UTC" in body


def test_an_estimate_that_nobody_gave_is_to_be_confirmed() -> None:
    _, body = render(replace(FIELDS, eta=""), Audience.CLIENTS, facts=FACTS, now=NOW)

    assert "Expected end: to be confirmed" in body


@pytest.mark.ledger("COM-03")
def test_no_change_goes_out_as_a_full_update_with_a_new_time() -> None:
    later = NOW + timedelta(minutes=15)
    again = no_change(FIELDS, last_sent_at=NOW, next_at=later + timedelta(minutes=15), now=later)

    for audience in Audience:
        _, body = render(again, audience, facts=FACTS, now=later)
        assert "(no change since 01:15 UTC)" in body
        assert "43 min since detection" in body
        assert "Next update: by 01:45 UTC" in body
    assert FIELDS.know in render(again, Audience.RESPONDERS, facts=FACTS, now=later)[1]


@pytest.mark.ledger("COM-03")
@pytest.mark.parametrize(
    ("line", "renewed"),
    [
        ("Next update: by 01:30 UTC, or sooner.", "Next update: by 01:45 UTC, or sooner."),
        ("Next update: by 01:30 UTC (03:30 CEST).", "Next update: by 01:45 UTC (03:45 CEST)."),
        ("Next update: by 01:30 UTC (on the bridge).", "Next update: by 01:45 UTC (on the bridge)."),
        ("Next update: by 2026-03-29 01:30 UTC, or sooner.", "Next update: by 01:45 UTC, or sooner."),
    ],
)
def test_no_change_renews_the_line_of_the_next_update_and_no_other_word_written_by_hand(
    line: str, renewed: str
) -> None:
    later = NOW + timedelta(minutes=15)
    kept = (
        "Errors began on 2026-03-28 at 01:30 UTC (02:30 CET).\nThe backup ends by 01:30 UTC (03:30 CEST).\n"
    )
    last = replace(FIELDS, own=f"{kept}{line}")

    again = no_change(
        last,
        last_sent_at=NOW,
        next_at=later + timedelta(minutes=15),
        now=later,
        zone=ZoneInfo("Europe/Berlin"),
    )

    assert again.own == f"{kept}{renewed}"


def test_a_second_no_change_still_says_since_when_nothing_changed() -> None:
    once = no_change(FIELDS, last_sent_at=NOW, next_at=None, now=NOW)

    twice = no_change(once, last_sent_at=NOW + timedelta(minutes=15), next_at=None, now=NOW)

    assert twice.unchanged_since == NOW


@pytest.mark.ledger("COM-05")
@pytest.mark.parametrize("audience", list(Audience))
def test_every_text_names_the_next_time_until_it_is_over(audience: Audience) -> None:
    _, running = render(FIELDS, audience, facts=FACTS, now=NOW)
    _, over = render(replace(FIELDS, status="resolved", next_at=None), audience, facts=FACTS, now=NOW)

    assert "Next update: by 01:30 UTC" in running
    assert "This is the last update on it." in over


def test_the_subject_stays_through_a_whole_thread() -> None:
    subjects = [
        render(
            replace(FIELDS, status=status), Audience.CLIENTS, facts=replace(FACTS, number=number), now=NOW
        )[0]
        for number, status in ((1, "investigating"), (2, "monitoring"), (3, "resolved"))
    ]

    assert set(subjects) == {"Disruption of payments"}


def test_a_text_by_hand_that_kept_the_first_line_says_the_present_update_there() -> None:
    own = replace(FIELDS, own="Update 1: Investigating.\n\nMost payments fail.\n")

    _, body = render(own, Audience.RESPONDERS, facts=FACTS, now=NOW)

    assert body == "Update 3: Mitigating.\n\nMost payments fail.\n"


@pytest.mark.parametrize(
    ("at", "zone", "text"),
    [
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "Europe/Berlin", "00:59 UTC (01:59 CET)"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "Europe/Berlin", "01:00 UTC (03:00 CEST)"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "UTC", "01:00 UTC"),
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), "Europe/London", "00:30 UTC"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "Asia/Kathmandu", "01:00 UTC (06:45 UTC+5:45)"),
        (datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "America/Sao_Paulo", "01:00 UTC (2026-03-28 22:00 UTC-3)"),
        (datetime(2026, 3, 30, 1, 0, tzinfo=UTC), "Europe/Berlin", "2026-03-30 01:00 UTC (03:00 CEST)"),
    ],
)
def test_a_time_prints_as_clock_time_with_its_zone(at: datetime, zone: str, text: str) -> None:
    assert clock_text(at, now=T0, zone=ZoneInfo(zone)) == text


def test_minutes_since_detection_are_whole_protocol_minutes() -> None:
    assert minutes_since(T0, T0 + timedelta(seconds=119)) == 1
    assert minutes_since(T0, T0 - timedelta(seconds=5)) == 0
    assert minutes_since(T0, T0 + timedelta(seconds=28), minute=timedelta(seconds=1)) == 28


def test_fields_survive_storage() -> None:
    assert UpdateFields.from_json(FIELDS.as_json() | {"dropped_long_ago": 1}) == FIELDS


def test_each_chosen_audience_gets_its_own_text() -> None:
    texts = audience_texts(
        dict.fromkeys((Audience.RESPONDERS, Audience.PUBLIC), FIELDS), facts=FACTS, now=NOW, zone=BERLIN
    )

    assert set(texts) == {Audience.RESPONDERS, Audience.PUBLIC}
    assert "01:30 UTC (03:30 CEST)" in texts[Audience.PUBLIC][1]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("open", "investigating"),
        ("identified", "identified"),
        ("monitoring", "monitoring"),
        ("closed", "resolved"),
    ],
)
def test_readers_are_told_a_status_that_says_something_to_them(status: str, told: str) -> None:
    assert for_readers(status) == told
