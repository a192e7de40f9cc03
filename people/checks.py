"""What must hold before the desk starts."""

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

from people import access


@register(Tags.security)
def every_url_declares_its_access(**_: Any) -> list[CheckMessage]:
    """A URL whose view declares nothing keeps the desk from starting (S1)."""
    return [
        Error(
            f"The view at /{route} does not say who may use it.",
            hint="Put @access.signed_in, @access.room, @access.needs(Right...) or @access.open_to_all(why) on it.",
            id="people.E001",
        )
        for route in access.undeclared()
    ]
