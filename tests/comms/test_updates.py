"""An update is stored to the letter, reaches everyone of its audience once, and shows what became of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from pytest_django import Settings
from standardwebhooks import Webhook

from comms import outbox, updates
from comms.channels import Outcome, Result
from comms.composition import Facts, UpdateFields, audience_texts
from comms.delivery import deliver
from comms.models import Audience, Channel, Message, Update, UpdateText
from incidentdesk.kernel.errors import Invalid
from incidents.models import Incident
from people.models import User
from tests.comms.makers import T0, claim, make_client, make_incident, make_service, make_user, seat
from tests.comms.receivers import HttpReceiver, MailServer, http_receiver, mail_server

pytestmark = pytest.mark.django_db

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
FIELDS = UpdateFields(
    status="investigating",
    impact="Most payments fail.",
    know="Disk of db-01.",
    next_at=T0 + timedelta(minutes=15),
    shareable="We are switching over.",
)
EVERYONE = list(Audience)


@pytest.fixture
def jordan() -> User:
    return make_user("Jordan", "comms")


@pytest.fixture
def incident(jordan: User) -> Incident:
    return make_incident(owner=jordan)


@pytest.fixture
def smtp(settings: Settings) -> Iterator[MailServer]:
    with mail_server() as running:
        settings.EMAIL_HOST, settings.EMAIL_PORT = running.host, running.port
        yield running


@pytest.fixture
def receiver(settings: Settings) -> Iterator[HttpReceiver]:
    with http_receiver() as running:
        settings.OUTBOUND_ALLOW = [running.place]
        yield running


def publish(
    incident: Incident, by: User, *audiences: Audience, fields: UpdateFields = FIELDS, now: datetime = T0
) -> Update:
    facts = Facts(reference="6f9c1d0e", title=incident.title, severity=1, detected_at=T0)
    said = dict.fromkeys(audiences, fields)
    return updates.publish(incident, said, audience_texts(said, facts=facts, now=now), by=by, now=now)


@pytest.mark.ledger("COM-35")
def test_what_was_sent_is_kept_to_the_letter_with_audience_time_sender_and_result(
    incident: Incident, jordan: User, smtp: MailServer
) -> None:
    facts = Facts(reference="6f9c1d0e", title="Writes fail", severity=1, detected_at=T0)
    said = {Audience.RESPONDERS: FIELDS}
    texts = audience_texts(said, facts=facts, now=T0)
    update = updates.publish(incident, said, texts, by=jordan, now=T0)

    deliver(lambda: T0)

    (summary,) = updates.delivery_summary(Update.objects.get(pk=update.pk))
    (delivery,) = summary.deliveries
    assert (update.number, update.author, update.sent_at) == (1, jordan, T0)
    subject = f"[{incident.key}] SEV-1 Writes fail"
    assert (summary.text.audience, summary.text.subject) == ("responders", subject)
    assert smtp.mails[0]["Subject"] == subject
    assert summary.text.body + "\n" == texts[Audience.RESPONDERS][1]
    assert smtp.mails[0].get_content().splitlines() == summary.text.body.splitlines()
    assert (delivery.dest, delivery.state, delivery.sent_at) == ("jordan@desk.example", "sent", T0)
    assert summary.sentence == "1 sent"


@pytest.mark.ledger("COM-35")
def test_a_failed_delivery_shows_its_reason_while_it_is_tried_again_and_when_it_is_given_up(
    incident: Incident, jordan: User
) -> None:
    update = publish(incident, jordan, Audience.RESPONDERS)

    outbox.settle(claim()[0], Outcome(Result.RETRY, "The mail server refused the connection."), now=T0)
    (trying,) = updates.delivery_summary(update)[0].deliveries
    later = T0 + timedelta(hours=7)
    outbox.settle(claim(later)[0], Outcome(Result.RETRY, "The mail server answered 421."), now=later)
    (given_up,) = updates.delivery_summary(update)[0].deliveries

    assert trying.words == "trying again after 1 tries: The mail server refused the connection."
    assert given_up.words == "given up: The mail server answered 421."


def test_responders_are_the_seats_the_owner_and_the_team_s_list(incident: Incident, jordan: User) -> None:
    sarah, alex, priya = (make_user(name, "engineer") for name in ("Sarah", "Alex", "Priya"))
    gone = make_user("Gone", "engineer", is_active=False)
    former, robot, stranger = make_user("Former"), make_user("Robot", is_machine=True), make_user("Stranger")
    incident.services.add(make_service("Payments", alex, priya, gone))
    seat(incident, "ic", sarah)
    seat(incident, "ops", alex)
    seat(incident, "scribe", former, ended_at=T0)
    seat(incident, "ops2", robot)

    found = updates.recipients(Audience.RESPONDERS, incident)

    assert {one.dest for one in found} == {person.email for person in (jordan, sarah, alex, priya)}
    assert len(found) == 4
    assert stranger.email not in {one.dest for one in found}


def test_who_may_not_enter_the_room_gets_no_text_to_responders(incident: Incident, jordan: User) -> None:
    outside = {role: make_user(role, role) for role in ("customer_support", "executive", "spectator")}
    incident.services.add(make_service("Payments", *outside.values()))
    Incident.objects.filter(pk=incident.pk).update(owner=outside["customer_support"])
    seat(incident, "scribe", outside["executive"])
    seat(incident, "ic", jordan)
    incident.refresh_from_db()

    assert [one.dest for one in updates.recipients(Audience.RESPONDERS, incident)] == [jordan.email]


def test_executives_are_those_who_have_the_role(incident: Incident) -> None:
    make_user("Vera", "executive")
    make_user("Former", "executive", is_active=False)

    assert [one.dest for one in updates.recipients(Audience.EXECUTIVES, incident)] == ["vera@desk.example"]


def test_clients_are_reached_by_mail_and_by_webhook_each_for_itself(incident: Incident) -> None:
    alpha = make_client(
        "Alpha", "ops@alpha.example", "cto@alpha.example", webhook_url="https://alpha.example/in"
    )
    beta = make_client("Beta", "ops@beta.example")
    make_client("Gamma", "ops@gamma.example")
    incident.clients.add(alpha, beta)

    found = [(one.channel, one.dest, one.client) for one in updates.recipients(Audience.CLIENTS, incident)]

    assert found == [
        (Channel.EMAIL, "ops@alpha.example", alpha.pk),
        (Channel.EMAIL, "cto@alpha.example", alpha.pk),
        (Channel.WEBHOOK, "https://alpha.example/in", alpha.pk),
        (Channel.EMAIL, "ops@beta.example", beta.pk),
    ]


def test_the_public_text_is_stored_and_goes_to_nobody(incident: Incident, jordan: User) -> None:
    update = publish(incident, jordan, Audience.PUBLIC)

    (summary,) = updates.delivery_summary(update)
    assert summary.sentence == "Stored; it goes to nobody by message."
    assert Message.objects.count() == 0


def test_a_client_gets_the_client_text_signed_with_its_own_secret_and_nothing_from_inside(
    incident: Incident, jordan: User, receiver: HttpReceiver
) -> None:
    incident.clients.add(make_client("Alpha", webhook_url=receiver.url("/ok"), webhook_secret=SECRET))

    update = publish(incident, jordan, *EVERYONE)
    deliver(lambda: T0, seconds=3)

    (receipt,) = receiver.receipts
    text = UpdateText.objects.get(update=update, audience="clients")
    assert receipt.json == {
        "type": "incident.update",
        "timestamp": "2026-03-29T00:47:00+00:00",
        "data": {
            "incident": str(incident.uid),
            "update": 1,
            "status": "investigating",
            "sent_at": "2026-03-29T00:47:00+00:00",
            "next_update_at": "2026-03-29T01:02:00+00:00",
            "subject": text.subject,
            "text": text.body,
        },
    }
    signature = Webhook(SECRET).sign(receipt.headers["webhook-id"], T0, receipt.body.decode())
    assert receipt.headers["webhook-signature"] == signature
    for inside in (b"Disk of db-01", b"Writes fail", incident.key.encode(), jordan.name.encode()):
        assert inside not in receipt.body


@pytest.mark.ledger("COM-35")
def test_each_text_and_notice_tells_the_status_of_its_own_audience_and_the_update_that_of_the_incident(
    incident: Incident, jordan: User
) -> None:
    incident.clients.add(make_client("Alpha", webhook_url="https://alpha.example/in", webhook_secret=SECRET))
    said = {Audience.RESPONDERS: replace(FIELDS, status="open"), Audience.CLIENTS: FIELDS}
    facts = Facts(reference="6f9c1d0e", title="Writes fail", severity=1, detected_at=T0)

    update = updates.publish(incident, said, audience_texts(said, facts=facts, now=T0), by=jordan, now=T0)

    notice = Message.objects.get(channel=Channel.WEBHOOK)
    assert notice.payload["data"]["status"] == "investigating"
    told = {text.audience: text.data["status"] for text in update.texts.all()}
    assert told == {"responders": "open", "clients": "investigating"}
    assert update.status == incident.status == "open"


def test_updates_of_one_incident_and_audience_share_a_thread(
    incident: Incident, jordan: User, smtp: MailServer
) -> None:
    incident.clients.add(make_client("Alpha", "ops@alpha.example"))
    for minutes in (0, 10):
        now = T0 + timedelta(minutes=minutes)
        publish(incident, jordan, Audience.RESPONDERS, Audience.CLIENTS, now=now)
        deliver(lambda now=now: now)  # type: ignore[misc]

    threads = {(str(one["To"]), str(one["References"])) for one in smtp.mails}
    assert len(smtp.mails) == 4
    assert threads == {
        ("jordan@desk.example", f"<{incident.uid}.responders@127.0.0.1>"),
        ("ops@alpha.example", f"<{incident.uid}.clients@127.0.0.1>"),
    }


def test_numbers_count_up_and_each_audience_has_one_text(incident: Incident, jordan: User) -> None:
    other = make_incident("INC-2026-0009")

    numbers = [publish(incident, jordan, Audience.PUBLIC).number for _ in range(3)]

    assert numbers == [1, 2, 3]
    assert publish(other, jordan, Audience.PUBLIC).number == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        UpdateText.objects.create(update=Update.objects.all()[0], audience="public", subject="x", body="x")


def test_the_same_update_put_twice_reaches_nobody_twice(incident: Incident, jordan: User) -> None:
    update = publish(incident, jordan, Audience.RESPONDERS)
    (text,) = update.texts.all()

    rows = [
        updates._message(incident, update, text, recipient)
        for recipient in updates.recipients(Audience.RESPONDERS, incident)
    ]

    assert outbox.put(rows, now=T0) == 0
    assert Message.objects.get().dedupe_key.startswith(f"update:{incident.uid}:1:responders:email:")


def test_an_update_of_a_driven_incident_is_stored_as_simulated(jordan: User) -> None:
    driven = make_incident("INC-2026-0002", time="driven", owner=jordan)

    update = publish(driven, jordan, Audience.RESPONDERS)

    assert updates.delivery_summary(update)[0].sentence == "1 simulated, not sent"


def test_the_next_draft_starts_from_the_last_fields(incident: Incident, jordan: User) -> None:
    assert updates.last_fields(incident) is None
    publish(incident, jordan, Audience.PUBLIC)
    publish(
        incident, jordan, Audience.PUBLIC, Audience.CLIENTS, fields=replace(FIELDS, impact="All work again.")
    )

    found = updates.last_fields(incident)

    assert found == (replace(FIELDS, impact="All work again."), T0)


@pytest.mark.ledger("COM-03")
def test_the_next_draft_starts_from_the_words_written_last_not_from_older_ones_that_were_repeated(
    incident: Incident, jordan: User
) -> None:
    later = T0 + timedelta(minutes=5)
    newer = replace(FIELDS, impact="All payments fail.", next_at=T0 + timedelta(minutes=20))
    publish(incident, jordan, Audience.CLIENTS)
    publish(incident, jordan, Audience.RESPONDERS, fields=newer, now=later)
    again = replace(FIELDS, unchanged_since=T0, next_at=T0 + timedelta(minutes=25))
    publish(incident, jordan, Audience.CLIENTS, fields=again, now=T0 + timedelta(minutes=10))

    assert updates.last_fields(incident) == (newer, later)


def test_an_update_to_nobody_is_refused(incident: Incident, jordan: User) -> None:
    with pytest.raises(Invalid, match="at least one audience"):
        publish(incident, jordan)


@pytest.mark.ledger("COM-05", "CLK-15")
@pytest.mark.parametrize(
    ("next_at", "sentence"),
    [
        (None, "Name the time of the next update."),
        (T0, "past"),
        (T0 + timedelta(minutes=15, seconds=1), "due by 01:02 UTC at the latest"),
    ],
)
def test_an_update_without_a_next_time_that_the_cadence_allows_is_not_sent(
    next_at: datetime | None, sentence: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        updates.cleaned(replace(FIELDS, next_at=next_at), now=T0, latest_next=T0 + timedelta(minutes=15))

    assert sentence in refusal.value.fields["next_at"]
    assert "your text is kept" in refusal.value.sentence


@pytest.mark.ledger("COM-05")
def test_a_text_edited_by_hand_still_names_the_next_time(incident: Incident, jordan: User) -> None:
    texts = {
        Audience.CLIENTS: ("Payments", "We are on it."),
        Audience.PUBLIC: ("Payments", "More at 01:02 UTC."),
    }

    update = updates.publish(incident, dict.fromkeys(texts, FIELDS), texts, by=jordan, now=T0)

    bodies = dict(update.texts.values_list("audience", "body"))
    assert bodies == {
        "clients": "We are on it.\n\nNext update: by 01:02 UTC, or sooner if the status changes.",
        "public": "More at 01:02 UTC.",
    }


def test_the_latest_time_allowed_is_allowed() -> None:
    assert updates.cleaned(FIELDS, now=T0, latest_next=FIELDS.next_at) == FIELDS


def test_the_last_update_needs_no_next_time() -> None:
    over = replace(FIELDS, status="resolved", next_at=None)

    assert updates.cleaned(over, now=T0) == over


def test_an_update_needs_its_impact_and_loses_what_spoofs() -> None:
    with pytest.raises(Invalid) as refusal:
        updates.cleaned(replace(FIELDS, impact=" \u202e\x00 ", restored_percent=101), now=T0)

    assert set(refusal.value.fields) == {"impact", "restored_percent"}
    assert updates.cleaned(replace(FIELDS, know="a\u202eb\x00c"), now=T0).know == "abc"


@pytest.mark.ledger("COM-35")
@pytest.mark.parametrize("table", ["comms_update", "comms_updatetext"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_application_cannot_change_or_remove_what_was_sent(
    incident: Incident, jordan: User, table: str, statement: str
) -> None:
    publish(incident, jordan, Audience.PUBLIC)

    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table))
