"""The messages that were given up, for administrators to look at; they are sent again from their incident."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from comms.models import Message, State
from people.admin_base import LookOnly


@admin.register(Message)
class MessageAdmin(LookOnly[Message]):
    """Given-up messages, newest first: for whom, on which incident, and why. Their texts are not shown here."""

    list_display = ["created_at", "channel", "dest", "incident", "attempt", "last_error"]
    list_filter = ["channel"]
    list_select_related = ["incident"]
    search_fields = ["dest", "last_error"]
    show_full_result_count = False
    ordering = ["-id"]
    fields = [
        "created_at",
        "channel",
        "dest",
        "incident",
        "priority",
        "attempt",
        "first_attempt_at",
        "last_error",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Only those that were given up."""
        return super().get_queryset(request).filter(state=State.DEAD)
