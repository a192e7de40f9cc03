"""What must never reach a log: the secret part of a signed link's address, and values that PostgreSQL quotes (S15, S18)."""

import logging
import re
from typing import Any, Final

_SECRET: Final = re.compile(r"(/(?:ack|password)/)[^/\s\"'?]+")
# PostgreSQL tells the whole row that it refused, with what was typed and stored in it, or the statement it failed in.
_TOLD_BY_POSTGRESQL: Final = re.compile(r"^((?:DETAIL|CONTEXT|QUERY|STATEMENT):).*$", re.MULTILINE)
_LINE_OF_SQL: Final = re.compile(r"^(LINE \d+:).*\n.*\^$", re.MULTILINE)


class Line(logging.Formatter):
    """A line of a log; of an exception it leaves out what PostgreSQL quotes, and the secret part of links."""

    def formatException(self, ei: Any) -> str:
        """The traceback without quoted values."""
        return masked(super().formatException(ei))


def masked(text: str) -> str:
    """The text without rows and statements that PostgreSQL quotes, and without tokens of links."""
    text = _TOLD_BY_POSTGRESQL.sub(r"\1 (not logged)", text)
    return _SECRET.sub(r"\1***", _LINE_OF_SQL.sub(r"\1 (not logged)", text))


class MaskLinks(logging.Filter):
    """Masks secrets in a record's message and arguments; lets every record through."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask in place."""
        text = record.getMessage()
        said = masked(text)
        if said != text:
            record.msg, record.args = said, ()
        return True
