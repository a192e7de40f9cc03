"""The content policy: what a browser may load and run (S28, S29, S30)."""

import re

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from incidentdesk.kernel.middleware.policy import ContentPolicy


def _answer(path: str = "/", **headers: str) -> tuple[HttpRequest, HttpResponse]:
    request = RequestFactory().get(path)
    response = ContentPolicy(lambda _: HttpResponse("<p>page</p>", headers=headers))(request)
    assert isinstance(response, HttpResponse)
    return request, response


def test_only_scripts_with_this_requests_nonce_may_run() -> None:
    request, response = _answer()

    policy = response["Content-Security-Policy"]

    assert f"script-src 'nonce-{request.csp_nonce}';" in policy  # type: ignore[attr-defined]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy


def test_two_requests_never_share_a_nonce() -> None:
    nonces = {re.findall(r"nonce-([^']+)", _answer()[1]["Content-Security-Policy"])[0] for _ in range(50)}

    assert len(nonces) == 50
    assert all(len(nonce) >= 22 for nonce in nonces)


def test_nothing_may_be_loaded_from_another_host() -> None:
    policy = _answer()[1]["Content-Security-Policy"]

    for directive in policy.split(";"):
        name, *sources = directive.split()
        allowed = {"'none'", "'self'", "data:"} if name == "img-src" else {"'none'", "'self'"}
        assert all(source in allowed or source.startswith("'nonce-") for source in sources), directive


def test_the_admin_runs_scripts_of_our_own_host_and_no_inline_ones() -> None:
    policy = _answer("/administration/login/")[1]["Content-Security-Policy"]

    assert "script-src 'self';" in policy


@pytest.mark.parametrize("given", ["", "public, max-age=60"])
def test_an_answer_that_says_nothing_of_caching_is_never_stored(given: str) -> None:
    headers = {"Cache-Control": given} if given else {}

    response = _answer("/incidents/INC-2026-0001/", **headers)[1]

    assert response["Cache-Control"] == (given or "private, no-store")
