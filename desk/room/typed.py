"""What was typed into refused forms, for templates that name fields by the hundred: what is not there reads as empty."""

from collections.abc import Mapping

from desk.answers import FormState


class _Empty(dict[str, object]):
    """A mapping in which every missing field is an empty text."""

    def __missing__(self, key: str) -> object:
        return ""


class _Untouched(FormState):
    """A form that nobody sent: false, and empty in every field."""

    def __bool__(self) -> bool:
        return False


_UNTOUCHED = _Untouched(_Empty(), {})


class Forms(dict[str, FormState]):
    """The forms by noun, `-` written as `_`."""

    def __missing__(self, key: str) -> FormState:
        return _UNTOUCHED


def forms_of(given: Mapping[str, FormState] | None) -> Forms:
    """The forms that were sent, each forgiving about fields that were not."""
    return Forms({noun: FormState(_Empty(form.values), form.errors) for noun, form in (given or {}).items()})
