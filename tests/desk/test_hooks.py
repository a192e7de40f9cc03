"""The door for Alertmanager: 202 after the commit, or a refusal that names the place; never a 5xx."""

import json
import random
import time
from collections.abc import Generator
from datetime import datetime
from functools import cache, partial
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from desk import bad_tokens
from incidentdesk.kernel import clock
from oncall import quarantine, senders
from oncall.hooks.walk import BODY_LIMIT
from oncall.models import Alert, Quarantine
from oncall.quarantine import Fault
from people import accounts
from people.models import ApiToken, User
from tests.alertmanager import RECORDED
from tests.factories import T0, minutes
from tests.oncall.makers import alert, body, make_source
from tests.people.factories import make_user
from tests.people.timing import widest_gap

pytestmark = pytest.mark.django_db
URL = "/hooks/alertmanager/"


@pytest.fixture(autouse=True)
def _nobody_was_slowed() -> Generator[None, None, None]:
    caches["redis"].clear()
    yield
    bad_tokens._redis_rests_until = 0.0


def post(token: str, raw: bytes, **extra: Any) -> HttpResponse:
    answer: Any = _door().post(
        URL, raw, content_type="application/json", headers={"Authorization": f"Bearer {token}"}, **extra
    )
    return answer


@cache
def _door() -> Client:
    """One client for all: making its handler costs more than a request."""
    return Client(raise_request_exception=False)


def live(*scopes: str) -> str:
    return make_source(clock.now(), *scopes)


@pytest.mark.ledger("ALR-01")
def test_what_a_real_alertmanager_sends_is_taken_in() -> None:
    token = live()

    fired = post(token, (RECORDED / "firing.json").read_bytes())
    ended = post(token, (RECORDED / "resolved.json").read_bytes())

    assert (fired.status_code, json.loads(fired.content)) == (202, {"alerts": 2, "new": 2, "quarantined": 0})
    assert (ended.status_code, json.loads(ended.content)) == (202, {"alerts": 2, "new": 0, "quarantined": 0})
    assert set(Alert.objects.values_list("state", flat=True)) == {"resolved"}


def test_the_use_of_a_token_is_noted() -> None:
    post(live(), body(alert(since=T0)))

    assert ApiToken.objects.get().last_used_at is not None


def test_unknown_revoked_expired_and_other_tokens_get_one_answer() -> None:
    now = clock.now()
    revoked = live()
    ApiToken.objects.update(revoked_at=now)
    gone = make_user("Gone", roles=["engineer"])
    of_gone = make_source(now, user=gone)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    wrong = [
        "idesk_000000_unknown",
        revoked,
        of_gone,
        make_source(now, lasts_until=now + minutes(0.0001)),
        live("incidents:read"),
        "",
    ]

    answers = [post(token, body(alert(since=T0))) for token in wrong]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert (
        len({tuple(sorted((k, v) for k, v in a.items() if k != "Content-Security-Policy")) for a in answers})
        == 1
    )
    assert not Alert.objects.exists() and not Quarantine.objects.exists()


def test_the_time_of_a_refusal_tells_no_token_from_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bad_tokens, "too_many", lambda request: False)
    now = clock.now()
    dead = live()
    ApiToken.objects.update(revoked_at=now)
    raw = body(alert(since=T0))
    tokens = {
        "revoked": dead,
        "unknown": dead[:-4] + "0000",
        "expired": make_source(now, lasts_until=now + minutes(0.0001)),
    }
    ways = {name: partial(post, token, raw) for name, token in tokens.items()}

    assert widest_gap(ways, samples=150, rounds=8, within=0.10) < 0.10


def test_an_address_that_keeps_coming_with_bad_tokens_is_slowed_but_never_a_valid_source() -> None:
    token = live()
    raw = body(alert(since=T0))

    answers = [post("idesk_bad", raw) for _ in range(bad_tokens.LIMIT + 1)]

    assert [answer.status_code for answer in answers] == [401] * bad_tokens.LIMIT + [429]
    assert answers[-1]["Retry-After"] == "60"
    assert post(token, raw).status_code == 202


