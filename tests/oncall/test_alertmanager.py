"""Reading what Alertmanager sends: recorded from a real one, and everything that is wrong with a body."""

import json
import random
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest

from incidentdesk.kernel.embedded.valkey import free_port
from oncall.hooks.alertmanager import LABELS, Incoming, parse
from oncall.hooks.walk import Malformed
from tests import alertmanager
from tests.alertmanager import RECORDED


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    return found


def body(**changes: Any) -> bytes:
    """The recorded firing with its first alert changed."""
    told = recorded("firing")
    told["alerts"] = [{**told["alerts"][0], **changes}]
    return json.dumps(told).encode()


@pytest.mark.ledger("ALR-01")
def test_a_recorded_firing_is_read_with_all_that_an_alert_is_known_by() -> None:
    found = parse((RECORDED / "firing.json").read_bytes())

    alert = next(each for each in found.alerts if each.critical)
    assert (alert.name, alert.service, alert.severity_label) == ("WriteErrors", "ledger", "critical")
    assert (alert.summary, alert.value) == ("Writes fail on the primary", "1240/min")
    assert alert.group_key == '{}:{service="ledger"}'
    assert alert.firing and alert.ends_at is None and alert.starts_at.tzinfo is UTC
    assert len(alert.fingerprint) == 16
    assert [each.critical for each in found.alerts].count(False) == 1


def test_a_recorded_end_names_the_same_alerts_with_their_end() -> None:
    firing = parse((RECORDED / "firing.json").read_bytes()).alerts
    resolved = parse((RECORDED / "resolved.json").read_bytes()).alerts

    assert {(a.fingerprint, a.starts_at) for a in firing} == {(a.fingerprint, a.starts_at) for a in resolved}
    assert all(not each.firing and each.ends_at is not None for each in resolved)


def test_the_recorded_requests_are_what_a_real_alertmanager_sends() -> None:
    if alertmanager.binary() is None:
        pytest.skip("Alertmanager cannot be had here; the recorded requests stand for it")

    firing, resolved, headers = alertmanager.real_requests(datetime.now(UTC), port=free_port())

    assert timeless(firing) == timeless(recorded("firing"))
    assert timeless(resolved) == timeless(recorded("resolved"))
    assert headers["Authorization"] == "Bearer a-token"
    assert len(parse(json.dumps(firing).encode()).alerts) == 2


def timeless(told: dict[str, Any]) -> dict[str, Any]:
    """A body without its times, its alerts in one order: Alertmanager sends them in any."""
    alerts = [{k: v for k, v in each.items() if k not in ("startsAt", "endsAt")} for each in told["alerts"]]
    return {**told, "alerts": sorted(alerts, key=lambda each: each["fingerprint"])}


