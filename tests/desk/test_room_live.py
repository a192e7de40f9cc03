"""The poll sends what changed and nothing else; who may not enter the room finds neither page nor poll."""

import re

import pytest
from django.http import HttpResponse
from django.test import Client

from desk.room.regions import NEEDS, REGIONS, regions_of
from desk.room.view import Room
from incidents.models import Incident
from incidents.protocol import Draft, default_text, parse
from incidents.sentences import WORDS
from people.models import User
from tests.desk.rooms import add, by_alert, led, propose, rich, room_of, statements
from tests.factories import T0, do, make_service, minutes
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def incident(sarah: User, alex: User) -> Incident:
    return led(sarah, alex)


def live(client: Client, incident: Incident, after: int | str) -> HttpResponse:
    return client.get(f"/incidents/{incident.key}/live/", {"after": after})  # type: ignore[return-value]


def roots(answer: HttpResponse) -> list[str]:
    """The ids of the regions in an answer."""
    return re.findall(r'id="(r-[a-z]+)"', answer.content.decode())


def rows(answer: HttpResponse) -> list[int]:
    """The seqs of the timeline's rows in an answer."""
    return [int(seq) for seq in re.findall(r'id="e-(\d+)"', answer.content.decode())]


def test_nothing_new_is_204_with_the_time_and_no_body(client: Client, incident: Incident, alex: User) -> None:
    client.force_login(alex)

    answer = live(client, incident, incident.rev)

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["Desk-Now"].endswith("Z")
    assert "Desk-Tick" in answer
    assert "no-store" in answer["Cache-Control"]


def test_a_note_of_somebody_with_a_seat_sends_its_row_and_the_hidden_state_alone(
    client: Client, incident: Incident, sarah: User, alex: User
) -> None:
    do(incident, "seats", alex, T0 + minutes(2), role="ops")
    before = incident.rev
    note = do(incident, "entries", alex, T0 + minutes(3), kind="note", text="seen")
    client.force_login(alex)

    answer = live(client, incident, before)

    assert answer.status_code == 200
    assert answer["Desk-Rev"] == str(incident.rev)
    assert roots(answer) == ["r-state", "r-timeline"]
    assert rows(answer) == [note.seq]


def test_a_proposal_rings_in_approvals_banners_and_clocks_but_not_in_the_roster(
    client: Client, incident: Incident, sarah: User, alex: User
) -> None:
    do(incident, "seats", alex, T0 + minutes(2), role="ops")
    before = incident.rev
    propose(incident, alex, T0 + minutes(3))
    client.force_login(sarah)

    found = roots(live(client, incident, before))

    assert {"r-approvals", "r-changes", "r-header", "r-banners", "r-gate"} <= set(found)
    assert not {"r-roster", "r-impact", "r-sends", "r-forms"} & set(found)


@pytest.mark.parametrize("act", ["theory", "correction", "approval"])
def test_an_older_row_whose_look_changed_comes_again(
    client: Client, incident: Incident, sarah: User, alex: User, act: str
) -> None:
    theory = do(incident, "entries", alex, T0 + minutes(2), kind="theory", text="DNS").seq
    note = do(incident, "entries", alex, T0 + minutes(2), kind="note", text="db-1").seq
    propose(incident, alex, T0 + minutes(3))
    proposal = incident.seq
    before = incident.rev

    if act == "theory":
        do(incident, "theories", alex, T0 + minutes(4), seq=theory, state="ruled_out")
    elif act == "correction":
        do(incident, "corrections", alex, T0 + minutes(4), seq=note, text="db-2")
    else:
        do(incident, "approvals", sarah, T0 + minutes(4), number=1)
    client.force_login(alex)

    touched = {"theory": theory, "correction": note, "approval": proposal}[act]
    assert rows(live(client, incident, before)) == [incident.seq, touched]


