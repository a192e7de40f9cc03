"""What must never reach a log: the secret part of a signed link's address (S15)."""

import logging
import re
from typing import Final

_SECRET: Final = re.compile(r"(/(?:ack|password)/)[^/\s\"'?]+")


class MaskLinks(logging.Filter):
    """Masks tokens of signed links in a record's message and arguments; lets every record through."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask in place."""
        text = record.getMessage()
        masked = _SECRET.sub(r"\1***", text)
        if masked != text:
            record.msg, record.args = masked, ()
        return True
