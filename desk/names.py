"""People by id, as pages name them: one statement however many."""

from collections.abc import Collection

from desk.room.load import Human
from people.models import User


def humans(ids: Collection[int]) -> dict[int, Human]:
    """The people with these ids; one who is gone is not among them."""
    found = User.objects.filter(pk__in=ids).select_related("team")
    return {user.pk: _human(user) for user in found}


def _human(user: User) -> Human:
    works = user.is_active and not user.is_machine and user.sees_room
    note = user.team.name if user.team else ""
    return Human(
        user.pk, str(user.uid), user.name, user.email, tuple(user.roles), note, works, user.former_names
    )
