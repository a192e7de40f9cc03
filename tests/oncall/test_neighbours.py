"""One alert that is broken, in whatever way, costs none of its neighbours, and as little of itself as can be."""

import contextlib
import json
import tracemalloc
from typing import Any

import pytest

from oncall.hooks import walk
from oncall.hooks.alertmanager import ALERTS, parse
from oncall.hooks.walk import Malformed

SINCE = "2026-11-28T09:00:00Z"


def one(name: str, **changes: Any) -> dict[str, Any]:
    """An alert as Alertmanager sends it."""
    return {
        "status": "firing", "labels": {"alertname": name, "severity": "critical", "service": "reports"},
        "annotations": {"summary": f"{name} is high"}, "startsAt": SINCE, "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph", "fingerprint": f"fp-{name}", **changes,
    }  # fmt: skip


def between(middle: bytes) -> bytes:
    """A body of three alerts, the one in the middle as given. Its group comes last, as Alertmanager writes it."""
    first, last = json.dumps(one("First")).encode(), json.dumps(one("Last")).encode()
    return b'{"version":"4","alerts":[%b,%b,%b],"groupKey":"g"}' % (first, middle, last)


def odd(old: str, new: bytes) -> bytes:
    """The alert Odd with a piece of its text replaced."""
    return json.dumps(one("Odd", values={"B0": 16648})).encode().replace(old.encode(), new)


@pytest.mark.parametrize(
    ("middle", "summary"),
    [
        (odd("is high", b"is \\u0000high"), "Odd is high"),
        (odd("is high", b"is \x00high"), "Odd is high"),
        (odd("is high", b"is \\ud800high"), "Odd is high"),
        (odd("is high", b"is \\udc00\\ud800high"), "Odd is high"),
        (odd("is high", b"is \xffhigh"), "Odd is \ufffdhigh"),
        (odd("is high", b"is\nhigh"), "Odd is\nhigh"),
        (odd("16648", b"12000000000000000000"), "Odd is high"),
        (odd("16648", b"1e999"), "Odd is high"),
        (odd("16648", b"NaN"), "Odd is high"),
        (odd("16648", b"-Infinity"), "Odd is high"),
        (odd("16648", b"9" * 100_000), "Odd is high"),
        (odd("16648", b"[" * 5_000 + b"]" * 5_000), "Odd is high"),
        (odd("16648", b'{"a":' * 5_000 + b"1" + b"}" * 5_000), "Odd is high"),
        (odd("16648", b'"' + b"x" * 200_000 + b'"'), "Odd is high"),
        (odd('"values"', b'"a\\ud800\\u0000\xff"'), "Odd is high"),
        (odd("is high", b"is high" + b" and higher" * 100_000), None),
        (odd('"severity"', b'"\\u0000severity"'), "Odd is high"),
    ],
)  # fmt: skip
@pytest.mark.ledger("ALR-01")
def test_what_cannot_be_stored_is_dropped_and_the_alert_and_its_neighbours_are_taken_in(
    middle: bytes, summary: str | None
) -> None:
    found = parse(between(middle))

    assert [each.name for each in found.alerts] == ["First", "Odd", "Last"]
    assert found.aside == ()
    assert {each.group_key for each in found.alerts} == {"g"}
    told = found.alerts[1].summary
    assert told == summary if summary is not None else len(told) == 1_000
    assert "\0" not in json.dumps(found.alerts[1].payload, ensure_ascii=False)
    json.dumps(found.alerts[1].payload, ensure_ascii=False).encode()  # no half of a surrogate pair


@pytest.mark.parametrize(
    ("middle", "position"),
    [
        (odd('"firing"', b"null"), "alerts[1].status"),
        (odd('"firing"', b"16648000000000000000000"), "alerts[1].status"),
        (odd(SINCE, b"soon"), "alerts[1].startsAt"),
        (odd(SINCE, b"20\\ud80026"), "alerts[1].startsAt"),
        (odd('"reports"', b"NaN"), "alerts[1].labels.service"),
        (odd('"reports"', b'["' + b"x" * 70_000 + b'"]'), "character"),
        (b"null", "alerts[1]"),
        (b"12000000000000000000000", "alerts[1]"),
        (b'"text"', "alerts[1]"),
        (b'{"status": }', "character"),
        (b"{status: firing}", "character"),
        (b'{"status": "firing" "labels": {}}', "character"),
        (b'{"labels": {"a": [1, 2}}', "character"),
        (b'{"labels": {"a": "\\q"}}', "character"),
        (b'{"labels": {"a": truth}}', "character"),
    ],
)  # fmt: skip
def test_what_cannot_be_acted_on_is_set_aside_alone_with_its_reason_position_and_text(
    middle: bytes, position: str
) -> None:
    found = parse(between(middle))

    assert [each.name for each in found.alerts] == ["First", "Last"]
    (aside,) = found.aside
    assert aside.position.startswith(position)
    assert aside.reason
    assert aside.piece == middle.decode(errors="replace")[: walk.VALUE_LIMIT]


