"""A walk over every act: none is without a page, an API operation, a right, a form, a kind of entry, or idempotence."""

import inspect
import json
import pkgutil
from importlib import import_module

import pytest
from django.urls import resolve

from desk import flows
from desk.flows.act import Flow
from desk.forms.fields import Form
from desk.registry import every_act, perform
from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import DeskError, Invalid
from incidents.authority import Authority
from incidents.models import Incident, TimelineEntry
from people.matrix import Right
from people.models import User
from tests.desk.bodies import CHANGE, body
from tests.desk.doors import sends, token
from tests.factories import commander, do, make_client, make_incident, make_service, minutes, new_id
from tests.incidents.story import MIKE, Story

NOUNS = sorted(every_act())


def test_every_public_flow_is_an_act_of_the_registry() -> None:
    outside = []
    for module in pkgutil.iter_modules(flows.__path__):
        if module.name in ("act", "room"):
            continue
        for name, value in vars(import_module(f"{flows.__name__}.{module.name}")).items():
            if isinstance(value, Flow) and every_act().get(value.noun) is not value:
                outside.append(f"{module.name}.{name}")
    assert outside == []
    assert len(NOUNS) >= 45


@pytest.mark.parametrize("noun", NOUNS)
def test_an_act_has_a_page_an_operation_a_right_a_form_and_a_kind(noun: str) -> None:
    flow = every_act()[noun]

    assert resolve(f"/incidents/INC-2026-0001/{noun}/").url_name == "act"
    assert resolve(f"/api/v1/incidents/INC-2026-0001/{noun}").func.__module__.startswith("ninja.")
    assert isinstance(flow.right, Right) or callable(flow.right)
    assert issubclass(flow.form, Form)
    assert flow.kinds
    assert all(kind == kind.lower() and " " not in kind for kind in flow.kinds)
    assert flow.about.endswith((".", ")."))
    assert flow.form.model_validate(body(noun, other=User()))


def test_every_right_that_an_act_computes_is_one_of_the_table() -> None:
    story = Story().lead()
    who = Authority(story.protocol, story.state, MIKE, frozenset({"engineer"}), story.moment(5))

    for noun, flow in every_act().items():
        form = flow.form(**body(noun, other=User()))
        assert (flow.right if isinstance(flow.right, Right) else flow.right(who, form)) in Right, noun


def ready() -> tuple[Incident, User, User]:
    """An incident in which most acts can be done: led, with a change proposed, by somebody else than the IC."""
    ic, other = commander(), commander("Omar")
    service = make_service(bridge="https://bridge.example/7")
    client = make_client()
    now = clock.now()
    incident = make_incident(by=ic, service=service, declared_at=now - minutes(20), clients=[client.slug])
    do(incident, "seats", ic, now - minutes(19), role="ic")
    do(incident, "seats", ic, now - minutes(18), role="ops", person=other.uid)
    do(incident, "changes", other, now - minutes(17), **CHANGE, risk="30 s")
    return incident, ic, other


@pytest.mark.django_db
@pytest.mark.parametrize("noun", NOUNS)
def test_the_same_request_twice_is_one_act_and_one_answer(noun: str) -> None:
    incident, ic, other = ready()
    flow = every_act()[noun]
    form = flow.form(**body(noun, other=other))
    key, now = new_id(), clock.now()

    def once(of: Form, by: User = ic) -> str:
        try:
            return repr(perform(flow, incident.pk, of, by=by, request_id=key, now=now))
        except DeskError as error:
            return f"{type(error).__name__} {error.status} {error.sentence} {error.blocks}"

    first = once(form)
    entries = TimelineEntry.objects.filter(incident=incident).count()
    second = once(form)

    assert second == first
    assert TimelineEntry.objects.filter(incident=incident).count() == entries


@pytest.mark.django_db
def test_one_request_id_never_stands_for_two_things() -> None:
    incident, ic, other = ready()
    key, now = new_id(), clock.now()
    entries = every_act()["entries"]
    perform(entries, incident.pk, entries.form(kind="note", text="one"), by=ic, request_id=key, now=now)

    for noun, form in (
        ("entries", entries.form(kind="note", text="two")),
        ("objectives", every_act()["objectives"].form(text="one")),
    ):
        with pytest.raises(Invalid) as refused:
            perform(every_act()[noun], incident.pk, form, by=ic, request_id=key, now=now)
        assert refused.value.status == 422
    perform(entries, incident.pk, entries.form(kind="note", text="two"), by=other, request_id=key, now=now)

    texts = TimelineEntry.objects.filter(incident=incident, kind="note").count()
    assert texts == 2, "the id belongs to the person: two people may use the same"


@pytest.mark.django_db
def test_a_key_of_the_api_gives_the_stored_answer_and_no_second_entry() -> None:
    incident, ic, _ = ready()
    text = token(ic)

    answers = [
        sends(text, f"/incidents/{incident.uid}/entries", {"kind": "note", "text": "once"}, key="k")
        for _ in range(3)
    ]
    other = sends(text, f"/incidents/{incident.uid}/entries", {"kind": "note", "text": "other"}, key="k")

    assert {each.content for each in answers} == {answers[0].content}
    assert other.status_code == 422
    assert TimelineEntry.objects.filter(incident=incident, kind="note").count() == 1
    assert json.loads(answers[0].content)["kind"] == "note"


def test_an_act_says_in_its_signature_that_time_and_person_come_in() -> None:
    for flow in every_act().values():
        wanted = inspect.signature(flow.__call__).parameters
        assert {"by", "request_id", "now"} <= set(wanted)
