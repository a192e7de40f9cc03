"""Nobody changes production alone: proposer, approver, commander and implementer stay apart (decisions 12, GATE-02, -06)."""

from dataclasses import dataclass

import pytest

from incidentdesk.kernel.errors import NotAllowed, Refused
from incidents.models import Change, Incident, TimelineEntry
from incidents.protocol import clocks
from incidents.protocol.state import holder
from people.models import User
from people.roles import Role
from tests.desk.bodies import CHANGE
from tests.desk.nights import Night as Alerts
from tests.factories import T0, commander, do, make_client, make_incident, make_service, minutes
from tests.oncall.makers import alert
from tests.people.factories import make_team, make_user

pytestmark = pytest.mark.django_db


@dataclass
class Night:
    """Ann owns a SEV-3 without an IC; the minute counts up with each act."""

    incident: Incident
    ann: User
    dan: User
    minute: float = 1

    def do(self, noun: str, by: User, **fields: object) -> str:
        self.minute += 1
        return do(self.incident, noun, by, T0 + minutes(self.minute), **fields).sentence

    def change(self, number: int = 1) -> dict[str, object]:
        return dict(self.incident.state["changes"][str(number)])


@pytest.fixture
def night() -> Night:
    ann, dan = commander("Ann"), commander("Dan")
    return Night(make_incident(by=ann, severity=3), ann, dan)


def propose(night: Night, **more: object) -> None:
    night.do("changes", night.ann, **{**CHANGE, "risk": "30 s", **more})


def gates(refused: pytest.ExceptionInfo[Refused]) -> list[str]:
    return [block.id for block in refused.value.blocks]


@pytest.mark.ledger("APP-04")
def test_an_owner_without_an_ic_approves_the_own_change_on_sev_3(night: Night) -> None:
    propose(night)

    night.do("approvals", night.ann, number=1)

    assert (night.change()["state"], night.change()["under"]) == ("approved", 3)


@pytest.mark.ledger("APP-04", "GATE-02")
def test_an_own_approval_is_refused_once_the_incident_has_been_sev_1_since_the_proposal() -> None:
    ann, dan = commander("Ann"), commander("Dan")
    night = Night(make_incident(by=ann, severity=1), ann, dan)
    night.do("seats", ann, role="ic")
    propose(night, implementer=dan.uid)
    night.do("severity", ann, severity=3, reason="fewer customers")
    night.do("seat-ends", ann, seat="ic")

    with pytest.raises(Refused) as refused:
        night.do("approvals", ann, number=1)

    assert gates(refused) == ["GATE-02"]
    assert "has been SEV-1 or SEV-2" in refused.value.sentence
    assert "page a second person" in refused.value.sentence.lower()


def test_a_change_proposed_after_the_severity_fell_is_approved_by_the_owner() -> None:
    ann, dan = commander("Ann"), commander("Dan")
    night = Night(make_incident(by=ann, severity=1), ann, dan)
    night.do("seats", ann, role="ic")
    night.do("severity", ann, severity=3, reason="fewer customers")
    night.do("seat-ends", ann, seat="ic")
    propose(night)

    night.do("approvals", ann, number=1)

    assert night.change()["state"] == "approved"


@pytest.mark.ledger("APP-04")
def test_an_own_approval_lapses_when_the_severity_rises_before_the_start(night: Night) -> None:
    propose(night)
    night.do("approvals", night.ann, number=1)
    night.do("seats", night.dan, role="ic")

    night.do("severity", night.dan, severity=1, reason="all are hit")

    assert (night.change()["state"], night.change()["approver"]) == ("proposed", None)
    lapsed = TimelineEntry.objects.get(incident=night.incident, kind="change.lapsed")
    assert (lapsed.author, lapsed.payload["change"]) == (None, 1)
    with pytest.raises(Refused) as refused:
        night.do("starts", night.ann, number=1)
    assert gates(refused) == ["GATE-01"]
    night.do("approvals", night.dan, number=1)
    night.do("starts", night.ann, number=1)
    assert night.change()["under"] == 1


def test_a_lapsed_approval_is_asked_for_again_by_mail_and_by_its_clock(night: Night) -> None:
    propose(night)
    night.do("approvals", night.ann, number=1)
    night.do("seats", night.dan, role="ic")

    night.do("severity", night.dan, severity=1, reason="all are hit")

    told = [message.payload for message in night.incident.messages.filter(dest=night.dan.email)]
    assert any("change 1" in str(each).lower() and "again" in str(each) for each in told)
    assert night.incident.state["clocks"][clocks.name("decision", "1")]["now"] is not None


