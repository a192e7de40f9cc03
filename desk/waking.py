"""Whom could this desk not wake? A page that has no way out is silence, so the gaps are told before there is an incident."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db.models import Exists, OuterRef, Q

from comms.models import Breaker
from people.models import EscalationStep, Team, User

MAIL_LANES: Final = Q(lane__startswith="page.") | Q(lane__startswith="email.")
_REACHABLE: Final = Q(user__is_active=True, user__is_machine=False) & ~Q(user__email="")


def teams_without_a_list() -> list[str]:
    """Names of teams that own a service, with nobody on the list who can be paged and no manager who could."""
    steps = EscalationStep.objects.filter(_REACHABLE, team=OuterRef("pk"))
    manager = User.objects.filter(pk=OuterRef("manager"), is_active=True).exclude(email="")
    found = Team.objects.filter(~Exists(steps), ~Exists(manager), services__isnull=False)
    return list(found.distinct().order_by("name").values_list("name", flat=True))


def people_without_a_way() -> list[str]:
    """Names of people on a list who were put out or have no address: a page to them reaches nobody."""
    found = EscalationStep.objects.exclude(_REACHABLE).order_by("user__name")
    return list(found.distinct().values_list("user__name", flat=True))


def mail_failing(*, now: datetime) -> int:
    """How many of the lanes to the mail server have failed in their last tries and not succeeded since."""
    return Breaker.objects.filter(MAIL_LANES, failures__gt=0).count() if settings.EMAIL_HOST else 0


def gaps(*, now: datetime) -> list[str]:
    """Everything that would keep a page from waking somebody, a sentence each that says what to do."""
    return [*_lists(), *_mail(now)]


def _lists() -> Iterable[str]:
    for team in teams_without_a_list():
        yield f"The team {team} has nobody to page. Fill its escalation list in the administration."
    for person in people_without_a_way():
        yield f"{person} is on an escalation list and cannot be reached. Give an address or take the person off."


def _mail(now: datetime) -> Iterable[str]:
    if not settings.EMAIL_HOST:
        yield "No mail leaves: SMTP_URL is not set. Mail is kept under DATA_DIR."
    elif mail_failing(now=now):
        yield "The mail server refuses mail or does not answer. The worker's log says why; try check_desk --send-test."
