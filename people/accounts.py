"""Making and changing people. Whatever narrows somebody's rights or their password ends their open sign-ins."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import available_timezones

from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from incidentdesk.kernel.errors import Invalid
from incidentdesk.kernel.host_names import NotAnAddress, known_mail, readable_mail
from incidentdesk.kernel.text import clean_line
from people import tokens
from people.models import EscalationStep, PasswordLink, Session, Team, User
from people.roles import Role


def create_user(
    *,
    email: str,
    name: str,
    roles: Iterable[str] = (),
    team: Team | None = None,
    zone: str = "UTC",
    password: str | None = None,
    is_machine: bool = False,
    is_demo: bool = False,
) -> User:
    """Make a person; without a password they cannot sign in with one. Raises Invalid naming the field."""
    user = User(
        email=_free_address(email),
        name=known_name(name),
        roles=known_roles(roles),
        team=team,
        zone=known_zone(zone),
        is_machine=is_machine,
        is_demo=is_demo,
    )
    _put_password(user, password)
    user.save(force_insert=True)
    user.refresh_from_db(fields=["sees_room", "created_at"])
    return user


def put(user: User, *, email: str, name: str, team: Team | None, zone: str) -> User:
    """Write what carries no rights. Raises Invalid naming the field."""
    if known_mail(email) != user.email:
        user.email = _free_address(email)
    user.name, user.team, user.zone = known_name(name), team, known_zone(zone)
    user.save(update_fields=["email", "name", "team", "zone"])
    return user


def set_roles(user: User, roles: Iterable[str]) -> User:
    """Give these roles in place of the old ones, as the next request sees. Whoever loses one signs in anew."""
    with transaction.atomic():
        before = User.objects.select_for_update(no_key=True).values_list("roles", flat=True).get(pk=user.pk)
        user.roles = known_roles(roles)
        user.save(update_fields=["roles"])
        if set(before) - set(user.roles):
            end_sessions(user)
    user.refresh_from_db(fields=["sees_room"])
    return user


@dataclass(frozen=True)
class Ended:
    """What a new password ended beside the other sign-ins: how many API tokens, and whether known browsers were forgotten."""

    tokens: int
    devices: bool


def set_password(
    user: User,
    password: str | None,
    *,
    now: datetime,
    keep: str | None = None,
    keep_tokens: bool = False,
    keep_devices: bool = False,
) -> Ended:
    """Set or remove the password and end every sign-in but the session `keep`. Raises Invalid when it is too weak.

    Whoever knew the old password may have made tokens and signed in on browsers of their own: both end with it, unless
    they are to be kept.
    """
    _put_password(user, password)
    with transaction.atomic():
        if not keep_devices:
            user.device_epoch += 1
        user.save(update_fields=["password", "device_epoch"])
        end_sessions(user, keep=keep)
        end_password_links(user, now=now)
        ended = 0 if keep_tokens else tokens.revoke_all(user, now=now)
    return Ended(ended, not keep_devices)


def set_active(user: User, active: bool) -> None:
    """Let somebody in, or put them out: an open war room answers 401 at its next poll (S8)."""
    user.is_active = active
    with transaction.atomic():
        user.save(update_fields=["is_active"])
        if not active:
            end_sessions(user)


def end_sessions(user: User, *, keep: str | None = None) -> int:
    """End the person's sign-ins, all or all but `keep` (a session key); how many."""
    return Session.objects.filter(user=user).exclude(session_key=keep or "").delete()[0]


def end_password_links(user: User, *, now: datetime) -> int:
    """End the links with which the person could still set a password; how many. Twice is safe."""
    return PasswordLink.objects.filter(user=user, ended_at=None).update(ended_at=now)


def set_escalation(team: Team, people: Iterable[User]) -> None:
    """Replace the ordered list that the team's pages go to."""
    with transaction.atomic():
        EscalationStep.objects.filter(team=team).delete()
        EscalationStep.objects.bulk_create(
            EscalationStep(team=team, position=place, user=user) for place, user in enumerate(people, 1)
        )


def known_name(name: str) -> str:
    """The name as it may be stored. Raises Invalid when nothing is left of it."""
    cleaned = clean_line(name, name="The name", limit=80)
    if not cleaned:
        raise _invalid("name", "Give the person a name.")
    return cleaned


def known_roles(roles: Iterable[str]) -> list[str]:
    """The roles, sorted and once each. Raises Invalid for one that does not exist."""
    found = sorted({str(role) for role in roles})
    unknown = [role for role in found if role not in Role.values]
    if unknown:
        raise _invalid("roles", f"There is no role {unknown[0]}. Roles are: {', '.join(Role.values)}.")
    return found


def known_zone(zone: str) -> str:
    """The zone's name. Raises Invalid for one that the system does not know."""
    if zone not in available_timezones():
        raise _invalid("zone", f"There is no time zone {zone}. Use a name such as Europe/Berlin.")
    return zone


def _free_address(email: str) -> str:
    try:
        email = readable_mail(email)
    except NotAnAddress as fault:
        raise _invalid("email", str(fault)) from None
    if User.objects.filter(email=email).exists():
        raise _invalid("email", "Somebody already signs in with this address.")
    return email


def _put_password(user: User, password: str | None) -> None:
    if password is None:
        user.set_unusable_password()
        return
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise _invalid("password", " ".join(error.messages)) from error
    user.set_password(password)


def _invalid(field: str, sentence: str) -> Invalid:
    return Invalid(sentence, fields={field: sentence})


def stay_signed_in(request: HttpRequest, user: User) -> None:
    """After one's own change of password: keep this session, under a new key."""
    update_session_auth_hash(request, user)