@pytest.mark.parametrize(
    ("raw", "position"),
    [
        (b"", "character 0"),
        (b'{"alerts": [}', "character 12"),
        (b"[]", "character 0"),
        (b"{}", "alerts"),
        (b'{"alerts": "\xff"}', "alerts"),
        (b'{"alerts": "\\u0000"}', "alerts"),
        (b'{"alerts": "a\\\\u0000"}', "alerts"),
        (b'{"alerts": "\x00"}', "alerts"),
        (b'{"alerts": "\\ud800"}', "alerts"),
        (b'{"alerts": "\\udc00 "}', "alerts"),
        (b'{"alerts": "\\ud800\\ud800"}', "alerts"),
        (b'{"note": "NaN", "alerts": NaN}', "alerts"),
        (b'{"alerts": -Infinity}', "alerts"),
        (b'{"alerts": 1e999}', "alerts"),
        (b'{"alerts": ' + b"9" * 30 + b"}", "alerts"),
        (b'{"alerts": ' + b"9" * 9_000 + b"}", "alerts"),
        (b"[" * 10_000, "character 0"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "alerts"),
        (b"[" * 40 + b"]" * 40, "character 0"),
        (b"{" + b",".join(b'"f%d":1' % n for n in range(2_000)) + b"}", "alerts"),
        (b'{"version": "3", "alerts": []}', "version"),
        (body(startsAt="yesterday"), "alerts[0].startsAt"),
        (body(startsAt=7), "alerts[0].startsAt"),
        (body(startsAt="2026-03-08T02:47:00"), "alerts[0].startsAt"),
        (body(startsAt="0001-01-01T00:00:00+05:00"), "alerts[0].startsAt"),
        (body(labels=[1]), "alerts[0].labels"),
        (body(labels={"a": 1}), "alerts[0].labels.a"),
        (body(status=None), "alerts[0].status"),
        (body(fingerprint=1), "alerts[0].fingerprint"),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read_is_refused_with_the_place_of_its_fault(raw: bytes, position: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse(raw)

    assert refused.value.position == position
    assert refused.value.reason


def test_an_unknown_status_is_set_aside_and_the_others_are_read() -> None:
    told = recorded("firing")
    told["alerts"][0]["status"] = "simmering"
    told["new"] = {"fields": ["are", "ignored"]}

    found = parse(json.dumps(told).encode())

    assert [each.position for each in found.aside] == ["alerts[0].status"]
    assert len(found.alerts) == 1


def test_an_alert_that_cannot_be_read_costs_none_of_its_neighbours() -> None:
    told = recorded("firing")
    told["alerts"][0]["startsAt"] = "soon"

    found = parse(json.dumps(told).encode())

    assert [each.position for each in found.aside] == ["alerts[0].startsAt"]
    assert len(found.alerts) == 1


def test_texts_from_outside_are_cleaned_and_cut_never_refused() -> None:
    hostile = {
        "alertname": "a\u202ecod.exe\nsecond",
        "severity": "PAGE",
        "service": "x" * 500,
        "sev": "SEV-2",
    }

    alert = parse(
        body(labels=hostile, annotations={"summary": "word" * 5_000}, generatorURL="javascript:alert(1)")
    ).alerts[0]

    assert alert.name == "acod.exe second"
    assert alert.critical and alert.presumed == 2
    assert len(alert.service) == 80 and len(alert.summary) == 1_000
    assert alert.generator_url == ""


def test_a_thousand_broken_bodies_are_each_read_or_refused_and_nothing_else() -> None:
    dice = random.Random(20260308)
    good = (RECORDED / "firing.json").read_bytes()
    pieces = [
        b"\x00",
        b"\xff",
        b"\\ud800",
        b"NaN",
        b"1e400",
        b"{",
        b"]",
        b'"',
        b"\\",
        b"\xe2\x80\xae",
        b"null",
        b"-",
        b"[[[[",
    ]
    taken = aside = refused = 0

    for _ in range(1_000):
        raw = bytearray(good)
        for _ in range(dice.randint(1, 6)):
            place, kind = dice.randrange(len(raw)), dice.randrange(4)
            if kind == 0:
                raw[place:place] = dice.choice(pieces)
            elif kind == 1:
                del raw[place : place + dice.randint(1, 40)]
            elif kind == 2:
                raw[place] = dice.randrange(256)
            else:
                raw[place:place] = raw[place : place + dice.randint(1, 200)]
        try:
            found = parse(bytes(raw))
        except Malformed as fault:
            refused += 1
            assert fault.position
        else:
            taken, aside = taken + len(found.alerts), aside + len(found.aside)
            assert all(storable(vars_of(each)) for each in found.alerts)

    assert (taken > 500, aside > 200, refused > 50) == (True, True, True), (taken, aside, refused)


def vars_of(alert: Incoming) -> str:
    """All that would be stored of an alert."""
    return json.dumps(asdict(alert), default=str, ensure_ascii=False)


def storable(text: str) -> bool:
    """Whether PostgreSQL can hold it: UTF-8 without NUL."""
    text.encode()
    return "\\u0000" not in text and "\0" not in text


def test_long_links_are_kept_whole_and_other_kinds_of_links_not_at_all() -> None:
    long = "https://prometheus.example/graph?g0.expr=" + "x" * 3_000

    kept = parse(body(generatorURL=long, annotations={"runbook_url": f"{long}#what-to-do"})).alerts[0]
    odd = parse(body(annotations={"runbook_url": "javascript:alert(1)"})).alerts[0]

    assert (kept.generator_url, kept.runbook_url) == (long, f"{long}#what-to-do")
    assert odd.runbook_url == ""


@pytest.mark.parametrize(
    ("told", "sender"),
    [
        ("http://am-1.example:9093", "http://am-1.example:9093"),
        ("http://am-1.example:9093/", "http://am-1.example:9093"),
        (None, ""),
        (7, ""),
    ],
)
def test_a_notification_says_who_sent_it(told: object, sender: str) -> None:
    raw = recorded("firing")
    raw["externalURL"] = told

    assert {each.sender for each in parse(json.dumps(raw).encode()).alerts} == {sender}


def test_senders_with_long_names_are_told_apart() -> None:
    raw = recorded("firing")
    senders = set()
    for end in "ab":
        raw["externalURL"] = "http://" + "x" * 400 + end
        senders |= {each.sender for each in parse(json.dumps(raw).encode()).alerts}

    assert len(senders) == 2 and all(len(sender) <= 300 for sender in senders)


@pytest.mark.parametrize(
    ("told", "left_out"), [(0, 0), (12, 12), (-1, 0), (True, 0), ("9", 0), (10**17, 1_000_000)]
)
def test_a_notification_says_how_many_alerts_it_leaves_out(told: object, left_out: int) -> None:
    raw = recorded("firing")
    raw["truncatedAlerts"] = told

    assert {each.left_out for each in parse(json.dumps(raw).encode()).alerts} == {left_out}


def test_labels_beyond_the_limit_are_counted() -> None:
    labels = {"alertname": "Many", **{f"l{n}": "v" for n in range(LABELS + 4)}}

    payload = parse(body(labels=labels)).alerts[0].payload

    assert len(payload["labels"]) == LABELS
    assert payload["left_out"] == {"labels": 5}