def test_a_started_change_goes_on_and_the_record_says_under_which_severity_it_was_approved(
    night: Night,
) -> None:
    propose(night)
    night.do("approvals", night.ann, number=1)
    night.do("starts", night.ann, number=1)
    night.do("seats", night.dan, role="ic")
    night.do("severity", night.dan, severity=1, reason="all are hit")

    night.do("finishes", night.ann, number=1)
    night.do("confirmations", night.ann, number=1, seen="yes")

    row = Change.objects.get(incident=night.incident)
    assert (row.state, row.approver, row.major) == ("confirmed", night.ann, False)
    approved = TimelineEntry.objects.get(incident=night.incident, kind="change.approved")
    assert approved.payload["under"] == 3


def test_an_alert_that_raises_the_presumed_severity_ends_an_own_approval_too() -> None:
    from incidents.protocol import Draft
    from tests.desk.rooms import add, by_alert

    ann = commander("Ann")
    incident = by_alert(ann)
    add(incident, Draft("declared", {"severity": 3}, ann.pk), now=T0)
    night = Night(incident, ann, commander("Dan"))
    propose(night)
    night.do("approvals", ann, number=1)

    add(incident, Draft("severity.set", {"from": 3, "to": 2}), now=T0 + minutes(9))

    assert night.change()["state"] == "proposed"


@pytest.mark.ledger("GATE-06", "ROLE-07")
def test_an_implementer_of_an_open_change_does_not_take_command(night: Night) -> None:
    ben = commander("Ben")
    propose(night, implementer=ben.uid)

    with pytest.raises(Refused) as refused:
        night.do("seats", ben, role="ic")
    night.do("withdrawals", night.ann, number=1)
    night.do("seats", ben, role="ic")

    assert gates(refused) == ["GATE-06"]
    assert holder(night.incident.state, "ic") == ben.pk


@pytest.mark.ledger("GATE-06", "INC-38")
def test_a_handover_of_command_to_the_ops_lead_waits_until_no_change_is_open(night: Night) -> None:
    ben = commander("Ben")
    night.do("seats", night.dan, role="ic")
    night.do("seats", night.dan, role="ops2", person=ben.uid)
    propose(night)
    night.do("handovers", night.dan, seat="ic", person=ben.uid, text="all is calm")

    with pytest.raises(Refused) as refused:
        night.do("handover-answers", ben, seat="ic", answer="accept")
    night.do("handover-answers", ben, seat="ic", answer="decline")

    assert gates(refused) == ["GATE-06"]
    assert holder(night.incident.state, "ic") == night.dan.pk


@pytest.mark.ledger("APP-01")
def test_nobody_withdraws_the_change_of_somebody_else(night: Night) -> None:
    ben = make_user("Ben", roles=[Role.ENGINEER])
    propose(night)
    night.do("seats", night.dan, role="ic")

    with pytest.raises(Refused) as refused:
        night.do("withdrawals", ben, number=1)
    night.do("withdrawals", night.dan, number=1)

    assert gates(refused) == ["APP-01"]
    assert night.change()["state"] == "withdrawn"


def test_an_offer_ends_with_the_term_of_the_commander_who_made_it(night: Night) -> None:
    ben = commander("Ben")
    night.do("seats", night.dan, role="ic")
    night.do("seats", night.dan, role="ops", person=ben.uid)
    night.do("handovers", night.dan, seat="ops", person=night.ann.uid, text="you know it best")

    night.do("seat-ends", night.dan, seat="ic")

    assert night.incident.state["offers"] == {}


@pytest.mark.ledger("ROLE-35")
def test_after_a_relief_the_manager_offers_the_seat_of_the_ic() -> None:
    ann, dan, max_ = commander("Ann"), commander("Dan"), make_user("Max", roles=[Role.MANAGER])
    service = make_service(team=make_team("Api", people=[ann, dan], manager=max_))
    night = Night(make_incident(by=ann, severity=1, service=service), ann, dan)
    night.do("seats", ann, role="ic")
    with pytest.raises(NotAllowed):
        night.do("handovers", max_, seat="ic", person=dan.uid, text="take over")
    with pytest.raises(Refused, match="reason"):
        night.do("seat-ends", max_, seat="ic")
    night.do("seat-ends", max_, seat="ic", note="counter-productive")

    night.do("handovers", max_, seat="ic", person=dan.uid, text="take over")
    night.do("handover-answers", dan, seat="ic", answer="accept")

    assert holder(night.incident.state, "ic") == dan.pk


@pytest.mark.ledger("ROLE-03")
def test_naming_another_ic_is_an_offer(night: Night) -> None:
    night.do("seats", night.dan, role="ic")

    said = night.do("seats", night.dan, role="ic", person=night.ann.uid)

    assert holder(night.incident.state, "ic") == night.dan.pk
    assert night.incident.state["offers"]["ic"]["to"] == night.ann.pk
    assert "Ann is asked" in said


