"""The record: every entry in its order, one sentence each; what was refused and missed stands among them."""

import html as markup
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from desk import recording, tick
from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import DeskError
from incidents.models import Incident, TimelineEntry
from people.models import User
from tests.desk.doors import signed_in
from tests.factories import commander, do, make_incident, make_service, minutes
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db


def led(by: User, *, ago: float = 20, **fields: Any) -> Incident:
    incident = make_incident(by=by, declared_at=clock.now() - minutes(ago), **fields)
    do(incident, "seats", by, clock.now() - minutes(ago), role="ic")
    return incident


def page(user: User, incident: Incident, **query: Any) -> str:
    response = signed_in(user).get(f"/incidents/{incident.key}/record/", query)
    assert response.status_code == 200
    return str(response.content.decode())


def lines(html: str) -> list[tuple[int, str]]:
    """Seq and sentence of each entry, in the order of the page."""
    parts = re.findall(r'<article class="entry[^"]*" id="e-(\d+)".*?</article>', html, re.DOTALL)
    texts = re.findall(r'<article class="entry[^"]*" id="e-\d+".*?</article>', html, re.DOTALL)
    found = []
    for seq, text in zip(parts, texts, strict=True):
        sentence = re.search(r'<p class="entry__s">(.*?)</p>', text, re.DOTALL)
        found.append(
            (int(seq), markup.unescape(re.sub(r"<[^>]+>", "", sentence[1] if sentence else "")).strip())
        )
    return found


def test_every_entry_stands_in_order_with_one_sentence_of_its_own() -> None:
    sarah = commander("Sarah Okafor")
    incident = led(sarah)
    do(
        incident,
        "entries",
        sarah,
        clock.now(),
        kind="finding",
        text="disk at 100 %",
        source="dashboard",
        value="100 %",
    )
    do(incident, "entries", sarah, clock.now(), kind="theory", text="a log ran wild")
    do(incident, "moves", sarah, clock.now(), to="mitigating", workaround="by hand", note="now")

    html = page(sarah, incident)
    told = lines(html)

    assert [seq for seq, _ in told] == list(range(1, incident.seq + 1))
    assert all(sentence.endswith((".", "”.")) for _, sentence in told), told
    assert told[0][1].startswith("Sarah Okafor opened this record")
    assert "Sarah Okafor logged a finding." in dict(told).values()
    assert "Sarah Okafor moved the status from Investigating to Mitigating." in dict(told).values()
    for text in ("disk at 100 %", "a log ran wild", "source: dashboard"):
        assert text in html


def test_refusals_and_misses_stand_in_the_record() -> None:
    sarah = commander("Sarah Okafor")
    incident = led(sarah)
    with pytest.raises(DeskError):
        do(incident, "resolutions", sarah, clock.now(), proof="it works")
    tick.sweep(now=clock.now())
    incident.refresh_from_db()

    told = dict(lines(page(sarah, incident)))

    refused = TimelineEntry.objects.get(incident=incident, kind="refused")
    assert told[refused.seq].startswith("Sarah Okafor was refused (GATE-")
    assert any("is overdue" in sentence or "was missed" in sentence for sentence in told.values())
    assert set(told) == set(range(1, incident.seq + 1))


@pytest.mark.ledger("INC-17")
def test_every_entry_shows_utc_beside_the_viewers_time_and_the_minutes_since_detection() -> None:
    sarah = commander()
    incident = led(sarah, ago=13)
    do(incident, "entries", sarah, clock.now(), kind="note", text="thirteen minutes in")
    priya = make_user("Priya", roles=["engineer"], zone="Asia/Kolkata")

    html = page(priya, incident)
    last = TimelineEntry.objects.filter(incident=incident).latest("seq")
    row = re.search(rf'id="e-{last.seq}".*?</article>', html, re.DOTALL)

    assert row is not None
    assert f'<span class="entry__u">{last.happened_at:%H:%M} UTC</span>' in row[0]
    assert f"{last.happened_at.astimezone(priya.tz):%H:%M:%S}" in row[0]
    assert "<span>T+13</span>" in row[0]


@pytest.mark.ledger("INC-14", "INC-16")
def test_milestones_and_durations_are_printed_from_the_alert_on() -> None:
    sarah = commander()
    now = clock.now()
    incident = led(sarah, ago=20)
    do(incident, "impact-starts", sarah, now, happened_at=incident.alert_fired_at - minutes(3))
    do(incident, "moves", sarah, now, to="mitigating", workaround="by hand", note="x")
    do(incident, "impact-ends", sarah, clock.now())

    html = page(sarah, incident)
    rows = dict(re.findall(r'<tr><th scope="row">([^<]+)</th>(.*?)</tr>', html, re.DOTALL))

    assert "T-3" in rows["Impact start"]
    assert "T+0" in rows["Alert fired"]
    assert "T+20" in rows["Impact ended"]
    assert "not stamped" in rows["Resolved"]
    assert list(rows)[:2] == ["Impact start", "Alert fired"]
    figures = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", html))
    assert figures["Time to impact end"] == "20 min"
    assert figures["Impact"] == "23 min"
    assert figures["Detection delay"] == "3 min"
    assert figures["Head of the chain"] == bytes(Incident.objects.get().head_hash).hex()[:16]


def test_every_occurrence_of_a_clock_is_read_and_named() -> None:
    sarah = commander("Sarah Okafor")
    incident = led(sarah, ago=40)

    html = page(sarah, incident)

    assert "IC named" in html
    assert re.search(
        r"pclock--miss.*?First client notice|pclock--late.*?First client notice", html, re.DOTALL
    )
    assert "Update, clients, 2" in html


def test_a_long_record_is_turned_in_pages_and_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "PAGE", 5)
    sarah = commander()
    incident = led(sarah)
    seen: list[int] = []
    path = f"/incidents/{incident.key}/record/"

    while path:
        html = signed_in(sarah).get(path).content.decode()
        seen += [seq for seq, _ in lines(html)]
        later = re.search(r'href="([^"]+)" rel="next"', html)
        path = later[1] if later else ""

    assert seen == list(range(1, incident.seq + 1))
    assert [seq for seq, _ in lines(page(sarah, incident, before=7))] == [2, 3, 4, 5, 6]
    assert [seq for seq, _ in lines(page(sarah, incident, after="nonsense"))] == [1, 2, 3, 4, 5]


def test_who_may_not_see_theories_reads_the_record_without_them() -> None:
    sarah = commander()
    incident = led(sarah)
    do(incident, "entries", sarah, clock.now(), kind="theory", text="a log ran wild")

    assert "a log ran wild" in page(make_user("Ana", roles=["manager"]), incident)
    assert (
        signed_in(make_user("Marcus", roles=["executive"]))
        .get(f"/incidents/{incident.key}/record/")
        .status_code
        == 404
    )


def test_the_number_of_statements_does_not_grow_with_the_record() -> None:
    sarah = commander()
    make_service()
    incident = led(sarah)
    page(sarah, incident)
    browser = signed_in(sarah)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.get(f"/incidents/{incident.key}/record/")
        return len(queries)

    one = cost()
    for number in range(5):
        do(incident, "entries", sarah, clock.now(), kind="note", text=f"note {number}")

    assert cost() == one
    assert one <= 16
