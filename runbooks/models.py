"""Runbooks: what to do when a service breaks, written before it does."""

from django.db import models

from incidents.models import Service


class Runbook(models.Model):
    """One runbook. `body` is Markdown and only ever shown through `kernel.markdown`; `updated_at` is when it was saved."""

    title = models.CharField(max_length=120)
    slug = models.SlugField(unique=True)
    body = models.TextField(
        help_text="Markdown. Headings, lists, tables, code and links; nothing else survives."
    )
    services: "models.ManyToManyField[Service, Service]" = models.ManyToManyField(
        Service, blank=True, related_name="runbooks"
    )
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title