def test_a_settled_delivery_raises_the_cursor_and_sends_the_texts(
    client: Client, incident: Incident, alex: User
) -> None:
    Incident.objects.filter(pk=incident.pk).update(rev=incident.rev + 1)
    client.force_login(alex)

    answer = live(client, incident, incident.rev)

    assert roots(answer) == ["r-state", "r-sends"]


def test_a_seat_that_changes_hands_renews_every_region_whose_buttons_depend_on_it(
    client: Client, incident: Incident, sarah: User, alex: User
) -> None:
    before = incident.rev
    do(incident, "seats", alex, T0 + minutes(2), role="ops")
    client.force_login(alex)

    found = set(roots(live(client, incident, before)))

    assert {
        "r-acts",
        "r-objective",
        "r-roster",
        "r-impact",
        "r-gate",
        "r-theories",
        "r-forms",
        "r-changes",
    } <= found


def test_a_page_that_missed_very_much_gets_every_region_and_the_latest_rows(
    client: Client, incident: Incident, alex: User
) -> None:
    add(incident, *(Draft("note", {}, alex.pk, texts={"text": "x"}) for _ in range(250)), now=T0 + minutes(3))
    client.force_login(alex)

    answer = live(client, incident, 1)

    assert len(rows(answer)) == 200
    assert len(set(roots(answer))) == len(REGIONS) + 1


@pytest.mark.parametrize("after", ["", "x", "-1", "99999999999", "1'--", "٣"])
def test_a_cursor_that_cannot_be_read_gets_everything(
    client: Client, incident: Incident, alex: User, after: str
) -> None:
    client.force_login(alex)

    answer = live(client, incident, after)

    assert answer.status_code == 200
    assert rows(answer)[0] == incident.seq


def test_a_cursor_from_another_time_gets_everything(client: Client, incident: Incident, alex: User) -> None:
    client.force_login(alex)

    answer = live(client, incident, incident.rev + 50)

    assert answer.status_code == 200
    assert len(rows(answer)) == incident.seq


def test_a_closed_incident_ends_the_polling(client: Client, incident: Incident, sarah: User) -> None:
    before = incident.rev
    do(incident, "closures", sarah, T0 + minutes(3), note="a false alarm")
    client.force_login(sarah)

    last, still = live(client, incident, before), live(client, incident, incident.rev)

    assert last.status_code == 286 and "r-header" in roots(last)
    assert (still.status_code, still.content) == (286, b"")
    assert "data-closed" in client.get(f"/incidents/{incident.key}/").content.decode()


def test_a_changed_poll_takes_the_same_number_of_statements_at_50_and_at_5000_entries(
    client: Client, incident: Incident, sarah: User, alex: User
) -> None:
    counts = set()
    client.force_login(alex)
    for many in (50, 4950):
        add(
            incident,
            *(Draft("note", {}, alex.pk, texts={"text": "x"}) for _ in range(many)),
            now=T0 + minutes(3),
        )
        do(incident, "entries", alex, T0 + minutes(4), kind="finding", text="x", source="log", value="1")
        counts.add(statements(client, f"/incidents/{incident.key}/live/?after={incident.rev - 1}"))

    assert len(counts) == 1
    assert incident.seq > 5000


def test_every_kind_that_can_be_written_has_its_row_of_regions_or_changes_the_timeline_alone() -> None:
    alone = {"question", "action", "nothing", "note", "corrected", "refused", "clock.rolled"}

    assert set(WORDS) - set(NEEDS) == alone
    assert {name for names in NEEDS.values() for name in names} <= set(REGIONS)
    assert "clocks" in regions_of(parse(default_text()), {"clock.rolled"})


def test_what_the_poll_sends_is_what_the_page_shows(client: Client, sarah: User, alex: User) -> None:
    incident = rich(sarah, alex)
    client.force_login(sarah)

    page = client.get(f"/incidents/{incident.key}/").content.decode()
    answer = live(client, incident, 1).content.decode()

    for name in ("r-impact", "r-objective", "r-theories", "r-runbooks", "r-sends"):
        part = _region(answer, name)
        assert part and part in page


