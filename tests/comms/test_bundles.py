"""Pages to one person: the first leaves at once, the next ones together a minute later, each with a state of its own."""

from datetime import timedelta
from typing import Any

import pytest

from comms import bundles, outbox
from comms.channels import Outcome, Parcel, Result
from comms.delivery import Senders, deliver
from comms.models import Breaker, Channel, Message, Priority, Way
from comms.outbox import NewMessage
from incidentdesk.kernel import links
from tests.comms.makers import LEASE, T0, claim, make_incident, put, state
from tests.held import held

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)
SENT = Outcome(Result.SENT)
FAILED = Outcome(Result.RETRY, "The mail server answered 421.")


def page(number: int, dest: str = "ada@desk.example", **fields: Any) -> NewMessage:
    """A page of an incident of its own."""
    incident = make_incident(f"INC-2026-{number:04}")
    nonce, digest = links.new()
    link = {"says": "Acknowledge:", "path": "/ack/", "nonce": nonce, "digest": digest}
    said = {
        "subject": f"{incident.key} Page",
        "body": f"You are paged for {incident.key}.\n\nThe room",
        "link": link,
    }
    return NewMessage(key=f"page:{incident.uid}:1", channel=Channel.EMAIL, dest=dest, payload=said,
                      incident_id=incident.pk, priority=Priority.PAGE, bundles=True, **fields)  # fmt: skip


def taking(mails: list[Parcel], outcome: Outcome = SENT) -> Senders:
    """A mail server that takes everything, or nothing."""

    def send(parcel: Parcel, now: Any) -> Outcome:
        mails.append(parcel)
        return outcome

    return {Channel.EMAIL: send}


def run(after: timedelta = timedelta(), outcome: Outcome = SENT) -> list[Parcel]:
    """What leaves when the desk delivers at that time."""
    mails: list[Parcel] = []
    deliver(lambda: T0 + after, senders=taking(mails, outcome))
    return mails


def keys(mail: Parcel) -> list[str]:
    """The incidents that a mail names, in its order."""
    return [word.strip(".,:") for word in mail.payload["body"].split() if word.startswith("INC-")]


def test_the_first_page_leaves_at_once_and_those_of_the_next_minute_together_after_it() -> None:
    put(page(1))
    first = run()
    put(page(2), page(3))

    within, after = run(59 * SECOND), run(60 * SECOND)

    assert [keys(mail) for mail in first] == [["INC-2026-0001"]]
    assert within == []
    assert len(after) == 1 and set(keys(after[0])) == {"INC-2026-0002", "INC-2026-0003"}
    assert after[0].payload["subject"].startswith("2 pages: INC-2026-0002, INC-2026-0003")
    assert set(Message.objects.values_list("state", flat=True)) == {"sent"}


def test_a_storm_of_fifty_is_one_mail_that_names_all_with_a_link_each() -> None:
    put(*(page(number) for number in range(1, 51)))

    mails = run()

    assert len(mails) == 1
    assert len(set(keys(mails[0]))) == 50
    assert mails[0].payload["body"].count("/ack/") == 50
    assert Message.objects.filter(state="sent", bundle=Message.objects.earliest("pk").pk).count() == 50


def test_each_person_has_a_minute_of_their_own() -> None:
    put(page(1))
    run()
    put(page(2, "ben@desk.example"))

    assert [mail.dest for mail in run(SECOND)] == ["ben@desk.example"]


def test_other_messages_to_the_same_address_wait_for_nothing() -> None:
    put(page(1))
    run()
    put(NewMessage(key="call", channel=Channel.EMAIL, dest="ada@desk.example", payload={"subject": "s", "body": "b"},
                   priority=Priority.PAGE))  # fmt: skip

    assert [mail.payload["subject"] for mail in run(SECOND)] == ["s"]


def test_a_try_that_failed_takes_no_minute_and_the_next_one_carries_what_came_meanwhile() -> None:
    put(page(1))
    run(outcome=FAILED)
    put(page(2))

    mails = run(SECOND)

    assert len(mails) == 1 and set(keys(mails[0])) == {"INC-2026-0001", "INC-2026-0002"}


def test_a_failed_mail_of_many_counts_as_one_failure_of_its_lane() -> None:
    put(*(page(number) for number in range(1, 11)))

    run(outcome=FAILED)

    assert list(Breaker.objects.values_list("failures", flat=True)) == [1]


def test_a_mail_whose_sender_was_killed_goes_again_alone_under_the_same_id() -> None:
    put(page(1), page(2))
    before = bundles.uid(claim())
    put(page(3))

    during = claim(T0 + LEASE - SECOND)
    (again,) = run(LEASE)
    rest = run(LEASE + 60 * SECOND)

    assert during == []
    assert again.uid == before and set(keys(again)) == {"INC-2026-0001", "INC-2026-0002"}
    assert [keys(mail) for mail in rest] == [["INC-2026-0003"]]


def test_a_mail_that_goes_again_after_a_long_outage_still_takes_the_minute_of_its_way() -> None:
    put(page(1))
    claim()
    put(page(2))

    at_once, later = run(61 * SECOND), run(122 * SECOND)

    assert [keys(mail) for mail in at_once] == [["INC-2026-0001"]]
    assert [keys(mail) for mail in later] == [["INC-2026-0002"]]


def test_a_page_alone_keeps_the_id_it_always_had() -> None:
    (message,) = put(page(1))

    assert bundles.uid([message]) == message.uid


def test_an_answered_page_leaves_the_mail_that_waits() -> None:
    put(page(1))
    run()
    second, third = page(2), page(3)
    put(second, third)
    outbox.recall([second.key])

    (mail,) = run(60 * SECOND)

    assert keys(mail) == ["INC-2026-0003"]


def test_a_page_that_waits_for_opening_time_is_not_carried_along() -> None:
    put(page(1), page(2, due_at=T0 + timedelta(hours=6)))

    assert [keys(mail) for mail in run()] == [["INC-2026-0001"]]


@pytest.mark.django_db(transaction=True)
def test_a_way_in_hands_that_stand_still_holds_up_no_other_persons_page() -> None:
    put(page(1))
    run()
    put(page(2), page(3, "ben@desk.example"))

    with held("SELECT 1 FROM comms_way WHERE dest = %s FOR NO KEY UPDATE", "ada@desk.example"):
        meanwhile = run(61 * SECOND)
    after = run(62 * SECOND)

    assert [mail.dest for mail in meanwhile] == ["ben@desk.example"]
    assert [mail.dest for mail in after] == ["ada@desk.example"]


def test_where_nobody_can_say_how_an_incident_stands_the_page_leaves_as_it_was_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks(*_: Any) -> Any:
        raise ValueError

    monkeypatch.setattr(bundles, "writers", [breaks])
    put(page(1), page(2))

    (mail,) = run()

    assert set(keys(mail)) == {"INC-2026-0001", "INC-2026-0002"} and mail.payload["body"].count("/ack/") == 2
    assert state(Message.objects.earliest("pk").dedupe_key) == "sent"
    assert Way.objects.get().free_at == T0 + 60 * SECOND
