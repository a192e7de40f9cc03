"""The kinds of field that forms are made of, and the forms that are all that some acts need.

Texts are cleaned here (`kernel.text`), so nothing past this point holds control characters or endless words. Times
are aware; the page fills in the viewer's zone before it asks (`desk.parsing`).
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from incidentdesk.kernel.errors import Invalid
from incidentdesk.kernel.text import clean_line, clean_text


def _line(value: str) -> str:
    return _cleaned(clean_line, value)


def _text(value: str) -> str:
    return _cleaned(clean_text, value)


def _cleaned(clean: Callable[[str], str], value: str) -> str:
    try:
        return clean(value)
    except Invalid as error:  # so that the sentence stands beside its field, with those of all others
        raise ValueError(error.sentence) from None


def _none(value: Any) -> Any:
    return None if value == "" else value


def _some(value: str) -> str:
    if not value:
        raise ValueError("Write something here.")
    return value


def _no_minus_zero(value: float) -> float:
    return value + 0.0  # -0.0 is not below 0, and the database gives it back as another number


OR_NONE = BeforeValidator(_none)  # a field left empty says nothing
PLAIN = AfterValidator(_no_minus_zero)

Line = Annotated[str, AfterValidator(_line)]
Text = Annotated[str, AfterValidator(_text)]
NeedLine = Annotated[str, AfterValidator(_line), AfterValidator(_some)]
NeedText = Annotated[str, AfterValidator(_text), AfterValidator(_some)]
When = Annotated[AwareDatetime | None, OR_NONE]
Seen = Annotated[int | None, OR_NONE]
Who = Annotated[UUID | None, OR_NONE]
Number = Annotated[Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False), PLAIN] | None, OR_NONE]
Percent = Annotated[Annotated[float, Field(ge=0, le=100), PLAIN] | None, OR_NONE]
Level = Annotated[int, Field(ge=1, le=4)]
Ticked = Literal["ticked", "pending", ""]


class Form(BaseModel):
    """Base of every act's form; unknown fields are ignored (S21)."""

    model_config = ConfigDict(extra="ignore", str_max_length=20_000)


class Versioned(Form):
    """An act that answers something which somebody else may have changed: `seen_version` is what the person looked at.

    A page that does not know yet what its form will answer sends `seen_upto`: the last entry of the record it showed.
    """

    seen_version: Seen = None
    seen_upto: Seen = None


class Dated(Form):
    """An act that may have happened before it is entered."""

    happened_at: When = None


class DatedVersion(Versioned, Dated):
    """Both."""


class NoteForm(Dated):
    """A stamp with an optional line."""

    note: Text = ""


class EmptyForm(Dated):
    """An act that needs no words."""


class TextForm(Dated):
    """An act with a line."""

    text: Text = ""
