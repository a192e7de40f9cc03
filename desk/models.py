"""What the desk itself keeps: answers by request id, and signs of life of its processes."""

from typing import ClassVar

from django.db import models

from people.models import User


class Heartbeat(models.Model):
    """When something was last alive, in the database's time. One row a name; only `desk.heartbeats` writes it."""

    name = models.CharField(max_length=80, primary_key=True)
    at = models.DateTimeField()
    pid = models.PositiveIntegerField()
    host = models.CharField(max_length=120)
    offset = models.FloatField(help_text="Seconds by which this host's clock is ahead of the database's")
    note = models.CharField(
        max_length=1000, default="", help_text="What it found, where it looked for something"
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%H:%M:%S}"


class Idempotency(models.Model):
    """The answer that was given to a request id: the same id with the same content gets it again, and does nothing.

    The row is written in the transaction of the effect, so that either both are there or neither is (F10).
    """

    actor = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+", db_index=False)
    request_id = models.CharField(max_length=80)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    answer = models.JSONField(null=True)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["actor", "request_id"], name="one_answer_per_request_id")
        ]
        indexes: ClassVar = [models.Index(fields=["at"], name="idempotency_by_age")]

    def __str__(self) -> str:
        return self.request_id
