"""The desk calls the public internet, and only the address it has checked (S22)."""

import socket
from collections.abc import Callable

import pytest

from comms.channels.guard import Forbidden, Target, Unresolved, check, place, public


def answering(*addresses: str) -> Callable[..., list[tuple[object, ...]]]:
    return lambda host, port, **kwargs: [(None, None, None, "", (address, port)) for address in addresses]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.7", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
        "fd12:3456::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1",
        "fec0::1",
        # IPv4 in IPv6's clothes: compatible, translated (SIIT), mapped, NAT64, 6to4, Teredo, ISATAP
        "::7f00:1", "::10.0.0.1", "::8.8.8.8", "::ffff:0:7f00:1", "::ffff:0:8.8.8.8", "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1", "64:ff9b:1::8.8.8.8", "2002:808:808::1", "2001:0:4136:e378::",
        "2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:127.0.0.1",
        # metadata services of clouds: AWS, GCP, Azure, Alibaba, Oracle, container credentials
        "169.254.169.253", "169.254.170.2", "fd00:ec2::254", "fd20:ce::254", "168.63.129.16", "100.100.100.200",
        "192.0.0.192", "::ffff:168.63.129.16",
        # the rest of IANA's registries, first and last address of each block
        "0.255.255.255", "10.255.255.255", "100.127.255.255", "127.255.255.255", "169.254.255.255", "172.31.255.255",
        "192.0.0.0", "192.0.0.8", "192.0.0.255", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.255.255",
        "192.175.48.1", "198.19.255.255", "198.51.100.255", "203.0.113.255", "239.255.255.255", "240.0.0.1",
        "100::1", "100:0:0:1::1", "2001:1::1", "2001:2::1", "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1",
        "2001:30::1", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2620:4f:8000::1", "3fff::1", "3fff:fff::1", "5f00::1",
        "fe80::", "febf::1", "feff::1", "ff0e::1", "ff02::1:ff00:0", "4000::1", "8000::1", "1fff::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_on_the_public_internet_is_not_called(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize("address", [
        "8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "1.0.0.1", "9.255.255.255", "11.0.0.0",
        "100.63.255.255", "100.128.0.0", "168.63.129.15", "168.63.129.17", "172.15.255.255", "172.32.0.0",
        "192.0.1.0", "192.167.255.255", "198.17.255.255", "198.20.0.0", "223.255.255.255", "64:ff9b::8.8.8.8",
        "2001:200::1", "2001:4860:4860::8888", "2003::1", "2400:cb00::1", "2a00:1450::1", "3ffe:ffff::1",
    ],
)  # fmt: skip
def test_a_public_address_may_be_called(address: str) -> None:
    assert public(address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/x",
        "file:///etc/passwd",
        "gopher://example.com:443/",
        "//example.com/x",
        "https:///x",
        "http://user:secret@example.com/",
        "http://example.com:99999/",
        "http://exam ple.com/",
        "http://example.com/\r\nX-Evil: 1",
    ],
)
def test_an_odd_address_is_refused_before_any_look_up(url: str) -> None:
    with pytest.raises(Forbidden):
        check(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://2130706433/", "http://0x7f.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://localhost/"]
)  # fmt: skip
def test_no_spelling_of_loopback_gets_through(url: str) -> None:
    with pytest.raises((Forbidden, Unresolved)):
        check(url)


def test_a_port_outside_the_three_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering("93.184.216.34"))

    for port in (22, 25, 6379, 8080):
        with pytest.raises(Forbidden, match=str(port)):
            check(f"http://hooks.example:{port}/")
    assert check("https://hooks.example:8443/x").port == 8443


def test_one_inside_address_among_many_spoils_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering("93.184.216.34", "10.0.0.5"))

    with pytest.raises(Forbidden, match=r"10\.0\.0\.5"):
        check("https://hooks.example/")


def test_the_checked_address_is_the_one_to_dial_while_the_name_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering("93.184.216.34", "93.184.216.34"))

    target = check("https://hooks.example/in?a=1")

    assert target == Target("https", "hooks.example", 443, "/in?a=1", ("93.184.216.34",))
    assert target.netloc == "hooks.example"


def test_only_the_listed_host_and_port_are_exempt() -> None:
    assert check("http://127.0.0.1:9999/x", allowed={"127.0.0.1:9999"}).addresses == ("127.0.0.1",)

    with pytest.raises(Forbidden):
        check("http://127.0.0.1:9998/x", allowed={"127.0.0.1:9999"})


def test_a_name_without_an_address_is_worth_another_try(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object, **kwargs: object) -> None:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", fails)

    with pytest.raises(Unresolved):
        check("https://nowhere.example/")


def test_the_default_port_comes_from_the_scheme() -> None:
    assert place("https://a.example/x")[2] == 443
    assert place("http://a.example")[2:] == (80, "/")


def test_a_host_with_an_international_name_is_called_by_its_ascii_form(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def look_up(host: str, port: int, **kwargs: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return answering("93.184.216.34")(host, port)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    target = check("https://Stra\u00dfe.example/eing\u00e4nge?wo=\u00fcber%20all")

    assert asked == ["xn--strae-oqa.example"]
    assert target.host == "xn--strae-oqa.example"
    assert target.path == "/eing%C3%A4nge?wo=%C3%BCber%20all"


@pytest.mark.parametrize(
    "host", ["-x.example", "a..example", "x" * 64 + ".example", "\u2603\u200d.example", "\u202eb.example"]
)
def test_a_host_that_cannot_be_is_refused_and_not_tried_for_a_day(host: str) -> None:
    with pytest.raises(Forbidden):
        place(f"https://{host}/")
