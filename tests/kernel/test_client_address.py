from typing import Any

import pytest
from django.test import RequestFactory

from incidentdesk.kernel import client_address
from incidentdesk.kernel.client_address import Proxies, trusted

PROXY = "10.0.0.1"


@pytest.fixture(autouse=True)
def nothing_configured(settings: Any) -> None:
    settings.BEHIND_PROXY, settings.TRUSTED_PROXIES, settings.PROXY_ADDRESS_HEADER = False, None, ""


def ask(own: str = PROXY, **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client_address.client_address(RequestFactory(REMOTE_ADDR=own).get("/", headers=named))


@pytest.mark.parametrize(
    ("written", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:51234", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("2001:DB8:0:0::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:51234", "2001:db8::7"),
        ('"[2001:db8::7]:51234"', "2001:db8::7"),
        ("2001:db8:1:2:3:4:5:6:51234", "2001:db8:1:2:3:4:5:6"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ("fe80::7%eth0", "fe80::7"),
        ("[fe80::7%25eth0]:51234", "fe80::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::ffff:192.0.2.7]:51234", "192.0.2.7"),
        ("6.6.6.6, 192.0.2.7", "192.0.2.7"),
        ("6.6.6.6,,192.0.2.7,", "192.0.2.7"),
    ],
)
def test_every_form_of_an_address_that_a_proxy_writes_is_read(
    settings: Any, written: str, client: str
) -> None:
    settings.BEHIND_PROXY = True

    assert ask(X_Forwarded_For=written) == client


@pytest.mark.parametrize(
    ("written", "client"),
    [
        ("for=192.0.2.7", "192.0.2.7"),
        ("for=192.0.2.7;proto=https;by=203.0.113.43", "192.0.2.7"),
        ("proto=https; For = 192.0.2.7", "192.0.2.7"),
        ('for="192.0.2.7:51234"', "192.0.2.7"),
        ('for="[2001:db8::7]"', "2001:db8::7"),
        ('FOR="[2001:db8::7]:_hidden";host="a,b;c"', "2001:db8::7"),
        ('for="\\192.0.2.7"', "192.0.2.7"),
        ("for=2001:db8::7", "2001:db8::7"),
        ("for=6.6.6.6, for=192.0.2.7", "192.0.2.7"),
        ('host="x, for=6.6.6.6", for=192.0.2.7', "192.0.2.7"),
    ],
)
def test_every_form_of_the_standard_header_is_read(settings: Any, written: str, client: str) -> None:
    settings.BEHIND_PROXY = True

    assert ask(Forwarded=written) == client


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Forwarded_For": "unknown"},
        {"X_Forwarded_For": "6.6.6.6, unknown"},
        {"X_Forwarded_For": "6.6.6.6, 192.0.2.999"},
        {"X_Forwarded_For": "[192.0.2.7"},
        {"X_Forwarded_For": "[2001:db8::7]x"},
        {"X_Forwarded_For": "desk.example.org:80"},
        {"X_Forwarded_For": " , "},
        {"X_Forwarded_For": "\ud800"},
        {"X_Forwarded_For": "6.6.6.6," * 3_000},
        {"Forwarded": "for=unknown"},
        {"Forwarded": "for=_hidden"},
        {"Forwarded": 'for="_SEVKISEK"'},
        {"Forwarded": "for=6.6.6.6, proto=https"},
        {"Forwarded": "for=6.6.6.6;for=6.6.6.7"},
        # What a client leaves open must not swallow what the proxy appends to it.
        {"Forwarded": 'for=6.6.6.6;x=", for=192.0.2.7'},
        {"Forwarded": 'for=6.6.6.6;x=", for="[2001:db8::7]"'},
        # The proxy wrote one of the two; a client may have sent the other.
        {"X_Forwarded_For": "192.0.2.7", "Forwarded": "for=6.6.6.6"},
    ],
)
def test_what_cannot_be_read_counts_for_the_connections_own_address(
    settings: Any, headers: dict[str, str]
) -> None:
    settings.BEHIND_PROXY = True

    assert ask(**headers) == PROXY
    assert ask("[::ffff:10.0.0.2]:80", **headers) == "10.0.0.2"


def test_without_a_proxy_nothing_that_is_sent_is_believed() -> None:
    assert ask("192.0.2.7", X_Forwarded_For="6.6.6.6", Forwarded="for=6.6.6.6") == "192.0.2.7"


def test_a_proxy_that_sets_no_such_header_passes_no_forged_one(settings: Any) -> None:
    settings.BEHIND_PROXY, settings.TRUSTED_PROXIES = True, trusted("0")

    assert ask(X_Forwarded_For="6.6.6.6") == PROXY


def test_exactly_the_configured_number_of_hops_is_believed(settings: Any) -> None:
    settings.TRUSTED_PROXIES = trusted("2")

    assert ask(X_Forwarded_For="6.6.6.6, 192.0.2.7, 10.0.0.2") == "192.0.2.7"
    assert ask(X_Forwarded_For="192.0.2.7") == PROXY


def test_the_hops_are_followed_only_through_the_configured_networks(settings: Any) -> None:
    settings.TRUSTED_PROXIES = trusted("10.0.0.0/8, 2001:db8:1::/48 203.0.113.5")

    assert ask(X_Forwarded_For="6.6.6.6, 192.0.2.7, 10.0.0.2") == "192.0.2.7"
    assert ask("2001:db8:1::9", X_Forwarded_For="192.0.2.7, 203.0.113.5") == "192.0.2.7"
    assert ask("192.0.2.66", X_Forwarded_For="6.6.6.6") == "192.0.2.66"
    assert ask(X_Forwarded_For="10.0.0.9, 10.0.0.2") == "10.0.0.9"
    assert ask(X_Forwarded_For="192.0.2.7, unknown, 10.0.0.2") == PROXY


def test_a_configured_header_is_the_only_one_that_is_read(settings: Any) -> None:
    settings.TRUSTED_PROXIES, settings.PROXY_ADDRESS_HEADER = trusted("1"), "X-Real-IP"
    assert ask(X_Real_IP="192.0.2.7", X_Forwarded_For="6.6.6.6", Forwarded="for=6.6.6.6") == "192.0.2.7"

    settings.PROXY_ADDRESS_HEADER = "Forwarded"
    assert ask(X_Forwarded_For="6.6.6.6", Forwarded="for=192.0.2.7") == "192.0.2.7"


def test_a_connection_over_a_unix_socket_comes_from_a_proxy_of_this_machine(settings: Any) -> None:
    settings.TRUSTED_PROXIES = trusted("127.0.0.0/8")

    assert ask("", X_Forwarded_For="192.0.2.7") == "192.0.2.7"
    assert ask("") == ""


@pytest.mark.parametrize(
    "text", ["", "-1", "100", "1.5", "one", "10.0.0.1/8", "10.0.0.0/33", "proxy.example.org"]
)
def test_a_setting_that_names_no_proxies_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        trusted(text)


def test_a_number_and_networks_are_told_apart() -> None:
    assert trusted("2") == Proxies(hops=2)
    assert [str(each) for each in trusted("10.0.0.0/8,::1").networks] == ["10.0.0.0/8", "::1/128"]