def test_without_redis_nobody_is_slowed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def add(self, *given: object) -> None:
            raise ConnectionError

    monkeypatch.setattr(bad_tokens, "caches", {"redis": Away()})

    answers = [post("idesk_bad", body(alert(since=T0))) for _ in range(bad_tokens.LIMIT + 5)]

    assert {answer.status_code for answer in answers} == {401}


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b'{"alerts": [' + b" " * BODY_LIMIT + b"]}", 413),
        (b"{" + b",".join(b'"f%d":1' % n for n in range(400_000)) + b"}", 413),
        (b"[" * 10_000, 400),
        (b"\x1f\x8b\x08\x00" + bytes(500), 400),
        (b'{"alerts": ["\\ud800"]}', 400),
        (b'{"alerts": [NaN]}', 400),
        (b"", 400),
    ],
)
def test_bodies_that_would_hurt_are_refused_quickly_and_kept_for_people(raw: bytes, status: int) -> None:
    token = live()
    post(token, body())

    begun = time.perf_counter()
    answer = post(token, raw)
    taken = time.perf_counter() - begun

    assert answer.status_code == status
    assert json.loads(answer.content)["position"]
    assert taken < 0.2
    kept = Quarantine.objects.get()
    assert (bytes(kept.body), kept.count) == (raw[: quarantine.BODY_KEPT], 1)


def test_a_body_without_a_length_is_read_to_its_end_and_no_further_than_the_cap() -> None:
    from io import BytesIO

    token = live()
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}

    taken = post(token, b"", **chunked, **{"wsgi.input": BytesIO(body(alert(since=T0)))})
    stream = BytesIO(b" " * (BODY_LIMIT + 2_000_000))
    refused = post(token, b"", **chunked, **{"wsgi.input": stream})

    assert (taken.status_code, refused.status_code) == (202, 413)
    assert stream.tell() <= BODY_LIMIT + 1


def test_hostile_bodies_never_break_the_door() -> None:
    token, dice = live(), random.Random(28)
    good = (RECORDED / "firing.json").read_bytes()
    seen = set()

    for _ in range(300):
        raw = bytearray(good)
        for _ in range(dice.randint(1, 5)):
            raw[dice.randrange(len(raw))] = dice.randrange(256)
        seen.add(post(token, bytes(raw)).status_code)

    assert seen <= {202, 400}


def test_what_postgresql_cannot_hold_is_dropped_from_a_text_and_the_alert_pages() -> None:
    told = alert(since=T0)
    told["annotations"]["summary"] = "a\x00b\ud800c"

    assert post(live(), body(told)).status_code == 202
    assert Alert.objects.get().summary == "abc"


def test_an_unknown_status_is_set_aside_beside_its_neighbours() -> None:
    odd = {**alert("Odd", since=T0), "status": "simmering"}

    answer = post(live(), body(odd, alert(since=T0)))

    assert (answer.status_code, json.loads(answer.content)) == (
        202,
        {"alerts": 1, "new": 1, "quarantined": 1},
    )
    assert Quarantine.objects.get().position == "alerts[0].status"


def test_what_was_set_aside_is_forgotten_after_a_week() -> None:
    keep(Fault("odd", "alerts[0]", b"{}"), now=T0)

    assert quarantine.prune(now=T0 + minutes(7 * 24 * 60)) == 0
    assert quarantine.prune(now=T0 + minutes(7 * 24 * 60 + 1)) == 1


def keep(*faults: Fault, token: str = "", now: datetime) -> None:
    """Set these aside for a token, a fresh one where none is given."""
    sender = senders.find(token or live())
    assert sender is not None
    quarantine.keep(sender, faults, now=now)


def test_the_same_piece_with_the_same_fault_is_one_entry_with_a_count() -> None:
    token = live()

    for minute in range(3):
        keep(
            Fault("odd", "alerts[0]", b"{}"),
            Fault("odd", "alerts[0]", b"[]"),
            token=token,
            now=T0 + minutes(minute),
        )

    assert sorted((each.count, bytes(each.body)) for each in Quarantine.objects.all()) == [
        (3, b"[]"),
        (3, b"{}"),
    ]
    assert {each.received_at for each in Quarantine.objects.all()} == {T0 + minutes(2)}


