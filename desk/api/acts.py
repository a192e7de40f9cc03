"""One operation for each act, made from the registry: `POST /api/v1/incidents/{incident}/<noun>`; and declaring."""

import re
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from ninja import Router

from desk import parsing, visible
from desk.api.auth import WRITE, instant, person
from desk.flows.act import Answer, Flow
from desk.flows.opening import declare as open_incident
from desk.forms.fields import Form
from desk.forms.incident import DeclareForm
from desk.registry import every_act, perform
from incidentdesk.kernel.errors import DeskError
from incidents.models import Incident

_KEY = re.compile(r"[\x21-\x7e]{1,80}")
_HEADER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "Made by the sender, at most 80 visible ASCII characters. The same key is the same act.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 80},
}


class NoKey(DeskError):
    """A write came without an id of its own."""

    status = 400
    code = "no_key"

    def __init__(self) -> None:
        super().__init__(
            "This write has no Idempotency-Key of 1 to 80 visible ASCII characters. Nothing was changed; "
            "send it with one, and use the same one when you try again."
        )


def add_to(router: Router) -> None:
    """Add the operations of every act there is.

    To the router of the reads: where a read and a write share an address, two routers would hide one from the other.
    """
    router.post(
        "/incidents",
        auth=WRITE,
        tags=["acts"],
        operation_id="declare",
        summary="Declare an incident.",
        openapi_extra=_about(DeclareForm),
    )(declare)
    for noun, flow in every_act().items():
        router.post(
            f"/incidents/{{incident}}/{noun}",
            auth=WRITE,
            tags=["acts"],
            operation_id=noun,
            summary=flow.about or noun,
            openapi_extra=_about(flow.form),
        )(_operation(flow))


def declare(request: HttpRequest) -> dict[str, Any]:
    """Open a record and declare it in one act. The same key opens it once."""
    key = _request_id(request)
    form = parsing.from_json(DeclareForm, request.body)
    return _told(open_incident(form, by=person(request), request_id=key, now=instant(request)))


def _operation(flow: Flow) -> Callable[..., dict[str, Any]]:
    def operation(request: HttpRequest, incident: str) -> dict[str, Any]:
        found = visible.for_act(person(request), incident, flow)
        key = _request_id(request)
        form = parsing.from_json(flow.form, request.body)
        return _told(
            perform(flow, found.pk, form, by=person(request), request_id=key, now=instant(request)),
            uid=str(found.uid),
        )

    operation.__doc__ = flow.about
    return operation


def _request_id(request: HttpRequest) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not _KEY.fullmatch(key):
        raise NoKey
    return key


def _told(answer: Answer, *, uid: str = "") -> dict[str, Any]:
    """What a write answers; `incident` is its UUID, `key` what people call it."""
    return {
        "incident": uid or str(Incident.objects.values_list("uid", flat=True).get(key=answer.incident)),
        "key": answer.incident,
        "sentence": answer.sentence,
        "seq": answer.seq,
        "kind": answer.kind,
        "version": answer.version,
        "warnings": answer.warnings,
    }


def _about(form: type[Form]) -> dict[str, Any]:
    """The body and the header for the OpenAPI page; the operation reads them itself, in the order that hides most."""
    schema = form.model_json_schema()
    return {
        "parameters": [_HEADER],
        "requestBody": {
            "required": bool(schema.get("required")),
            "content": {"application/json": {"schema": schema}},
        },
    }
