"""What could not be read, for administrators to look at; nothing here is changed by hand."""

from typing import Any

from django.contrib import admin

from oncall.models import Quarantine, SeverityWord
from people.admin_base import LookOnly


@admin.register(SeverityWord)
class SeverityWordAdmin(LookOnly[SeverityWord]):
    """Words of severity that counted as critical because the protocol did not map them."""

    list_display = ["word", "alert", "source", "first_at"]
    search_fields = ["word", "alert"]
    show_full_result_count = False
    ordering = ["-id"]
    fields = ["word", "alert", "source", "first_at"]


@admin.register(Quarantine)
class QuarantineAdmin(LookOnly[Quarantine]):
    """Bodies and alerts that could not be read, each with its reason, position and bytes, for 7 days."""

    list_display = ["received_at", "source", "reason", "position", "count"]
    list_filter = ["source"]
    search_fields = ["source", "reason", "position"]
    show_full_result_count = False
    ordering = ["-id"]
    fields = ["received_at", "source", "token", "reason", "position", "count", "text"]
    readonly_fields = ["text"]

    @admin.display(description="Body")
    def text(self, obj: Any) -> str:
        """The bytes as text; what is no UTF-8 shows as a replacement character."""
        return bytes(obj.body).decode(errors="replace").replace("\0", "\N{SYMBOL FOR NULL}")