def test_a_token_that_sends_nothing_but_rubbish_fills_a_bounded_room_and_hides_nobody_else_s() -> None:
    flood, other = live(), live()
    keep(Fault("other", "alerts[0]", b"{}"), token=other, now=T0)
    room = quarantine.BYTES_OF_A_TOKEN // quarantine.BODY_KEPT

    for n in range(room + 3):
        keep(Fault("odd", str(n), b"x" * 300_000), token=flood, now=T0 + minutes(n))
    keep(*(Fault("odd", f"small {n}") for n in range(1_200)), token=flood, now=T0 + minutes(100))

    entries = Quarantine.objects.exclude(reason="other")
    assert entries.count() <= quarantine.ENTRIES_OF_A_TOKEN
    assert sum(len(each.body) for each in entries) <= quarantine.BYTES_OF_A_TOKEN
    assert entries.filter(position="0").count() == 0
    assert entries.filter(position="small 999").exists()
    assert Quarantine.objects.filter(reason="other").count() == 1


class Untouched:
    """A body that nobody may ask for."""

    def read(self, *given: object) -> bytes:
        raise AssertionError("The body was read before the token was known.")

    readline = read


@pytest.mark.parametrize("length", ["", "34000"])
def test_not_a_byte_of_a_body_is_read_for_a_token_that_opens_nothing(length: str) -> None:
    told = {"CONTENT_LENGTH": length, "HTTP_TRANSFER_ENCODING": "" if length else "chunked"}

    answers = [
        post(token, b"", **told, **{"wsgi.input": Untouched()})
        for token in ("", "idesk_bad", live("incidents:read"))
    ]

    assert {answer.status_code for answer in answers} == {401}


def test_a_token_revoked_a_moment_ago_stores_nothing() -> None:
    token, raw = live(), body(alert(since=T0))
    post(token, raw)
    ApiToken.objects.update(revoked_at=clock.now())

    answers = [post(token, each) for each in (body(alert("Other", since=T0)), b"[", raw)]

    assert {answer.status_code for answer in answers} == {401}
    assert Alert.objects.count() == 1 and not Quarantine.objects.exists()


def test_a_source_that_comes_again_at_once_costs_one_statement() -> None:
    token = live()
    post(token, body(alert(since=T0)))

    with CaptureQueriesContext(connection) as queries:
        assert post(token, body(alert("Other", since=T0))).status_code == 202

    assert len(queries) == 1


def test_two_hundred_ordinary_alerts_are_taken_in() -> None:
    many = [
        {**alert(f"VolumeFull{n}", since=T0), "generatorURL": "https://prometheus.example/?" + "x" * 1_500}
        for n in range(200)
    ]

    answer = post(live(), body(*many))

    assert (answer.status_code, json.loads(answer.content)["new"]) == (202, 200)


def test_only_posts_are_taken() -> None:
    assert Client().get(URL).status_code == 405


@pytest.mark.parametrize("role", ["executive", "customer_support", "client_contact", "spectator"])
def test_a_token_of_somebody_who_lost_the_roles_for_it_opens_no_incident(role: str) -> None:
    """Asked again at each use, in the statement that stores; the answer is that to an unknown token."""
    user = make_user("Ada", roles=["admin"])
    token = make_source(clock.now(), user=user)
    assert post(token, body(alert("A", since=T0))).status_code == 202

    accounts.set_roles(user, [role])
    demoted = post(token, body(alert("B", since=T0)))
    unknown = post("idesk_no_such_token", body(alert("B", since=T0)))
    accounts.set_roles(user, ["engineer"])
    again = post(token, body(alert("C", since=T0)))

    assert (demoted.status_code, demoted.content) == (401, unknown.content)
    assert again.status_code == 202
    assert list(Alert.objects.order_by("name").values_list("name", flat=True)) == ["A", "C"]


@pytest.mark.parametrize("path", ["/hooks/alertmanager", "/hooks/alertmanager/"])
def test_a_missing_slash_at_the_hook_loses_no_alert(path: str) -> None:
    raw = body(alert(since=T0))

    answer: Any = _door().post(
        path, raw, content_type="application/json", headers={"Authorization": f"Bearer {live()}"}
    )

    assert (answer.status_code, Alert.objects.count()) == (202, 1)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/ops/pulse"])
def test_every_endpoint_for_programs_answers_the_same_with_and_without_its_last_slash(path: str) -> None:
    plain, slash = _door().get(path), _door().get(f"{path}/")

    assert (plain.status_code, plain.content) == (slash.status_code, slash.content)
