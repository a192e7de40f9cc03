"""Which right each field takes: the one filter that page, API and mail ask (RBAC-18, RBAC-21)."""

from incidents import disclosure
from people.rights import Right


def test_a_correction_is_hidden_with_what_it_corrects() -> None:
    """Its words may say what the theory said."""
    of_theory, of_note = {"of": 3, "kind": "theory"}, {"of": 3, "kind": "note"}
    inside, outside = {Right.SEE_ROOM, Right.SEE_THEORIES}, {Right.SEE_ROOM}

    assert disclosure.shows("corrected", of_theory, inside)
    assert not disclosure.shows("corrected", of_theory, outside)
    assert disclosure.shows("corrected", of_note, outside)


def test_a_text_of_an_update_belongs_to_its_first_audience() -> None:
    texts, right = {"text": "38,400 an hour"}, {Right.SEE_REVENUE}

    assert disclosure.seen_texts("update.sent", {"to": ["executives"]}, texts, right) == texts
    assert disclosure.seen_texts("update.sent", {"to": ["executives"]}, texts, set()) == {}
    assert disclosure.seen_texts("update.sent", {"to": ["responders", "executives"]}, texts, set()) == texts