@pytest.mark.parametrize("cut", [1, 30, 120, 250])
def test_of_a_body_that_ends_early_the_alerts_before_the_end_are_taken_in(cut: int) -> None:
    whole = json.dumps({"alerts": [one(f"A{n}") for n in range(5)], "version": "4"}).encode()

    found = parse(whole[: -cut - len(b'], "version": "4"}')])

    assert [each.name for each in found.alerts] == ["A0", "A1", "A2", "A3"]
    assert "ends within a value" in found.aside[-1].reason


def test_an_alert_whose_own_bracket_is_missing_loses_only_what_it_swallows() -> None:
    first, broken = json.dumps(one("First")), json.dumps(one("Broken"))[:-1]

    found = parse(f'{{"alerts": [{first}, {broken}], "version": "4", "groupKey": "g"}}'.encode())

    assert [(each.name, each.group_key) for each in found.alerts] == [("First", "g")]
    assert len(found.aside) == 1


def test_two_hundred_ordinary_alerts_and_a_thousand_are_taken_in_and_of_more_the_first_thousand() -> None:
    def body(count: int) -> bytes:
        return json.dumps(
            {"alerts": [one(f"A{n}", generatorURL="http://p/?" + "x" * 1_400) for n in range(count)]}
        ).encode()

    many = parse(body(1_001))

    assert len(parse(body(200)).alerts) == 200
    assert len(parse(body(1_000)).alerts) == 1_000
    assert (len(many.alerts), many.alerts[-1].name) == (ALERTS, "A999")
    assert [(each.position, "more than 1,000" in each.reason) for each in many.aside] == [
        ("alerts[1000]", True)
    ]


@pytest.mark.parametrize(
    "unit", [b"[]", b"0", b"{}", b'"a"', b'{"a":{}}', b"[[[[]]]]", b'{"labels":{"a":"b","c":"d"},"status":"firing"}']
)  # fmt: skip
def test_no_body_takes_more_than_a_few_times_its_size_of_memory(unit: bytes) -> None:
    size = walk.BODY_LIMIT // 32
    repeated = b",".join([unit] * (size // (len(unit) + 1)))
    bodies = (
        b'{"alerts":[%b]}' % repeated,
        b'{"alerts":[{"values":[%b]}]}' % repeated,
        b'{"a":[%b]}' % repeated,
    )
    tracemalloc.start()
    try:
        for body in bodies:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            with contextlib.suppress(Malformed):
                parse(body)
            assert tracemalloc.get_traced_memory()[1] - before < 5 * size
    finally:
        tracemalloc.stop()


def test_a_body_without_a_fault_reads_the_same_at_once_and_one_by_one() -> None:
    plain = {"version": "4", "groupKey": "g", "externalURL": "http://am", "truncatedAlerts": 3}
    short = json.dumps({**plain, "alerts": [one("A"), one("B", status="resolved", endsAt=SINCE)]})
    padded = json.dumps(
        {
            **plain,
            "note": "x" * walk.VALUE_LIMIT,
            "alerts": [one("A"), one("B", status="resolved", endsAt=SINCE)],
        }
    )

    assert parse(short.encode()) == parse(padded.encode())


@pytest.mark.parametrize("version", ["1", "4", 1, 4])
def test_the_webhook_of_grafana_is_read_as_alertmanager_s(version: object) -> None:
    told = one(
        "Panel over limit",
        silenceURL="https://g.example/s",
        values={"B0": 1.2e19},
        valueString="[ var='B0' ]",
    )
    body = {
        "version": version,
        "groupKey": "g",
        "orgId": 1,
        "state": "alerting",
        "title": "t",
        "alerts": [told],
    }

    found = parse(json.dumps(body).encode())

    assert [(each.name, each.critical, each.firing) for each in found.alerts] == [
        ("Panel over limit", True, True)
    ]


@pytest.mark.parametrize(
    "key", [{}, {"groupKey": ""}, {"groupKey": None}, {"groupKey": 7}, {"groupKey": ["a"]}]
)
def test_a_sender_without_a_group_key_groups_by_service(key: dict[str, Any]) -> None:
    ledger = one("DatabaseDown", labels={"alertname": "DatabaseDown", "service": "ledger"})

    found = parse(json.dumps({**key, "alerts": [one("Slow"), one("Slower"), ledger]}).encode())

    assert [each.group_key for each in found.alerts] == [
        "service:reports",
        "service:reports",
        "service:ledger",
    ]
