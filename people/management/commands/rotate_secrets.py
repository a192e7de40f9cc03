"""`manage.py rotate_secrets`: write every stored secret under the present SECRET_KEY, so that an old one can go (S17)."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import Model

from incidentdesk.kernel import clock
from incidentdesk.kernel.encrypted import EncryptedField, Unreadable
from people.audit import Event, Source


class Command(BaseCommand):
    """Goes through every encrypted field of every model. Safe to repeat and while the desk runs."""

    help = "Encrypt the stored secrets again under SECRET_KEY. Then SECRET_KEY_FALLBACKS can be emptied."

    def handle(self, *args: Any, **options: Any) -> None:
        """Write and count; exit 1 where a secret cannot be read."""
        written = unreadable = 0
        for model in apps.get_models():
            for field in model._meta.concrete_fields:
                if isinstance(field, EncryptedField):
                    done, left = _rotate(model, field.attname)
                    written, unreadable = written + done, unreadable + left
        details = {"written": written, "unreadable": unreadable}
        Source().record(Event.COMMAND, about="rotate_secrets", details=details, now=clock.now())
        self.stdout.write(f"Encrypted under SECRET_KEY: {written}.")
        if unreadable:
            raise CommandError(
                f"Not readable and left unchanged: {unreadable}. "
                "Put the key of these secrets into SECRET_KEY_FALLBACKS, or enter them again."
            )


def _rotate(model: type[Model], name: str) -> tuple[int, int]:
    """Row by row under its lock, so that a secret that is entered meanwhile stays."""
    written = unreadable = 0
    for pk in model._default_manager.values_list("pk", flat=True):
        with transaction.atomic():
            rows = model._default_manager.select_for_update(no_key=True).filter(pk=pk)
            for secret in rows.values_list(name, flat=True):
                if isinstance(secret, Unreadable):
                    unreadable += 1
                elif secret:
                    model._default_manager.filter(pk=pk).update(**{name: secret})
                    written += 1
    return written, unreadable
