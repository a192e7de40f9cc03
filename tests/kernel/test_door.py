import asyncio
import select
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from incidentdesk.kernel.client_address import Proxies
from incidentdesk.kernel.door import bodies, capacity, connections, lanes
from incidentdesk.kernel.door.connections import Doorkeeper, Held, leaving
from incidentdesk.kernel.door.door import Door
from incidentdesk.kernel.door.environ import environ

Pairs = list[tuple[str, str]]
NONE = Proxies()


class Headers:
    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs

    def items(self) -> Pairs:
        return self.pairs


@dataclass
class Scope:
    """A request's head as granian hands it over."""

    method: str = "GET"
    path: str = "/"
    query_string: str = ""
    client: str = "192.0.2.7:51234"
    server: str = "127.0.0.1:8000"
    scheme: str = "http"
    http_version: str = "1.1"
    authority: str | None = None
    pairs: Pairs = field(default_factory=list)

    @property
    def headers(self) -> Headers:
        return Headers(self.pairs)


class Proto:
    """A connection that brings these pieces, and then nothing more where it is slow."""

    def __init__(self, *pieces: bytes, slow: bool = False, breaks: bool = False) -> None:
        self.pieces, self.slow, self.breaks = list(pieces), slow, breaks
        self.status, self.text = 0, b""
        self.sent: Pairs = []

    async def __call__(self) -> bytes:
        return b"".join([piece async for piece in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if self.breaks:
            raise RuntimeError("broke off")
        if self.slow:
            await asyncio.Event().wait()

    def response_bytes(self, status: int, headers: Pairs, body: bytes) -> None:
        self.status, self.sent, self.text = status, headers, body

    def response_str(self, status: int, headers: Pairs, body: str) -> None:
        self.response_bytes(status, headers, body.encode())


def echo(request: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    start("200 OK", [("x-path", request["PATH_INFO"])])
    return [request["wsgi.input"].read()]


def ask(*asked: tuple[Scope, Proto], application: Any = echo, threads: int = 1) -> None:
    """Ask all of them at once and wait for every answer."""

    async def run() -> None:
        door = Door(application, threads=threads)
        door.__rsgi_init__(asyncio.get_running_loop())
        await asyncio.gather(*(door.__rsgi__(scope, proto) for scope, proto in asked))  # type: ignore[arg-type]

    asyncio.run(run())


def post(size: int | None, path: str = "/declare/") -> Scope:
    head = [("transfer-encoding", "chunked")] if size is None else [("content-length", str(size))]
    return Scope(method="POST", path=path, pairs=head)


# ── The request ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_request_is_read_as_wsgi_says() -> None:
    made = environ(
        Scope(
            path="/incidents/caf\u00e9/", query_string="after=3", client="[2001:db8::7]:51234",
            pairs=[("host", "desk.example.org"), ("content-type", "text/plain"), ("cookie", "a=1"), ("cookie", "b=2"),
                   ("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "192.0.2.2")],
        )
    )  # type: ignore[arg-type]  # fmt: skip

    assert made["PATH_INFO"].encode("latin-1").decode() == "/incidents/caf\u00e9/"
    assert (made["QUERY_STRING"], made["REMOTE_ADDR"]) == ("after=3", "2001:db8::7")
    assert (made["HTTP_HOST"], made["CONTENT_TYPE"]) == ("desk.example.org", "text/plain")
    assert made["HTTP_COOKIE"] == "a=1;b=2"
    assert made["HTTP_X_FORWARDED_FOR"] == "192.0.2.1,192.0.2.2"


def test_a_name_with_an_underscore_never_stands_for_the_one_with_a_hyphen() -> None:
    made = environ(Scope(pairs=[("x-forwarded-for", "192.0.2.7"), ("x_forwarded_for", "6.6.6.6"), ("x_forwarded_proto", "https")]))  # type: ignore[arg-type]  # fmt: skip

    assert made["HTTP_X_FORWARDED_FOR"] == "192.0.2.7"
    assert "HTTP_X_FORWARDED_PROTO" not in made


# ── Bodies ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [11, None])
def test_a_body_reaches_the_application_whole(size: int | None) -> None:
    proto = Proto(b"hello ", b"world")

    ask((post(size), proto))

    assert (proto.status, proto.text) == (200, b"hello world")


def test_a_chunked_body_has_its_length_once_it_is_there() -> None:
    def length(request: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [])
        return [request["CONTENT_LENGTH"].encode()]

    ask((post(None), proto := Proto(b"hello ", b"world")), application=length)

    assert proto.text == b"11"


@pytest.mark.parametrize("length", ["5,5", "-1", "+5", "five"])
def test_a_length_that_cannot_be_read_is_refused(length: str) -> None:
    proto = Proto(b"hello")

    ask((Scope(method="POST", pairs=[("content-length", length)]), proto))

    assert proto.status == 400


@pytest.mark.parametrize("size", [1_000, None])
def test_an_unfinished_body_is_refused_at_its_deadline_and_holds_no_thread(
    monkeypatch: pytest.MonkeyPatch, size: int | None
) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 0.2)
    order: list[str] = []

    def note(request: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        order.append(request["PATH_INFO"])
        return echo(request, start)

    slow = [(post(size), Proto(b"half", slow=True)) for _ in range(8)]
    ask(*slow, (Scope(path="/incidents/"), page := Proto()), application=note)

    assert page.status == 200
    assert {proto.status for _, proto in slow} == {408}
    assert order == ["/incidents/"]  # nothing of a body that came in part is ever worked on


def test_a_body_that_breaks_off_is_never_taken_for_a_whole_one() -> None:
    proto = Proto(b"half", breaks=True)

    ask((post(100), proto))

    assert proto.status == 400


def test_a_whole_request_finds_room_beside_any_number_of_unfinished_ones_of_its_own_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bodies, "SECONDS", 0.3)
    slow = [(post(10), Proto(b"half", slow=True)) for _ in range(3 * bodies.OF_ONE)]

    ask(*slow, (post(2), proto := Proto(b"ok")))

    assert (proto.status, proto.text) == (200, b"ok")
    assert {each.status for _, each in slow} == {408}


def test_the_oldest_unfinished_bodies_go_when_all_together_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bodies, "HELD", 1_000)
    ended: list[str] = []

    class Named(Proto):
        def response_bytes(self, status: int, headers: Pairs, body: bytes) -> None:
            ended.append(f"{self.pieces[0].decode()} {status}")

    async def run() -> None:
        door = Door(echo, threads=1)
        door.__rsgi_init__(asyncio.get_running_loop())
        first, second = (
            asyncio.create_task(door.__rsgi__(post(400), Named(name, slow=True)))  # type: ignore[arg-type]
            for name in (b"first", b"second")
        )
        await asyncio.sleep(0)
        small = post(300)
        small.client = "198.51.100.9:4000"
        await door.__rsgi__(small, Named(b"small"))  # type: ignore[arg-type]
        await first
        second.cancel()

    asyncio.run(run())

    assert sorted(ended) == ["first 408", "small 200"]


def test_of_one_client_s_unfinished_bodies_the_oldest_goes_and_no_other() -> None:
    async def run() -> list[bool]:
        held = bodies.Bodies()
        tasks = [
            asyncio.create_task(
                held.read(Proto(b"half", slow=True), 10, client="192.0.2.7", may_be_long=False)  # type: ignore[arg-type]
            )
            for _ in range(bodies.OF_ONE + 1)
        ]
        with pytest.raises(bodies.Refused):
            await asyncio.wait_for(tasks[0], bodies.SECONDS / 4)
        done = [task.done() for task in tasks[1:]]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return done

    assert asyncio.run(run()) == [False] * bodies.OF_ONE


@pytest.mark.parametrize("size", [bodies.WHOLE + 1, None])
def test_a_long_body_is_refused_unless_a_machine_may_send_it(size: int | None) -> None:
    pieces = [b"x" * bodies.WHOLE, b"y"]

    ask((post(size), form := Proto(*pieces)), (post(size, "/hooks/alertmanager/"), hook := Proto(*pieces)))

    assert form.status == 413
    assert hook.status == 200
    assert len(hook.text) == bodies.WHOLE + 1


def test_the_rest_of_a_long_body_has_a_deadline_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LONG_SECONDS", 0.1)
    hook = Proto(b"x" * (bodies.WHOLE + 1), slow=True)

    ask((post(None, "/hooks/alertmanager/"), hook))

    assert hook.status == 500


# ── Lanes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_people_who_wait_hold_up_neither_alerts_nor_the_probe() -> None:
    from threading import Event

    answered = Event()

    def stuck(request: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if request["PATH_INFO"] == "/incidents/":
            assert answered.wait(10)
        if request["PATH_INFO"] == "/hooks/alertmanager/":
            answered.set()
        return echo(request, start)

    people = [(Scope(path="/incidents/"), Proto()) for _ in range(5)]
    ask(*people, (Scope(path="/healthz"), probe := Proto()), (Scope(path="/hooks/alertmanager/"), hook := Proto()),
        application=stuck)  # fmt: skip

    assert (probe.status, hook.status) == (200, 200)
    assert {proto.status for _, proto in people} == {200}


def test_a_lane_that_is_too_long_says_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "MOST_WAITING", 0)
    proto = Proto()

    ask((Scope(), proto))

    assert proto.status == 503
    assert ("retry-after", "2") in proto.sent


def test_an_application_that_breaks_costs_no_thread() -> None:
    def broken(request: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        raise RuntimeError("a bug")

    found = [(Scope(), Proto()) for _ in range(3)]
    ask(*found, application=broken)

    assert [proto.status for _, proto in found] == [500] * 3


def test_the_probe_of_the_process_is_nobodys() -> None:
    def who(request: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start("200 OK", [])
        return [request.get("HTTP_COOKIE", "nobody").encode()]

    ask((Scope(path="/healthz", pairs=[("cookie", "desk-session=abc")]), proto := Proto()), application=who)

    assert proto.text == b"nobody"


@pytest.mark.parametrize(
    ("limits", "workers", "each", "raised"),
    [
        ((1_024, 1_048_576), 2, 4_096, 4_352),
        ((1_024, 1_048_576), 1, 8_192, 8_448),
        ((1_024, 2_000), 2, 1_744, 2_000),
        ((20_000, 20_000), 2, 4_096, None),
    ],
)
def test_places_follow_from_what_a_process_may_open(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], workers: int, each: int, raised: int | None
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(capacity.resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(capacity.resource, "setrlimit", lambda _, wanted: asked.append(wanted))

    assert capacity.each(capacity.WANTED, workers) == each
    assert asked == ([] if raised is None else [(raised, limits[1])])


# ── Connections ──────────────────────────────────────────────────────────────────────────────────────────────────


def held(address: str, *unserved: int) -> list[Held]:
    return [Held(number, address, each) for number, each in enumerate(unserved)]


def going(found: list[Held], *, capacity: int, proxies: Proxies = NONE) -> list[tuple[str, int]]:
    return [(each.address, each.unserved) for each in leaving(found, capacity=capacity, proxies=proxies)]


def test_one_address_holds_half_and_loses_the_longest_idle_beyond_it() -> None:
    found = held("192.0.2.7", 5_000, 9_000, 2_000, 7_000, 6_000, 3_000) + held("192.0.2.8", 9_500)

    assert going(found, capacity=8) == [("192.0.2.7", 9_000), ("192.0.2.7", 7_000)]


def test_what_was_served_a_moment_ago_stays() -> None:
    assert going(held("192.0.2.7", *range(8)), capacity=8) == []


def test_a_proxy_may_hold_as_many_as_come_through_it() -> None:
    found = held("10.0.0.1", *[5_000] * 6)

    assert going(found, capacity=8, proxies=Proxies(hops=1)) == []


def test_a_full_house_takes_from_those_who_hold_most() -> None:
    found = held("192.0.2.7", *[5_000] * 4) + held("192.0.2.8", *[6_000] * 3) + held("192.0.2.9", 9_000)

    assert going(found, capacity=8) == [("192.0.2.7", 5_000)] * 2 + [("192.0.2.8", 6_000)]
    assert going(held("192.0.2.7", 5_000), capacity=8) == []


def test_an_address_beyond_its_half_really_loses_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SERVED_LATELY", -1)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        clients = [socket.create_connection(server.getsockname()) for _ in range(6)]
        accepted = [server.accept()[0] for _ in clients]

        closed = Doorkeeper(capacity=8).look()

        assert closed == 2
        assert len(select.select(clients, [], [], 0)[0]) == 2  # an end is something to read
        for each in (*clients, *accepted):
            each.close()
