"""How django-allauth signs people in here: by e-mail and password, without sign-up, mails or messages."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth import authenticate
from django.http import HttpRequest

from people.models import User


class DeskAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Says the same to an unknown person, a wrong password and somebody who was put out, after the same work (S12)."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "This address and password do not match. Nobody was signed in; try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never: people are made by administrators."""
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Nothing: the view has counted the try already (`people.throttle`)."""

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """The person with this address and password who may sign in, or None. One password is hashed either way."""
        user = authenticate(request, **credentials)
        # allauth keeps aside who is inactive, to tell them so; here they are told what everybody is told.
        AuthenticationBackend.unstash_authenticated_user()
        return user if isinstance(user, User) and not user.is_machine else None

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: a page that opened is message enough."""
