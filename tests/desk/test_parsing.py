"""Forms of pages and bodies of programs become the same forms; what does not fit is named in a sentence."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from hypothesis import given, settings
from hypothesis import strategies as st

from desk import parsing
from desk.forms.changes import ApproveForm
from desk.forms.impact import ImpactForm, ImpactStartForm
from desk.forms.incident import DeclareForm, ResolveForm, SeverityForm
from desk.forms.log import EntryForm
from incidentdesk.kernel import strict_json
from incidentdesk.kernel.errors import DeskError, Invalid
from incidentdesk.kernel.strict_json import TooLarge, Unreadable

BERLIN = ZoneInfo("Europe/Berlin")


def post(text: str) -> QueryDict:
    return QueryDict(text)


def test_a_page_s_fields_fill_lists_mappings_ticks_and_times() -> None:
    resolve = parsing.from_post(
        ResolveForm,
        post("proof=p99+120+ms&review_at=2026-07-01T10:00&items.told=ticked&items.db=pending"),
        zone=BERLIN,
    )
    declare = parsing.from_post(
        DeclareForm,
        post("severity=1&symptom=down&services=ledger&services=checkout&internal=on&clients="),
        zone=BERLIN,
    )

    assert resolve.review_at == datetime(2026, 7, 1, 8, 0, tzinfo=UTC)
    assert resolve.items == {"told": "ticked", "db": "pending"}
    assert (declare.services, declare.clients, declare.internal, declare.data) == (
        ["ledger", "checkout"],
        [],
        True,
        False,
    )


@pytest.mark.parametrize(
    ("typed", "instant"),
    [
        ("2026-10-25T02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # comes twice: the first
        ("2026-03-29T02:30", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),  # does not exist: the next that does
        ("2026-03-29T03:00", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        ("2026-01-05T02:30:15", datetime(2026, 1, 5, 1, 30, 15, tzinfo=UTC)),
        ("2026-01-05T02:30Z", datetime(2026, 1, 5, 2, 30, tzinfo=UTC)),
    ],
)
def test_a_page_s_time_is_read_in_the_viewer_s_zone(typed: str, instant: datetime) -> None:
    form = parsing.from_post(ImpactStartForm, post(f"happened_at={typed}"), zone=BERLIN)

    assert form.happened_at.astimezone(UTC) == instant


def test_an_empty_time_means_now_and_is_left_to_the_flow() -> None:
    form = parsing.from_post(EntryForm, post("kind=note&text=hello&happened_at="), zone=BERLIN)

    assert form.happened_at is None


def test_every_field_that_does_not_fit_gets_its_own_sentence() -> None:
    with pytest.raises(Invalid) as refused:
        parsing.from_post(SeverityForm, post("severity=9&reason=&seen_version=soon"), zone=BERLIN)

    assert refused.value.fields == {
        "severity": "It must be at most 4.",
        "reason": "Write something here.",
        "seen_version": "This must be a whole number.",
    }


def test_a_text_beyond_its_bound_is_named_beside_its_field() -> None:
    with pytest.raises(Invalid) as refused:
        parsing.validated(EntryForm, {"kind": "finding", "text": "x" * 9_000, "source": "y" * 300})

    assert set(refused.value.fields) == {"text", "source"}


@pytest.mark.parametrize(
    "body",
    [
        {"number": 2**31},
        {"number": "9" * 30},
        {"number": 1, "happened_at": "9999-12-31T23:59:59-12:00"},
        {"number": 1e300},
    ],
)
def test_what_the_database_cannot_hold_is_refused_before_it(body: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        parsing.validated(ApproveForm, body)


def test_a_program_must_name_the_zone_of_a_time() -> None:
    with pytest.raises(Invalid) as refused:
        parsing.from_json(ImpactStartForm, b'{"happened_at": "2026-03-14T02:47:00"}')

    assert "zone" in refused.value.fields["happened_at"]


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b'{"a": "x\\u0000"}', "line 1, column 7"),
        (b'{"a":\n "\\ud800"}', "line 2, column 2"),
        (b'{"a": NaN}', "line 1, column 7"),
        (b'{"a": -Infinity}', "line 1, column 7"),
        (b'{"a": 1e999}', "line 1, column 7"),
        (b'{"a": 99999999999999999999}', "line 1, column 7"),
        (b'{"a": ' + b"9" * 5000 + b"}", "line 1, column 7"),
        (b'{"a": \xff}', "Byte 6"),
        (b'{"a": }', "line 1, column 7"),
        (b"[" * 100_000, "line 1"),
        (b"[" * 33 + b"]" * 33, "line 1, column 33"),
        (b"{" + b",".join(b'"k%d":1' % n for n in range(1_001)) + b"}", "more than 1,000 fields"),
    ],
)
def test_a_body_that_cannot_be_stored_is_refused_with_its_place(raw: bytes, place: str) -> None:
    with pytest.raises(Unreadable) as refused:
        strict_json.loads(raw)

    assert place in refused.value.sentence or (b"[" * 40 in raw and "deep" in refused.value.sentence)


def test_a_body_beyond_the_limit_is_not_parsed() -> None:
    with pytest.raises(TooLarge):
        strict_json.loads(b" " * (256 * 1024 + 1))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:\\u0d8NaInfity-1e9 ', max_size=60).map(str.encode))
def test_no_body_breaks_the_reader(raw: bytes) -> None:
    try:
        parsing.from_json(EntryForm, raw)
    except DeskError as error:
        assert error.status in (400, 413, 422)
        assert error.sentence


def test_minus_zero_is_zero() -> None:
    typed = parsing.from_post(ImpactForm, post("users=-0&percent=-0.0"), zone=BERLIN)
    sent = parsing.from_json(ImpactForm, b'{"users": -0.0, "percent": -0.0}')

    assert [str(each) for form in (typed, sent) for each in (form.users, form.percent)] == ["0.0"] * 4
