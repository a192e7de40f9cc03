"""What the desk itself keeps: signs of life of its processes."""

from django.db import models


class Heartbeat(models.Model):
    """When something was last alive, in the database's time. One row a name; only `desk.heartbeats` writes it."""

    name = models.CharField(max_length=80, primary_key=True)
    at = models.DateTimeField()
    pid = models.PositiveIntegerField()
    host = models.CharField(max_length=120)
    offset = models.FloatField(help_text="Seconds by which this host's clock is ahead of the database's")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%H:%M:%S}"
