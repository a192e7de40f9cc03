"""r-impact: what customers feel, now and at the peak, since when, and where (INC-15, -16, -24, -25)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from desk.room.load import Bundle, Row
from desk.room.shapes import Impact, ImpactFigure, Pair
from desk.room.standing import Standing
from desk.room.words import Words, number, rough
from incidents.disclosure import seen_payload
from incidents.protocol.score import detection_delay, impact_minutes

_FIGURES = (
    ("users", "Users affected", "about {}"),
    ("percent", "Share of users", "{} %"),
    ("revenue", "Revenue at risk per hour", "{}"),
    ("tickets", "Support tickets", "{}"),
    ("stuck", "Transactions stuck", "{}"),
)
_TEXTS = (("error_rate", "Error rate"), ("latency", "Latency"))
_SCOPE = (
    ("regions", "Regions"),
    ("environments", "Environments"),
    ("features", "Features"),
    ("products", "Products"),
)


def impact(bundle: Bundle, here: Standing, words: Words) -> Impact:
    """The whole panel; figures only as far as the viewer may see them (RBAC-21)."""
    stated = [
        replace(row, payload=seen_payload(row.payload, here.rights)) for row in bundle.of("impact.stated")
    ]
    fold = bundle.state
    whole, total = impact_minutes(fold, words.now)
    minute = fold["minute"]
    over = bool(fold["impact"]) and fold["impact"][-1][1] is not None
    end = fold["impact"][-1][1] if over else None
    apart = len(fold["impact"]) > 1 and round(total) != round(whole)
    blast = bundle.last("blast.reported")
    return Impact(
        stated=f"stated {words.short(stated[-1].happened)} by {words.name(stated[-1].author, stated[-1].recorded)}"
        if stated
        else "not stated yet",
        figures=_figures(stated, words),
        fails=_latest(stated, "fails"),
        worse={"yes": "getting worse", "no": "not getting worse"}.get(
            _latest_value(stated, "worse") or "", ""
        ),
        starts=_clock(words, fold["impact"][0][0]) if _stated_start(bundle) else "not stated",
        ends=_clock(words, end) if end else "",
        detection=_detection(bundle),
        duration=rough(whole * minute) if over else "",
        minutes=f"{rough(total * minute)} in {len(fold['impact'])} intervals" if apart else "",
        scope=_scope(bundle),
        blast=f"Blast radius reported {words.short(blast.happened)} by {words.name(blast.author, blast.recorded)}"
        if blast
        else "",
    )


def _clock(words: Words, stamp: Any) -> str:
    return words.at(stamp).clock


def _stated_start(bundle: Bundle) -> bool:
    return bundle.last("impact.started") is not None


def _detection(bundle: Bundle) -> str:
    """How long it went on before the alert fired (INC-16)."""
    delay = detection_delay(bundle.state) if _stated_start(bundle) else 0.0
    return f"{rough(delay * bundle.state['minute'])} after it began" if delay > 0 else ""


def _latest(rows: Sequence[Row], name: str) -> str:
    return next((row.texts[name] for row in reversed(rows) if row.texts.get(name)), "")


def _latest_value(rows: Sequence[Row], name: str) -> Any:
    return next((row.payload[name] for row in reversed(rows) if row.payload.get(name)), None)


def _figures(stated: Sequence[Row], words: Words) -> tuple[ImpactFigure, ...]:
    found = []
    for name, label, form in _FIGURES:
        values = [(row, row.payload[name]) for row in stated if row.payload.get(name) is not None]
        if values:
            row, now = values[-1]
            peak = max(value for _, value in values)
            found.append(
                ImpactFigure(
                    label, form.format(number(now)), number(peak), f"stated {words.short(row.happened)}"
                )
            )
        elif name == "users":
            found.append(ImpactFigure(label, "", "", ""))
    for name, label in _TEXTS:
        last = next((row for row in reversed(stated) if row.texts.get(name)), None)
        if last:
            found.append(ImpactFigure(label, last.texts[name], "", f"stated {words.short(last.happened)}"))
    return tuple(found)


def _scope(bundle: Bundle) -> tuple[Pair, ...]:
    """What is hit; what was never stated is not printed, what is unknown says so (INC-24)."""
    row = bundle.last("scope.set")
    unknown = row.payload.get("unknown", ()) if row else ()
    services = ", ".join(each["name"] for each in bundle.services)
    clients = ", ".join(each["name"] for each in bundle.clients)
    pairs = [
        Pair("Services", "unknown" if "services" in unknown or not services else services),
        Pair("Clients", "unknown" if "clients" in unknown else clients or "none named"),
    ]
    if row:
        pairs += [Pair(label, row.texts[name]) for name, label in _SCOPE if row.texts.get(name)]
    return tuple(pairs)