def test_without_an_ic_the_owner_of_a_sev_3_names_and_ends_seats(night: Night) -> None:
    ben = make_user("Ben", roles=[Role.ENGINEER])

    night.do("seats", night.ann, role="ops", person=ben.uid)
    named = holder(night.incident.state, "ops")
    night.do("seat-ends", night.ann, seat="ops")

    assert (named, holder(night.incident.state, "ops")) == (ben.pk, None)


@pytest.mark.ledger("RBAC-10")
def test_beside_a_comms_lead_the_ic_writes_to_responders_alone(night: Night) -> None:
    cleo = make_user("Cleo", roles=[Role.COMMS])
    night.do("seats", night.dan, role="ic")
    night.do("seats", night.dan, role="comms", person=cleo.uid)

    night.do("updates", night.dan, audiences=["responders"], impact="slow", next_at=T0 + minutes(90))
    for audience in ("executives", "clients", "public"):
        with pytest.raises(NotAllowed) as refused:
            night.do("updates", night.dan, audiences=["responders", audience], impact="slow")
        assert [block.id for block in refused.value.blocks] == ["RBAC-10"], audience


@pytest.mark.ledger("RBAC-10")
def test_support_sends_the_first_client_text_and_no_other(night: Night) -> None:
    sue, cleo = make_user("Sue", roles=[Role.SUPPORT]), make_user("Cleo", roles=[Role.COMMS])
    night.do("seats", night.dan, role="ic")
    night.do("seats", night.dan, role="comms", person=cleo.uid)

    make_client("Bank")
    night.do("scope", night.ann, clients=["bank"])
    night.do("updates", sue, audiences=["clients"], impact="slow", next_at=T0 + minutes(90))
    for audiences in (["clients"], ["public"]):
        with pytest.raises(NotAllowed):
            night.do("updates", sue, audiences=audiences, impact="slow")


@pytest.mark.ledger("INC-10")
def test_a_failed_change_alone_does_not_make_it_mitigating(night: Night) -> None:
    propose(night)
    night.do("approvals", night.ann, number=1)
    night.do("starts", night.ann, number=1)
    night.do("finishes", night.ann, number=1)
    with pytest.raises(Refused) as unconfirmed:
        night.do("moves", night.ann, to="investigating", note="it did not help")
    night.do("confirmations", night.ann, number=1, seen="no")
    night.do("moves", night.ann, to="investigating", note="it did not help")

    with pytest.raises(Refused) as refused:
        night.do("moves", night.ann, to="mitigating")

    assert (gates(unconfirmed), gates(refused)) == (["GATE-25"], ["APP-07"])


def test_a_page_by_hand_makes_nobody_owner() -> None:
    from tests.incidents.story import ALEX, Story

    story = Story().open(1)
    story.state["owner"] = None

    story.page(1, ALEX, call="hand")

    assert story.state["owner"] is None


@pytest.mark.parametrize(
    ("noun", "fields", "hit"),
    [
        ("impact", {"users": 0}, False),
        ("impact", {"users": 1}, True),
        ("impact-starts", {"happened_at": T0}, True),
        ("blast-radius", {"text": "checkout", "clients": ["bank"]}, True),
        ("scope", {"clients": ["bank"]}, True),
        ("entries", {"kind": "note", "text": "hello"}, False),
    ],
)
def test_customers_were_hit_once_somebody_says_so(
    night: Night, noun: str, fields: dict[str, object], hit: bool
) -> None:
    make_client("Bank")

    night.do(noun, night.ann, **fields)

    assert night.incident.state["hit"] is hit


@pytest.mark.ledger("APP-04")
def test_an_own_approval_that_an_alert_ended_is_asked_for_again_by_mail() -> None:
    """Nobody acted: the severity rose with an alert, at the tick."""
    story = Alerts()
    story.sends(alert(since=T0, sev="3"), at=T0)
    story.acknowledge(story.anna, at=T0 + minutes(1))
    night = Night(story.incident, story.anna, story.ben)
    propose(night)
    night.do("approvals", story.anna, number=1)
    night.do("seats", story.ben, role="ic")

    story.sends(alert("AllDown", since=T0 + minutes(20), sev="1"), at=T0 + minutes(20))

    night.incident.refresh_from_db()
    assert night.change()["state"] == "proposed"
    told = night.incident.messages.filter(dedupe_key__startswith="lapsed:1:")
    assert {each.dest for each in told} == {story.anna.email, story.ben.email}
    assert "must approve it again" in told[0].payload["body"]
    assert night.incident.state["clocks"][clocks.name("decision", "1")]["now"] is not None
