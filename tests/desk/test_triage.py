"""Triage: four answers, one suggestion, by impact alone."""

import pytest

from desk.triage import Answers, suggest, title
from incidents.protocol import Protocol, default_text, parse

PROTOCOL: Protocol = parse(default_text())


def level(**answers: object) -> int:
    """The suggested severity of some answers."""
    found = suggest(PROTOCOL, Answers(**answers))  # type: ignore[arg-type]  # the table below holds strings and booleans
    assert found is not None
    return found.level


@pytest.mark.ledger("TRI-02")
def test_nobody_feels_it_is_work_for_the_morning() -> None:
    assert level(affected="no") == 3
    assert level(affected="no", internal=True) == 4
    assert level(affected="yes", share="under") == 3


@pytest.mark.ledger("TRI-03", "SEV-03", "SEV-04")
@pytest.mark.parametrize(("share", "expected"), [("over", 1), ("middle", 2), ("under", 3)])
def test_the_share_of_customers_gives_the_level(share: str, expected: int) -> None:
    assert level(affected="yes", share=share) == expected


@pytest.mark.ledger("TRI-04", "TRI-05")
def test_core_revenue_and_getting_worse_raise_it_one_each_but_never_above_sev_1() -> None:
    assert level(affected="yes", share="under", core="yes") == 2
    assert level(affected="yes", share="under", worse="yes") == 2
    assert level(affected="yes", share="under", core="yes", worse="yes") == 1
    assert level(affected="yes", share="over", core="yes", worse="yes") == 1


@pytest.mark.ledger("TRI-07")
def test_unknown_is_an_answer_and_counts_upward() -> None:
    assert level(affected="unsure", share="unsure") == 2
    assert level(affected="yes", share="under", core="unsure") == 2
    found = suggest(PROTOCOL, Answers(affected="unsure", share="unsure", core="unsure", worse="no"))
    assert found is not None
    assert [reason.sure for reason in found.because] == [False, False, False]


@pytest.mark.ledger("SEV-15")
def test_lost_or_exposed_data_is_top_severity_whatever_the_share() -> None:
    assert level(affected="yes", share="under", data=True) == 1
    assert level(affected="no", data=True) == 1


@pytest.mark.ledger("TRI-08")
def test_nothing_has_to_be_answered() -> None:
    assert suggest(PROTOCOL, Answers()) is None


def test_the_title_is_proposed_in_the_order_severity_service_effect() -> None:
    assert title(1, ["Ledger"], "writes fail\nfor all") == "SEV-1 Ledger: writes fail"
