"""Runbooks are written in the administration."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from incidentdesk.kernel import clock, markdown
from incidentdesk.kernel.errors import Invalid
from incidentdesk.kernel.text import clean_line, clean_text
from people.admin_base import DeskAdmin
from runbooks.models import Runbook


class RunbookForm(forms.ModelForm[Runbook]):
    """A runbook's fields, cleaned like everything that is typed."""

    class Meta:
        model = Runbook
        fields = ["title", "slug", "services", "body"]

    def clean_title(self) -> str:
        """One line."""
        return self._said(lambda: clean_line(self.cleaned_data["title"], name="The title", limit=120))

    def clean_body(self) -> str:
        """Text that can be shown as Markdown."""
        return self._said(
            lambda: clean_text(self.cleaned_data["body"], name="The runbook", limit=markdown.SOURCE_LIMIT)
        )

    def _said(self, clean: Any) -> str:
        try:
            return str(clean())
        except Invalid as error:
            raise forms.ValidationError(error.sentence) from None


@admin.register(Runbook)
class RunbookAdmin(DeskAdmin[Runbook]):
    """Runbooks with the services they are for."""

    form = RunbookForm
    list_display = ["title", "updated_at"]
    search_fields = ["title"]
    filter_horizontal = ["services"]
    prepopulated_fields = {"slug": ["title"]}

    def save_model(self, request: HttpRequest, obj: Runbook, form: Any, change: bool) -> None:
        """Stamp when it was saved."""
        obj.updated_at = clock.now()
        super().save_model(request, obj, form, change)
