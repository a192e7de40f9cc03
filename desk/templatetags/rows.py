"""Rows of the list, rendered once: a row is a frozen value, so what was made of it is right for as long as it is the same."""

from collections.abc import Hashable
from functools import lru_cache
from typing import cast

from django import template
from django.template.loader import get_template
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def list_row(value: Hashable) -> SafeString:
    """One incident of the list, `desk/_list_row.html`."""
    return _row(value)


@lru_cache(maxsize=4096)
def _row(value: Hashable) -> SafeString:
    return cast(SafeString, get_template("desk/_list_row.html").render({"row": value}))
