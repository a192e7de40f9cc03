"""What an act may not do: lie about time, slip words into a payload, decide over what it has not seen, change what is closed."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from comms import timely
from comms.models import Message
from desk import tick
from desk.registry import every_act
from incidentdesk.kernel.errors import DeskError, Invalid, Refused, Stale
from incidents.models import Incident, TimelineEntry
from incidents.protocol import check, default_text
from incidents.protocol.definition import ProtocolError
from incidents.protocol.review import limit
from incidents.verify import verify
from people.models import User
from tests.desk.bodies import body
from tests.desk.doors import by_api, by_page, signed_in, token
from tests.factories import T0, commander, do, make_incident, make_service, minutes, new_id
from tests.incidents.story import Story
from tests.people.factories import make_team, make_user

DB = pytest.mark.django_db
CHANGE = {
    "what": "fail over",
    "target": "db",
    "why": "disk",
    "effect": "writes",
    "risk": "30 s",
    "undo": "back",
}
ITEMS = dict.fromkeys(("errors", "lag", "pool", "queue", "clients"), "ticked")


def led(severity: int = 1) -> tuple[Incident, User]:
    """An incident with its IC."""
    ic = commander("Sarah")
    incident = make_incident(by=ic, severity=severity)
    do(incident, "seats", ic, T0, role="ic")
    return incident, ic


def monitored() -> tuple[Incident, User]:
    """Its impact ended ten minutes after the alert; in Monitoring."""
    incident, ic = led()
    do(incident, "impact-ends", ic, T0 + minutes(10))
    do(incident, "moves", ic, T0 + minutes(10), to="monitoring", note="it healed itself")
    return incident, ic


@DB
def test_an_answer_to_a_line_that_is_on_no_list_is_refused_and_leaves_no_words_in_the_record() -> None:
    incident, ic = monitored()

    for noun, fields in (
        ("resolutions", {"proof": "green", "review_at": T0 + timedelta(hours=40)}),
        ("closures", {"note": "done"}),
    ):
        with pytest.raises(Invalid):
            do(
                incident,
                noun,
                ic,
                T0 + minutes(30),
                items={**ITEMS, "the password is hunter2": "ticked"},
                **fields,
            )

    assert not TimelineEntry.objects.filter(incident=incident, payload__icontains="hunter2").exists()


@DB
def test_a_new_owner_is_refused_to_somebody_who_saw_another_one() -> None:
    incident, ic = led()
    alex, omar = make_user("Alex", roles=("engineer",)), make_user("Omar", roles=("engineer",))
    seen = incident.state["owner_seq"]
    do(incident, "owners", ic, T0 + minutes(1), person=alex.uid, seen_version=seen)

    with pytest.raises(Stale, match="Sarah named another owner"):
        do(incident, "owners", ic, T0 + minutes(2), person=omar.uid, seen_version=seen)

    incident.refresh_from_db()
    assert incident.owner == alex


@DB
@pytest.mark.ledger("RES-14")
def test_a_review_later_than_the_protocol_wants_it_warns() -> None:
    incident, ic = monitored()
    fields = {"proof": "green", "items": ITEMS}

    late = T0 + minutes(30) + timedelta(hours=48, minutes=1)
    answer = do(incident, "resolutions", ic, T0 + minutes(30), review_at=late, **fields)

    assert [warning[:20] for warning in answer.warnings] == ["The review is later "]


@DB
def test_a_review_within_48_hours_does_not_warn() -> None:
    incident, ic = monitored()

    answer = do(incident, "resolutions", ic, T0 + minutes(30), proof="green", items=ITEMS,
                review_at=T0 + minutes(30) + timedelta(hours=48))  # fmt: skip

    assert answer.warnings == []


@pytest.mark.parametrize(
    ("resolved", "latest"),
    [
        (datetime(2026, 3, 10, 10, tzinfo=UTC), datetime(2026, 3, 12, 10, tzinfo=UTC)),  # Tuesday: 48 h
        (
            datetime(2026, 3, 14, 3, 30, tzinfo=UTC),
            datetime(2026, 3, 16, 17, tzinfo=UTC),
        ),  # the night of Saturday
        (
            datetime(2026, 3, 12, 20, tzinfo=UTC),
            datetime(2026, 3, 16, 17, tzinfo=UTC),
        ),  # Thursday, into Saturday
        (
            datetime(2026, 3, 15, 23, tzinfo=UTC),
            datetime(2026, 3, 17, 23, tzinfo=UTC),
        ),  # Sunday: 48 h are later
    ],
)
def test_with_the_weekend_rule_the_review_may_wait_for_the_first_working_day(
    resolved: datetime, latest: datetime
) -> None:
    story = Story().open(1, options={"pir_weekend": True})

    assert limit(story.protocol, story.state, resolved) == latest


def test_without_the_weekend_rule_it_is_48_hours() -> None:
    story = Story().open(1)
    resolved = datetime(2026, 3, 14, 3, 30, tzinfo=UTC)

    assert limit(story.protocol, story.state, resolved) == resolved + timedelta(hours=48)


def approved() -> tuple[Incident, User, User]:
    """A change proposed at minute 1, its OK of minute 2 entered at minute 10."""
    incident, ic = led()
    alex = make_user("Alex", roles=("engineer",))
    do(incident, "seats", ic, T0, role="ops", person=alex.uid)
    do(incident, "changes", alex, T0 + minutes(1), **CHANGE)
    do(incident, "approvals", ic, T0 + minutes(10), number=1, happened_at=T0 + minutes(2))
    return incident, ic, alex


@DB
@pytest.mark.ledger("APP-02")
def test_a_start_is_not_dated_before_the_entry_of_the_approval() -> None:
    incident, _, alex = approved()

    with pytest.raises(Invalid):
        do(incident, "starts", alex, T0 + minutes(12), number=1, happened_at=T0 + minutes(9))
    do(incident, "starts", alex, T0 + minutes(12), number=1, happened_at=T0 + minutes(10))

    assert incident.state["changes"]["1"]["state"] == "started"


@DB
@pytest.mark.ledger("APP-07")
def test_no_step_of_a_change_is_dated_before_the_step_it_follows() -> None:
    incident, _, alex = approved()
    do(incident, "starts", alex, T0 + minutes(12), number=1)

    with pytest.raises(Invalid):
        do(incident, "finishes", alex, T0 + minutes(20), number=1, happened_at=T0 + minutes(11))
    do(incident, "finishes", alex, T0 + minutes(20), number=1, happened_at=T0 + minutes(15))
    with pytest.raises(Invalid):
        do(
            incident,
            "confirmations",
            alex,
            T0 + minutes(20),
            number=1,
            seen="yes",
            happened_at=T0 + minutes(14),
        )


@DB
@pytest.mark.ledger("INC-15")
def test_impact_does_not_end_before_it_began() -> None:
    incident, ic = led()
    do(incident, "impact-starts", ic, T0 + minutes(20), happened_at=T0 + minutes(15))

    with pytest.raises(Invalid):
        do(incident, "impact-ends", ic, T0 + minutes(20), happened_at=T0 + minutes(14))


@DB
@pytest.mark.ledger("INC-03")
def test_the_alert_is_not_corrected_to_a_time_after_something_that_happened() -> None:
    incident, ic = led()

    with pytest.raises(Invalid):
        do(incident, "alert-time", ic, T0 + minutes(5), at=T0 + minutes(1), reason="clock was wrong")
    do(incident, "alert-time", ic, T0 + minutes(5), at=T0 - minutes(1), reason="clock was wrong")

    assert incident.alert_fired_at == T0 - minutes(1)


@DB
def test_a_closed_record_takes_no_act_but_the_reopening_and_a_text_sent_again() -> None:
    incident, ic = led()
    do(incident, "closures", ic, T0 + minutes(5), note="nothing was wrong")
    other = make_user("Omar", roles=("ic", "engineer"))
    open_still = []

    for noun, flow in every_act().items():
        if noun in ("moves", "closures", "resolutions", "deliveries", "acknowledgements"):
            continue
        seen = TimelineEntry.objects.filter(incident=incident).exclude(kind="refused").count()
        form = flow.form(**body(noun, other=other))
        with contextlib.suppress(DeskError):
            flow(incident.pk, form, by=ic, request_id=new_id(), now=T0 + minutes(9))
        if TimelineEntry.objects.filter(incident=incident).exclude(kind="refused").count() != seen:
            open_still.append(noun)
            incident.refresh_from_db()

    assert open_still == []
    with pytest.raises(Refused) as refusal:
        do(incident, "entries", ic, T0 + minutes(9), kind="note", text="late thought")
    assert [block.id for block in refusal.value.blocks] == ["RES-19"]


def overdue_lines(incident: Incident, *, at: datetime) -> list[str]:
    """What the mails that the tick of `at` wrote say of clocks that have run out, if they leave then."""
    mails = Message.objects.filter(incident=incident, payload__has_key="clocks", created_at=at)
    said = [line for mail in mails for line in timely.body(mail.payload, now=at).splitlines()]
    return [line for line in said if "overdue since" in line]


@DB
@pytest.mark.ledger("CLK-16")
def test_a_late_update_says_how_many_were_missed_right_before_it_and_forgets_older_ones() -> None:
    incident, ic = led()
    tick.sweep(now=T0 + minutes(31))
    update = {"audiences": ["responders", "clients", "public", "executives"], "impact": "Writes fail"}
    do(incident, "updates", ic, T0 + minutes(32), **update)

    tick.sweep(now=T0 + minutes(48))

    before, late = overdue_lines(incident, at=T0 + minutes(31)), overdue_lines(incident, at=T0 + minutes(48))
    assert any(line.endswith("1 missed before it.") for line in before), before
    assert late
    assert not [line for line in late if "missed before it" in line]


@DB
def test_a_reason_answers_only_clocks_that_take_one() -> None:
    incident, ic = led()

    with pytest.raises(Invalid):
        do(incident, "reasons", ic, T0 + minutes(5), clock="lead", text="no time")
    do(incident, "reasons", ic, T0 + minutes(5), clock="theory", text="vendor is on it")


def test_a_window_outside_15_to_30_minutes_is_no_protocol() -> None:
    for minutes_ in ("14", "31"):
        text = default_text().replace(
            '"stabilise.window" = { sev1 = 15', f'"stabilise.window" = {{ sev1 = {minutes_}'
        )
        with pytest.raises(ProtocolError, match="between 15 and 30"):
            check(text)


@DB
@pytest.mark.ledger("CLK-16")
def test_without_seats_the_owner_hears_of_a_late_update_and_five_minutes_later_the_manager_too() -> None:
    owner, dana = commander("Sarah"), make_user("Dana", roles=("manager",))
    service = make_service("Ledger", team=make_team("Database", people=(owner,), manager=dana))
    incident = make_incident(by=owner, service=service)

    for minute in (12, 15, 17, 20):
        tick.sweep(now=T0 + minutes(minute))

    told = incident.entries.filter(kind="clock.step", payload__clock="update.clients").order_by("seq")
    assert [(each.payload["step"], each.payload["to"]) for each in told] == [
        ("remind", [owner.pk]),
        ("overdue", [owner.pk]),
        ("overdue_manager", [dana.pk]),
    ]


@DB
@pytest.mark.parametrize("name", ["users", "percent", "revenue", "tickets", "stuck"])
def test_minus_zero_is_zero_and_leaves_the_record_whole(name: str) -> None:
    incident, ic = led()

    by_page(incident, "impact", {name: "-0"}, signed_in(ic))
    by_api(incident, "impact", {name: -0.0}, token(ic))

    stated = TimelineEntry.objects.filter(incident=incident, kind="impact.stated").values_list(
        "payload", flat=True
    )
    assert [str(payload[name]) for payload in stated] == ["0.0", "0.0"]
    assert verify(Incident.objects.get(pk=incident.pk)) is None
