"""Sign-in and account forms, in the words and classes of the design."""

from typing import Any, cast

from allauth.account.forms import LoginForm
from django import forms
from django.core.exceptions import ValidationError

from incidentdesk.kernel.host_names import known_mail
from people import tokens
from people.models import User
from people.roles import Scope, Theme

_LONGEST_PASSWORD = 256


def _password(label: str, *, autocomplete: str) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"class": "input", "autocomplete": autocomplete})
    return forms.CharField(label=label, strip=False, max_length=_LONGEST_PASSWORD, widget=widget)


class SignInForm(LoginForm):  # type: ignore[misc]
    """Address, password, and whether this device stays signed in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"] = forms.EmailField(
            label="E-mail address",
            widget=forms.EmailInput(attrs={"class": "input", "autocomplete": "username", "autofocus": True}),
        )
        self.fields["password"] = _password("Password", autocomplete="current-password")
        self.fields["remember"] = forms.BooleanField(
            label="Stay signed in on this device", required=False, initial=True
        )

    def clean_login(self) -> str:
        """The form in which addresses are stored: browsers send an international domain in ASCII."""
        return known_mail(str(self.cleaned_data["login"]))


class ConfirmForm(forms.Form):
    """The password of the person who is signed in, once more."""

    password = _password("Your password", autocomplete="current-password")


class PasswordForm(forms.Form):
    """A new password beside the old one."""

    old = _password("Present password", autocomplete="current-password")
    new = _password("New password, 12 characters or more", autocomplete="new-password")
    # Asked this way round so that an answer that is missing ends them.
    keep_tokens = forms.BooleanField(label="Keep my API tokens", required=False)
    keep_devices = forms.BooleanField(label="Keep trusting my other browsers", required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_old(self) -> str:
        """Refuses a wrong present password."""
        old: str = self.cleaned_data["old"]
        if not self.user.check_password(old):
            raise ValidationError("This is not your present password. Nothing was changed.")
        return old


class NewPasswordForm(forms.Form):
    """A new password alone, for somebody who came by a link."""

    new = _password("New password, 12 characters or more", autocomplete="new-password")


class PreferencesForm(forms.Form):
    """How the desk looks and listens for one person."""

    theme = forms.ChoiceField(choices=Theme.choices)
    shortcuts = forms.BooleanField(required=False)


class TokenForm(forms.Form):
    """A new API token."""

    name = forms.CharField(max_length=80, widget=forms.TextInput(attrs={"class": "input"}))
    scopes = forms.MultipleChoiceField(choices=Scope.choices, widget=forms.CheckboxSelectMultiple)
    days = forms.TypedChoiceField(
        label="Ends after",
        coerce=int,
        choices=[(30, "30 days"), (90, "90 days"), (365, "a year")],
        initial=90,
        widget=forms.Select(attrs={"class": "select select--auto"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scopes = cast(forms.MultipleChoiceField, self.fields["scopes"])
        scopes.choices = [(scope.value, scope.label) for scope in tokens.open_to(user)]