def _region(html: str, name: str) -> str:
    found = re.search(rf'<section[^>]*id="{name}".*?</section>', html, re.DOTALL)
    return found[0] if found else ""


@pytest.mark.ledger("RBAC-02", "RBAC-05")
@pytest.mark.parametrize("role", ["executive", "spectator", "client_contact", "customer_support"])
def test_who_may_not_enter_the_room_is_led_to_the_summary_and_finds_no_poll(
    client: Client, incident: Incident, role: str
) -> None:
    client.force_login(make_user("Eve", roles=(role,)))

    page, poll = client.get(f"/incidents/{incident.key}/"), live(client, incident, 1)
    nowhere = client.get("/incidents/INC-1999-0001/")

    assert (page.status_code, page["Location"]) == (302, f"/incidents/{incident.key}/summary/")
    assert poll.status_code == 404
    assert nowhere.status_code == 302
    assert b"writes fail" not in page.content + poll.content


def test_a_missing_incident_is_404_for_page_and_poll(client: Client, alex: User) -> None:
    client.force_login(alex)

    assert client.get("/incidents/INC-1999-0001/").status_code == 404
    assert client.get("/incidents/INC-1999-0001/live/?after=1").status_code == 404
    assert client.get("/incidents/nonsense/").status_code == 404


@pytest.mark.ledger("RBAC-21")
def test_the_bridge_revenue_and_buttons_are_for_those_who_hold_the_right(sarah: User, alex: User) -> None:
    service = make_service("Ledger", bridge="https://meet.example/secret")
    incident = led(sarah, alex, service=service)
    manager = make_user("Mona", roles=("manager",))
    do(incident, "impact", sarah, T0 + minutes(2), revenue=38_400)
    at = T0 + minutes(3)

    of_manager, of_alex, of_sarah = (room_of(incident, who, at) for who in (manager, alex, sarah))

    assert of_manager.header.bridge is None and of_manager.state.bridge == ""
    assert not any("secret" in entry.text for entry in of_manager.timeline.entries)
    assert of_alex.header.bridge is not None and of_alex.header.bridge.url == "https://meet.example/secret"
    assert not any("38" in entry.sentence for entry in of_alex.timeline.entries if entry.title == "Impact")
    assert all("Revenue" not in figure.label for figure in of_alex.impact.figures)
    assert any(figure.now == "38,400" for figure in of_sarah.impact.figures)
    assert "severity" in of_sarah.may and "severity" not in of_alex.may
    assert "entries" not in of_manager.may


@pytest.mark.ledger("RBAC-21")
def test_words_for_executives_name_money_and_are_not_read_by_who_may_not_see_revenue(
    sarah: User, alex: User
) -> None:
    incident = led(sarah, alex)
    do(incident, "updates", sarah, T0 + minutes(2), audiences=["executives", "responders"], impact="Payments fail",
       business="38,400 EUR an hour", next_at=T0 + minutes(12))  # fmt: skip

    of_alex, of_sarah = (room_of(incident, who, T0 + minutes(3)) for who in (alex, sarah))

    def told(room: Room) -> str:
        texts = [row.text for row in room.sends if row.id == "1-executives"]
        return "".join([*texts, *(entry.text for entry in room.timeline.entries)])

    assert "38,400" in told(of_sarah)
    assert "38,400" not in told(of_alex)


def test_a_record_that_an_alert_opened_says_presumed(alex: User) -> None:
    head = room_of(by_alert(alex), alex, T0 + minutes(1)).header

    assert head.severity.presumed and head.severity.label == "SEV-1"
    assert head.status.word == "Open"


def test_a_clock_off_the_strip_comes_onto_it_when_it_presses(sarah: User, alex: User) -> None:
    incident = led(sarah, alex)

    def there(after: float) -> bool:
        return "leadership" in {tile.id for tile in room_of(incident, alex, T0 + minutes(after)).clocks}

    assert not there(20)
    assert there(25)
    assert there(31)
