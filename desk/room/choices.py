"""The lists of the forms: made with the page, not polled."""

from desk.room.load import Bundle, Human
from desk.room.shapes import Choices, Option
from desk.room.words import Words
from incidents.protocol.state import force, holder
from incidents.sentences import ESCALATED, SEATS
from people.rights import Right, columns, may, qualified

DOMAINS = ("database", "network", "application", "security", "infrastructure")


def people(bundle: Bundle, words: Words) -> tuple[Option, ...]:
    """Everybody who may enter the room, the viewer first."""
    found = [human for human in bundle.people.values() if human.works]
    found.sort(key=lambda human: (human.id != words.viewer, human.name))
    return tuple(Option(human.uid, _label(human, words), _hint(human)) for human in found)


def _label(human: Human, words: Words) -> str:
    return f"{human.name} (you)" if human.id == words.viewer else human.name


def _hint(human: Human) -> str:
    return ", ".join(
        part for part in (human.note, "IC-qualified" if qualified(human.roles, "ic") else "") if part
    )


def choices(bundle: Bundle, words: Words) -> Choices:
    """Every list of the room's forms."""
    everybody = people(bundle, words)
    level = force(bundle.state)
    commander = holder(bundle.state, "ic")
    return Choices(
        people=everybody,
        implementers=_implementers(bundle, words, commander),
        roles=(*(Option(seat, label) for seat, label in SEATS.items()), Option("sme", "SME")),
        domains=tuple(Option(domain, domain.capitalize()) for domain in DOMAINS),
        severities=tuple(
            Option(str(each.level), each.name, each.meaning, each.level == level)
            for each in bundle.protocol.severities.values()
        ),
        services=_catalogue(bundle, "service", {each["id"] for each in bundle.services}),
        clients=_catalogue(bundle, "client", {each["id"] for each in bundle.clients}),
        escalate_to=tuple(Option(value, label[0].upper() + label[1:]) for value, label in ESCALATED.items()),
        pageable=tuple(option for option in everybody if option.value != str(bundle.viewer.uid)),
        reasoned=tuple(Option(clock.id, clock.label) for clock in bundle.protocol.reasoned),
        scope=stated.seq if (stated := bundle.last("scope.set")) else 0,
    )


def _implementers(bundle: Bundle, words: Words, commander: int | None) -> tuple[Option, ...]:
    """Who may carry out a change: never the IC (ROLE-07); the viewer is chosen where they may."""
    found = [
        Option(human.uid, _label(human, words), human.note, human.id == words.viewer)
        for human in bundle.people.values()
        if human.works and human.id != commander and _carries_out(human)
    ]
    return tuple(sorted(found, key=lambda option: not option.chosen))


def _carries_out(human: Human) -> bool:
    return may(Right.PROPOSE_CHANGE, columns(human.roles))


def _catalogue(bundle: Bundle, what: str, chosen: set[int]) -> tuple[Option, ...]:
    return tuple(
        Option(each["slug"], each["name"], chosen=each["id"] in chosen)
        for each in bundle.catalogue
        if each["what"] == what and (each["hit"] or not each["retired"])
    )
