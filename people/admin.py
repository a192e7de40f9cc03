"""The administration of people: it looks, and changes what has no lifecycle of its own."""

from typing import Any
from zoneinfo import available_timezones

from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest

from incidentdesk.kernel import clock
from people import accounts
from people.models import ApiToken, EscalationStep, Team, User
from people.roles import Role


class UserForm(forms.ModelForm[User]):
    """A person's fields; the password is only asked when they are made."""

    roles = forms.MultipleChoiceField(
        choices=Role.choices, required=False, widget=forms.CheckboxSelectMultiple
    )
    password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="12 characters or more. Leave it empty to keep the present one.",
    )

    class Meta:
        model = User
        fields = ["email", "name", "roles", "team", "zone", "is_active"]

    def clean_email(self) -> str:
        """Addresses are kept in lower case."""
        return str(self.cleaned_data["email"]).lower()

    def clean_zone(self) -> str:
        """A zone the system knows."""
        zone = str(self.cleaned_data["zone"])
        if zone not in available_timezones():
            raise forms.ValidationError("There is no such time zone. Use a name such as Europe/Berlin.")
        return zone

    def clean_password(self) -> str:
        """A password that is long enough, or none."""
        password = str(self.cleaned_data["password"])
        if password:
            validate_password(password, self.instance)
        return password


@admin.register(User)
class UserAdmin(admin.ModelAdmin[User]):
    """People. They are put out by clearing "active", never deleted: the record names them."""

    form = UserForm
    list_display = ["name", "email", "team", "role_words", "is_active", "is_machine"]
    list_filter = ["is_active", "is_machine", "team"]
    search_fields = ["name", "email"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Write the row, then what has consequences through the functions that know them."""
        roles = form.cleaned_data["roles"]
        # A change of roles is written below, where it ends sign-ins.
        obj.roles = User.objects.get(pk=obj.pk).roles if change else accounts.known_roles(roles)
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        accounts.set_roles(obj, roles)
        if form.cleaned_data["password"]:
            key = request.session.session_key
            accounts.set_password(obj, form.cleaned_data["password"], keep=key, now=clock.now())
        accounts.set_active(obj, obj.is_active)


class StepInline(admin.TabularInline[EscalationStep, Team]):
    """The ordered list of the people to page."""

    model = EscalationStep
    extra = 0


@admin.register(Team)
class TeamAdmin(admin.ModelAdmin[Team]):
    """Teams with their escalation lists."""

    list_display = ["name", "zone", "manager"]
    prepopulated_fields = {"slug": ["name"]}
    inlines = [StepInline]


class LookOnly(admin.ModelAdmin[Any]):
    """Rows that are made and ended elsewhere."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


@admin.register(ApiToken)
class ApiTokenAdmin(LookOnly):
    """Tokens by their beginning; the text is nowhere. Deleting one ends it."""

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
    list_filter = ["scopes"]


# Sign-ins are not listed here: their keys are their primary keys, and an address with one in it would open it.
admin.site.unregister([Group, EmailAddress])
