"""From four answers to a suggested severity (TRI-02..07, SEV-15): impact only, never cause or difficulty."""

import re
from dataclasses import dataclass

from incidents.protocol import Protocol


@dataclass(frozen=True)
class Answers:
    """What was answered: yes, no, unsure or nothing; the share in bands; two extras that are ticked."""

    affected: str = ""
    share: str = ""
    core: str = ""
    worse: str = ""
    internal: bool = False
    data: bool = False


@dataclass(frozen=True)
class Reason:
    """One answer in words; `sure` is false where "not sure" was counted as yes or as the middle band."""

    text: str
    sure: bool = True


@dataclass(frozen=True)
class Suggestion:
    """The suggested level with its reasons, and the rule that gave it."""

    level: int
    because: tuple[Reason, ...]
    rule: str


BANDS = {"over": 1, "middle": 2, "under": 3, "unsure": 2}


def suggest(protocol: Protocol, answers: Answers) -> Suggestion | None:
    """The severity that the answers suggest, or None where nothing was answered."""
    if answers.data:
        return Suggestion(
            1, (Reason("Data may be lost or exposed"),), "Lost or exposed data is always SEV-1."
        )
    if not answers.affected:
        return None
    if answers.affected == "no":
        level = 4 if answers.internal else 3
        rule = "Nobody outside feels it: SEV-4 if it is internal or cosmetic, else SEV-3."
        return Suggestion(level, (Reason("Customers do not feel it"),), rule)
    return _felt(protocol, answers)


def _felt(protocol: Protocol, answers: Answers) -> Suggestion:
    upper, lower = protocol.settings["triage_upper"], protocol.settings["triage_lower"]
    words = {
        "over": f"More than {upper}% of customers", "middle": f"{lower} to {upper}% of customers",
        "under": f"Fewer than {lower}% of customers", "unsure": f"Share not sure, counted as {lower} to {upper}%",
    }  # fmt: skip
    sure = answers.affected == "yes"
    because = [Reason("Customers feel it now" if sure else "Customers may feel it, counted as yes", sure)]
    share = answers.share or "unsure"
    level = BANDS[share]
    because.append(Reason(words[share], share != "unsure"))
    for answer, text in (
        (answers.core, "A core revenue function is hit"),
        (answers.worse, "It is getting worse"),
    ):
        if answer in ("yes", "unsure"):
            level -= 1
            because.append(
                Reason(text if answer == "yes" else f"{text}: not sure, counted as yes", answer == "yes")
            )
    rule = (
        "The share gives the level; core revenue and getting worse each raise it by one, never above SEV-1."
    )
    return Suggestion(max(1, level), tuple(because), rule)


# Whoever shows a title says the present severity beside it; the one at its head is that of the declaration.
_OWN_LEVEL = re.compile(r"^SEV-[1-4] ")


def title(severity: int, services: list[str], symptom: str) -> str:
    """The proposed title in the order severity, service, effect (INC-05)."""
    effect = symptom.strip().splitlines()[0] if symptom.strip() else "not working as it should"
    where = ", ".join(services[:2]) + (f" and {len(services) - 2} more" if len(services) > 2 else "")
    return f"SEV-{severity} {where}: {effect}"[:200]


def subject(title: str) -> str:
    """A title without its own severity."""
    return _OWN_LEVEL.sub("", title)
