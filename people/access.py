"""What each view asks of the person before it: declared beside the view, and checked for every URL (S1).

Signing in is asked of every view by `people.middleware`. A view that declares nothing does not pass the check that
runs at start and in the tests, so no page is open because somebody forgot.
"""

from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import Any, Final, TypeVar

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, get_resolver

from incidentdesk.kernel.http import mark_denied
from people.rights import Right, columns, may, refusal

View = TypeVar("View", bound=Callable[..., Any])

FORM: Final = 16 * 1024  # bytes of a form that somebody may send who has not signed in

# Whole trees that come with a library and ask for themselves, by application namespace.
_TREES_THAT_ASK = {"admin": "people.admin_site: administrators, with the password given again"}
# Views that do, by the module their function lives in.
_VIEWS_THAT_ASK = {"ninja.": "the API: each operation names its token scope; its schema is open"}


def open_to_all(why: str, *, reads: int | None = FORM) -> Callable[[View], View]:
    """Nobody needs to sign in here; `why` says what guards it instead, or that nothing needs guarding.

    A body of more than `reads` bytes is refused unread; None where the view asks for a token before it reads.
    """

    def mark(view: View) -> View:
        view.reads = reads  # type: ignore[attr-defined]  # a mark on a function
        return _declare(login_not_required(view), f"open: {why}")

    return mark


def too_large(view: Any, length: str) -> int:
    """How many bytes an open view reads where a body of this `Content-Length` is longer, else 0."""
    most: int | None = getattr(view, "reads", None)
    return most if most is not None and length.isdigit() and int(length[:20]) > most else 0


def signed_in(view: View) -> View:
    """Everybody who is signed in, each seeing only what is theirs."""
    return _declare(view, "signed in")


def room(view: View) -> View:
    """Who may enter the war room; to anybody else the page does not exist (S3)."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated or not request.user.sees_room:
            mark_denied(request)
            raise Http404
        response: HttpResponseBase = view(request, *args, **kwargs)
        return response

    return _declare(guarded, "room")  # type: ignore[return-value]  # takes the same arguments


def needs(right: Right) -> Callable[[View], View]:
    """Who holds the right by role alone; anybody else gets a 403 that names who can help (RBAC-19).

    Acts that depend on seats ask again in their flow.
    """

    def mark(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            user = request.user
            if not user.is_authenticated or not may(right, columns(user.roles)):
                return render(request, "errors/403.html", {"sentence": refusal(right)}, status=403)
            response: HttpResponseBase = view(request, *args, **kwargs)
            return response

        return _declare(guarded, f"right: {right}")  # type: ignore[return-value]  # as above

    return mark


def declared(view: Any) -> str:
    """What the view declares, or an empty text."""
    own = getattr(view, "access", "")
    return str(own) or next((note for module, note in _VIEWS_THAT_ASK.items() if _lives_in(view, module)), "")


def asks_for_itself(view: Any) -> bool:
    """Whether a library's view does its own asking, so that the sign-in page must not stand before it (the API)."""
    return any(_lives_in(view, module) for module in _VIEWS_THAT_ASK)


def undeclared(urlconf: str | None = None) -> list[str]:
    """The routes of the URL configuration whose views declare nothing; empty when all is well."""
    return [route for route, view in views(get_resolver(urlconf)) if not declared(view)]


def views(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every route below the resolver with its view, but for trees that ask for themselves."""
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield route, pattern.callback
        elif pattern.app_name not in _TREES_THAT_ASK:
            yield from views(pattern, route)


def _lives_in(view: Any, module: str) -> bool:
    function = view.func if isinstance(view, partial) else view  # the API's schema pages are partials
    return str(getattr(function, "__module__", "")).startswith(module)


def _declare(view: View, access: str) -> View:
    view.access = access  # type: ignore[attr-defined]  # a mark on a function
    return view
