"""The three doors to an act: its flow, its page and its API operation, with the same fields through each."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.test import Client

from desk.registry import every_act
from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import DeskError
from incidents.models import Incident
from people import tokens
from people.models import User
from tests.factories import new_id

# One for all: each new one would load the middleware anew. The API sets no cookie, so nothing carries over.
PROGRAM = Client(raise_request_exception=False)
BOTH = ("incidents:read", "incidents:write")


@dataclass(frozen=True)
class Came:
    """What came of an act: 200 or the status of its refusal, the ids of the gates, and the sentence."""

    status: int
    gates: tuple[str, ...] = ()
    sentence: str = ""


def token(user: User, *scopes: str, lasts: timedelta | None = None, now: datetime | None = None) -> str:
    """The text of a fresh token; both incident scopes unless others are named."""
    now = now or clock.now()
    text, _ = tokens.make(
        user, name="test", scopes=scopes or BOTH, now=now, expires_at=now + lasts if lasts else None
    )
    return text


def asks(text: str, path: str, **query: Any) -> HttpResponse:
    """A read through the API."""
    return PROGRAM.get(f"/api/v1{path}", query, headers={"Authorization": f"Bearer {text}"})  # type: ignore[return-value]


def sends(text: str, path: str, body: Any, *, key: str | None = None) -> HttpResponse:
    """A write through the API; `body` may be raw bytes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return PROGRAM.post(  # type: ignore[return-value]
        f"/api/v1{path}",
        raw,
        content_type="application/json",
        headers={"Authorization": f"Bearer {text}", "Idempotency-Key": new_id() if key is None else key},
    )


def signed_in(user: User, **options: Any) -> Client:
    """A browser in which the person is signed in."""
    browser = Client(**options)
    browser.force_login(user)
    return browser


def fields(body: dict[str, Any]) -> dict[str, Any]:
    """A JSON body as a page's form would send it."""
    posted: dict[str, Any] = {}
    for name, value in body.items():
        if isinstance(value, dict):
            posted |= {f"{name}.{key}": each for key, each in value.items()}
        elif value is True:
            posted[name] = "on"
        elif value not in (False, None):
            posted[name] = value
    return posted


def by_flow(
    incident: Incident, noun: str, body: dict[str, Any], by: User, *, now: datetime | None = None
) -> Came:
    """Through the flow itself."""
    flow = every_act()[noun]
    try:
        flow(incident.pk, flow.form(**body), by=by, request_id=new_id(), now=now or clock.now())
    except DeskError as error:
        return Came(error.status, tuple(block.id for block in error.blocks), error.sentence)
    return Came(200)


def by_page(incident: Incident, noun: str, body: dict[str, Any], browser: Client) -> Came:
    """Through the page's form, as its script sends it."""
    response = browser.post(
        f"/incidents/{incident.key}/{noun}/",
        {**fields(body), "request_id": new_id()},
        headers={"HX-Request": "true"},
    )
    told = response.context["answer"] if response.context and "answer" in response.context else None
    gates = tuple(block.id for block in told.blocks) if told else ()
    return Came(response.status_code, gates, told.headline if told else "")


def by_api(incident: Incident, noun: str, body: dict[str, Any], text: str) -> Came:
    """Through the API."""
    response = sends(text, f"/incidents/{incident.uid}/{noun}", body)
    error = json.loads(response.content).get("error", {})
    return Came(
        response.status_code, tuple(b["id"] for b in error.get("blocks", ())), error.get("sentence", "")
    )
