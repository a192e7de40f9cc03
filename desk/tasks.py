"""What beat rings: two lines each. Running one twice, late or in two places is harmless."""

from celery import shared_task
from celery.signals import worker_ready
from django.conf import settings

from desk import hearing, rounds
from incidentdesk.kernel import clock

worker_ready.connect(hearing.watch)


@shared_task(ignore_result=True)
def tick() -> None:
    """Do what is due, and what falls due until the next ring."""
    rounds.ring(now=clock.now(), seconds=settings.TICK_SECONDS)


@shared_task(ignore_result=True)
def keep_house() -> None:
    """Throw away what is no longer needed: ended sessions, old throttle rows, old signs of life."""
    rounds.keep_house(now=clock.now())
