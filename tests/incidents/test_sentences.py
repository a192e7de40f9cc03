"""Sentences read well whatever they name: clocks, audiences, figures."""

import pytest

from incidents.sentences import Told, sentence


@pytest.mark.parametrize("label", ["Update, executives", "IC named", "Blast radius"])
def test_a_clock_is_quoted_so_that_any_label_makes_a_sentence(label: str) -> None:
    told = Told({"clock": "c", "do": "overdue", "to": []}, clocks={"c": label})

    assert sentence("clock.step", told) == f"“{label}” is overdue."
    assert sentence("clock.rolled", told) == f"“{label}” was missed; the next one is overdue."


def test_audiences_are_listed_as_one_would_say_them() -> None:
    draft = Told({"to": ["clients", "public"]})
    sent = Told({"update": 2, "to": ["responders", "executives", "public"]}, who="Jordan")

    assert sentence("draft.prepared", draft) == "A draft for clients and the public is ready."
    assert sentence("update.sent", sent) == "Jordan sent update 2 to responders, executives and the public."


def test_figures_of_an_impact_are_written_as_figures() -> None:
    told = Told({"users": 18400, "percent": 62, "stuck": 1260}, who="Alex")

    said = sentence("impact.stated", told)

    assert said == "Alex stated the impact: 18,400 users, 62% of users, 1,260 transactions stuck."
