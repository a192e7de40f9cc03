"""The administration of people: it looks, and changes what has no lifecycle of its own."""

from typing import Any

from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods

from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import Invalid
from incidentdesk.kernel.host_names import known_mail
from people import accounts, administration, audit, password_links
from people.admin_base import DeskAdmin, LookOnly
from people.administration import Profile
from people.audit import Event
from people.models import ApiToken, AuditEntry, EscalationStep, Team, User
from people.roles import Role, Scope


class UserForm(forms.ModelForm[User]):
    """A person's fields. Nobody types a password for somebody else."""

    roles = forms.MultipleChoiceField(
        choices=Role.choices, required=False, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = User
        fields = ["email", "name", "roles", "team", "zone", "is_active"]

    def clean_email(self) -> str:
        """Addresses are kept in lower case."""
        return known_mail(str(self.cleaned_data["email"]))

    def clean_name(self) -> str:
        """A name of which something is left."""
        return _checked(accounts.known_name, self.cleaned_data["name"])

    def clean_zone(self) -> str:
        """A zone the system knows."""
        return _checked(accounts.known_zone, self.cleaned_data["zone"])

    def profile(self) -> Profile:
        """What the administrator wants."""
        given = self.cleaned_data
        return Profile(
            given["name"], given["email"], tuple(given["roles"]), given["team"], given["zone"],
            given["is_active"],
        )  # fmt: skip


def _checked(clean: Any, value: str) -> str:
    try:
        return str(clean(value))
    except Invalid as error:
        raise forms.ValidationError(error.sentence) from None


@admin.register(User)
class UserAdmin(DeskAdmin[User]):
    """People. They are put out by clearing "active", never deleted: the record names them."""

    form = UserForm
    list_display = ["name", "email", "team", "role_words", "is_active", "is_machine"]
    list_filter = ["is_active", "is_machine", "team"]
    list_select_related = ["team"]
    search_fields = ["name", "email"]
    change_form_template = "admin/people/user/change_form.html"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Through the one place that audits a change and tells the person."""
        source, now = audit.Source.of(request), clock.now()
        if change:
            administration.change(obj, form.profile(), source=source, now=now)
        else:
            obj.pk = administration.create(form.profile(), source=source, now=now).pk
        obj.refresh_from_db()

    def get_urls(self) -> list[URLPattern]:
        """The page for a link with which a person sets their password, before Django's own."""
        view = self.admin_site.admin_view(self.password_link)
        return [path("<int:pk>/password-link/", view, name="people_user_password_link"), *super().get_urls()]

    def password_link(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Ask how the link should reach the person, then mail it or show it once."""
        return _password_link(request, pk)


@require_http_methods(["GET", "POST"])
def _password_link(request: HttpRequest, pk: int) -> HttpResponse:
    user = User.objects.filter(pk=pk).first()
    if user is None:
        return HttpResponseRedirect(reverse("admin:people_user_changelist"))
    page = {**admin.site.each_context(request), "title": "Password link", "person": user, "opts": User._meta}
    source, now, status = audit.Source.of(request), clock.now(), 200
    try:
        if request.POST.get("way") == "mail":
            password_links.send(user, source=source, now=now)
            messages.success(request, f"A password link goes to {user.email}. It ends in 24 hours.")
            return HttpResponseRedirect(reverse("admin:people_user_change", args=[pk]))
        if request.POST.get("way") == "show":
            page["link"] = password_links.show(user, source=source, now=now)
    except Invalid as error:
        page["refused"], status = error.sentence, 422
    return TemplateResponse(request, "admin/people/user/password_link.html", page, status=status)


class StepInline(admin.TabularInline[EscalationStep, Team]):
    """The ordered list of the people to page."""

    model = EscalationStep
    extra = 0


@admin.register(Team)
class TeamAdmin(DeskAdmin[Team]):
    """Teams with their escalation lists."""

    list_display = ["name", "zone", "manager"]
    list_select_related = ["manager"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [StepInline]


class ScopeFilter(SimpleListFilter):
    """Tokens with one scope, among others."""

    title, parameter_name = "scope", "scope"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The scopes there are."""
        return [(scope.value, str(scope.label)) for scope in Scope]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> QuerySet[ApiToken]:
        """Those that have it."""
        return queryset.filter(scopes__contains=[self.value()]) if self.value() else queryset


@admin.register(ApiToken)
class ApiTokenAdmin(LookOnly[ApiToken]):
    """Tokens by their beginning; the text is nowhere."""

    list_display = [
        "name",
        "prefix",
        "user",
        "scopes",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    ]
    list_filter = [ScopeFilter]
    list_select_related = ["user"]
    search_fields = ["name", "prefix", "user__name", "user__email"]
    actions = ["revoke"]

    @admin.action(description="Revoke selected tokens")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """End each for good, and tell its person."""
        source, now = audit.Source.of(request), clock.now()
        rows = queryset.select_related("user")
        ended = sum(administration.revoke_token(row, source=source, now=now) for row in rows)
        messages.success(request, f"{ended} tokens revoked.")


class EventFilter(SimpleListFilter):
    """Entries of one kind."""

    title, parameter_name = "event", "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The kinds there are."""
        return [(event.value, str(event.label)) for event in Event]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """Those of this kind."""
        return queryset.filter(event=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(LookOnly[AuditEntry]):
    """The security audit, the newest first. `manage.py verify_timeline` checks that it is what was written."""

    list_display = ["when", "what", "who", "about", "address", "said"]
    list_display_links = None
    list_filter = [EventFilter]
    search_fields = ["by_name", "about", "address"]
    date_hierarchy = "at"
    ordering = ["-at", "-id"]

    @admin.display(description="time", ordering="at")
    def when(self, entry: AuditEntry) -> SafeString:
        """To the second, with its zone."""
        return format_html('<span class="nowrap">{} UTC</span>', f"{entry.at:%Y-%m-%d %H:%M:%S}")

    @admin.display(description="event", ordering="event")
    def what(self, entry: AuditEntry) -> str:
        """The kind in words; one of a newer version as it is stored."""
        return str(Event(entry.event).label) if entry.event in Event.values else entry.event

    @admin.display(description="by", ordering="by_name")
    def who(self, entry: AuditEntry) -> str:
        """The name at that time; nobody is known of strangers and commands."""
        return entry.by_name or ("unknown" if entry.address else "command on the server")

    @admin.display(description="details")
    def said(self, entry: AuditEntry) -> str:
        """Each detail with its name."""
        return ", ".join(f"{name}: {value}" for name, value in entry.details.items())


# Sign-ins are not listed here: their keys are their primary keys, and an address with one in it would open it.
admin.site.unregister([Group, EmailAddress])
