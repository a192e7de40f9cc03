"""What a ring at the door does."""

from celery import shared_task

from comms import delivery
from incidentdesk.kernel import clock


@shared_task(ignore_result=True)
def deliver_due() -> None:
    """Deliver what is due. Late, twice or five at once is harmless."""
    delivery.deliver(clock.now, traffic=delivery.here)
