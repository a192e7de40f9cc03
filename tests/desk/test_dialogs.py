"""A dialog and its fields say the same noun, keep what was typed, and forget it with the next page."""

from collections.abc import Mapping
from types import SimpleNamespace

from django.template import Context, Template

from desk.answers import FormState
from desk.room.shapes import Option
from desk.room.typed import forms_of

PAGE = Template(
    '{% load dialogs %}{% dialog "seat-ends" "End a seat" button="End it" note="Ask first." %}'
    '{% lines "note" "Why" required=True %}{% choose "seat" "Seat" options=options nothing="none" %}{% enddialog %}'
)


def page(forms: Mapping[str, FormState] | None = None) -> str:
    """The dialog as a person sees it who sent `forms`, or nothing yet."""
    room = SimpleNamespace(base="/incidents/INC-1/", forms=forms_of(forms), answer=None)
    options = (Option("ic", "IC"), Option("ops", "Ops", "Lead"))
    return PAGE.render(
        Context({"room": room, "options": options, "csrf_token": "token", "new_id": lambda: "id"})
    )


def test_head_form_and_fields_are_named_by_the_noun_it_posts_to() -> None:
    html = page()

    assert 'id="f-seat-ends" aria-labelledby="h-f-seat-ends"' in html
    assert 'action="/incidents/INC-1/seat-ends/" hx-post="/incidents/INC-1/seat-ends/"' in html
    assert '<label for="seat-ends-note">Why</label>' in html
    assert 'id="seat-ends-note" name="note" rows="2" required></textarea>' in html
    assert '<option value="">none</option>' in html
    assert '<option value="ops">Ops, Lead</option>' in html


def test_a_refused_field_stands_with_its_sentence_and_with_what_was_typed() -> None:
    sent = FormState({"note": "<b>later</b>", "seat": "ops"}, {"note": "Too short."})

    html = page({"seat_ends": sent})

    assert "&lt;b&gt;later&lt;/b&gt;</textarea>" in html
    assert '<span class="error" id="e-seat-ends-note">Too short.</span>' in html
    assert '<option value="ops" selected>' in html


def test_what_one_person_typed_is_on_no_other_page() -> None:
    untouched = page()

    page({"seat_ends": FormState({"note": "private", "seat": "ops"}, {})})

    assert page() == untouched
