"""Every act there is, found by importing every module of `desk/flows/`, and the one way to do one from outside."""

import importlib
import pkgutil
from datetime import datetime
from functools import cache

from django.db import DataError

from desk import flows
from desk.flows.act import ACTS, Answer, Flow
from desk.forms.fields import Form
from incidentdesk.kernel.errors import Invalid
from people.models import User


@cache
def every_act() -> dict[str, Flow]:
    """The acts by noun."""
    for module in pkgutil.iter_modules(flows.__path__):
        importlib.import_module(f"{flows.__name__}.{module.name}")
    return ACTS


def perform(flow: Flow, incident: int, form: Form, *, by: User, request_id: str, now: datetime) -> Answer:
    """Do an act for a page or a program. Raises DeskError; a value that the database cannot hold is Invalid, no bug."""
    try:
        return flow(incident, form, by=by, request_id=request_id, now=now)
    except DataError:
        raise Invalid(
            "Something in this form cannot be stored: a number or a text is beyond all bounds."
        ) from None
