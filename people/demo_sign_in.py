"""The one-click sign-in of the demonstration: for its own people only, and only on the machine itself (decisions 6)."""

import ipaddress

from django.http import HttpRequest

from people.models import User

_FORWARDED = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_REAL_IP",
    "HTTP_VIA",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_CF_CONNECTING_IP",
)


def on_this_machine(request: HttpRequest) -> bool:
    """Whether host and sender are both loopback and nothing was forwarded; anything doubtful counts as no."""
    if any(name in request.META for name in _FORWARDED):
        return False
    host = (
        request.get_host().rsplit(":", 1)[0] if not request.get_host().endswith("]") else request.get_host()
    )
    return _loopback(host.strip("[]")) and _loopback(request.META.get("REMOTE_ADDR", ""))


def people(request: HttpRequest) -> list[User]:
    """Who can be signed in as by one click here: the demo's active people, or nobody."""
    if not on_this_machine(request):
        return []
    return list(
        User.objects.filter(is_demo=True, is_active=True, is_machine=False)
        .select_related("team")
        .order_by("pk")
    )


def may_confirm(request: HttpRequest, user: User) -> bool:
    """Whether a click stands in for the password that a demo person does not have."""
    return user.is_demo and not user.has_usable_password() and on_this_machine(request)


def _loopback(text: str) -> bool:
    if text == "localhost":
        return True
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False
