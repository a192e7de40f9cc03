"""The catalogue is kept here; what has a lifecycle is only looked at."""

from typing import Any, TypeVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from incidentdesk.kernel import clock
from incidentdesk.kernel.host_names import NotAnAddress, ascii_mail
from incidents import catalogue
from incidents.models import Client, Incident, ProtocolVersion, Service
from people.admin_base import DeskAdmin, LookOnly

M = TypeVar("M", Client, Service)


class ServiceForm(forms.ModelForm[Service]):
    """A service of the catalogue."""

    class Meta:
        model = Service
        fields = [
            "name", "slug", "team", "critical_path", "core_revenue", "revenue_per_hour", "bridge", "dashboards",
            "dependencies", "clients",
        ]  # fmt: skip

    def clean_dashboards(self) -> list[dict[str, str]]:
        """Names with web addresses, nothing that a browser would run."""
        given = self.cleaned_data["dashboards"] or []
        if not isinstance(given, list) or not all(_is_link(each) for each in given):
            raise forms.ValidationError(
                'Give a list such as [{"name": "Traffic", "url": "https://dashboards.example/1"}].'
            )
        return [{"name": each["name"], "url": each["url"]} for each in given]


def _is_link(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return False
    return str(value.get("url", "")).lower().startswith(("https://", "http://"))


class CatalogueAdmin(DeskAdmin[M]):
    """What has a past is retired, never deleted: old records speak of it."""

    actions = ["retire", "restore"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only a row that nothing speaks of, such as one with a typing error."""
        return obj is not None and not catalogue.has_past(obj)

    @admin.action(description="Retire selected: offer them to nobody from now on")
    def retire(self, request: HttpRequest, queryset: QuerySet[M]) -> None:
        """Take them out of every list of choices."""
        now = clock.now()
        self._told(request, "retired", [row for row in queryset if catalogue.retire(row, now=now)])

    @admin.action(description="Offer selected again")
    def restore(self, request: HttpRequest, queryset: QuerySet[M]) -> None:
        """Back into the lists of choices."""
        self._told(request, "offered again", [row for row in queryset if catalogue.restore(row)])

    def _told(self, request: HttpRequest, what: str, rows: list[M]) -> None:
        self._record(request, what, rows)
        messages.success(request, f"{len(rows)} {what}.")


@admin.register(Service)
class ServiceAdmin(CatalogueAdmin[Service]):
    """Services with their owners, dependencies and clients."""

    form = ServiceForm
    list_display = ["name", "team", "critical_path", "core_revenue", "revenue_per_hour", "retired_at"]
    list_filter = ["critical_path", "core_revenue", "team", ("retired_at", admin.EmptyFieldListFilter)]
    list_select_related = ["team"]
    search_fields = ["name", "slug"]
    filter_horizontal = ["dependencies", "clients"]
    prepopulated_fields = {"slug": ["name"]}


class ClientForm(forms.ModelForm[Client]):
    """A client's fields; addresses that no mail server takes are refused here."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The field is shown empty, so leaving it so changes nothing, and the audit must not say that it did.
        self.initial.pop("webhook_secret", None)

    def clean_contact_emails(self) -> list[str]:
        """As typed, once it is sure that each can be mailed."""
        addresses: list[str] = self.cleaned_data["contact_emails"]
        for address in addresses:
            try:
                ascii_mail(address)
            except NotAnAddress as fault:
                raise forms.ValidationError(f"{address}: {fault}") from None
        return addresses


@admin.register(Client)
class ClientAdmin(CatalogueAdmin[Client]):
    """Clients with where they are told; the secret of their webhook can be set and is never shown."""

    form = ClientForm
    list_display = ["name", "slug", "webhook_url", "retired_at"]
    list_filter = [("retired_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """A secret is typed into a field that does not print what is there."""
        if db_field.name == "webhook_secret":
            kwargs["widget"] = forms.PasswordInput(attrs={"autocomplete": "off"})
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        """An empty secret keeps the present one."""
        if change and not obj.webhook_secret:
            obj.webhook_secret = Client.objects.values_list("webhook_secret", flat=True).get(pk=obj.pk)
        super().save_model(request, obj, form, change)


@admin.register(ProtocolVersion)
class ProtocolVersionAdmin(LookOnly[ProtocolVersion]):
    """Protocols as they were loaded (`manage.py protocol load`)."""

    list_display = ["number", "created_at", "created_by", "digest"]
    fields = ["number", "created_at", "created_by", "digest", "text"]
    ordering = ["-number"]
    list_select_related = ["created_by"]


@admin.register(Incident)
class IncidentAdmin(LookOnly[Incident]):
    """Where each incident stands; its record is read on its own page."""

    list_display = ["key", "kind", "title", "severity", "status", "opened_at"]
    list_filter = ["kind", "status", "severity"]
    search_fields = ["key", "title"]
    ordering = ["-opened_at", "-id"]
    fields = [
        "key", "uid", "kind", "time", "title", "severity", "presumed", "status", "owner", "ic", "protocol", "fold_version",
        "seq", "rev", "opened_at", "alert_fired_at", "declared_at", "resolved_at", "closed_at", "next_update_at",
        "services", "clients", "follows",
    ]  # fmt: skip
