"""The session engine: rows in PostgreSQL that know whose they are and end by themselves (RBAC-20).

A trusted device stays signed in until 30 days without use or 90 days in all; any other, half a day without use.
Reading a session never extends it; `touch` does, at most once an hour, for ordinary requests only. Times are the
database's own: this engine runs before any view could read the clock.
"""

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.db import IntegrityError, transaction
from django.db.models import DateTimeField, DurationField, F, Value
from django.db.models.functions import Least, Now

from incidentdesk.kernel import sql
from people.models import Session

IDLE_TRUSTED = timedelta(days=30)
IDLE = timedelta(hours=12)
ABSOLUTE = timedelta(days=90)
TOUCH_EVERY = timedelta(hours=1)

TRUSTED_KEY = "trusted"
DEVICE_KEY = "device"


def _span(length: timedelta) -> Value:
    return Value(length, output_field=DurationField())


_LIVE = """
SELECT session_data, created_at, statement_timestamp() - last_seen FROM people_session
WHERE session_key = %s AND expire_date > statement_timestamp()
"""


class SessionStore(SessionBase):
    """One session, loaded when first read and written when changed. A deleted row is never brought back by a save."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._created_at: datetime | None = None
        self._touch_due = False

    def _validate_session_key(self, key: str) -> bool:
        # A cookie may say anything, also what no statement may carry; a key of ours is letters and digits.
        return len(key or "") >= 8 and key.isascii() and key.isalnum()

    def load(self) -> dict[str, Any]:
        """The data of a live session; anything else counts as a new, empty one."""
        rows = sql.run(_LIVE, [self.session_key])
        if not rows:
            self._session_key = None
            return {}
        data, self._created_at, idle = rows[0]
        self._touch_due = idle >= TOUCH_EVERY
        return self.decode(data)

    def exists(self, session_key: str) -> bool:
        """Whether the key is taken."""
        return Session.objects.filter(session_key=session_key).exists()

    def create(self) -> None:
        """Open a new row under a key of its own."""
        while True:
            self._session_key = self._get_new_session_key()  # type: ignore[attr-defined]
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:
        """Write the data; `must_create` opens the row. Saving never moves `last_seen` or the end of an open row."""
        if self.session_key is None:
            return self.create()
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        written = {
            "session_data": self.encode(data),
            "user_id": int(data[SESSION_KEY]) if SESSION_KEY in data else None,
            "device": str(data.get(DEVICE_KEY, ""))[:120],
            "trusted": bool(data.get(TRUSTED_KEY)),
        }
        if must_create:
            return self._open(self.session_key, written)
        if not Session.objects.filter(session_key=self.session_key).update(**written):
            raise UpdateError
        return None

    def _open(self, key: str, written: dict[str, Any]) -> None:
        # A new key inside one sign-in (`cycle_key` when rights grow) keeps the day it began: 90 days stay 90 days.
        kept = self._created_at if written["user_id"] is not None else None
        began = Now() if kept is None else Value(kept, output_field=DateTimeField())
        idle = IDLE_TRUSTED if written["trusted"] else IDLE
        try:
            with transaction.atomic():
                Session.objects.create(
                    session_key=key,
                    created_at=began,
                    last_seen=Now(),
                    expire_date=Least(Now() + _span(idle), began + _span(ABSOLUTE)),
                    **written,
                )
        except IntegrityError as error:
            raise CreateError from error

    def trust(self, *, device: str, trusted: bool) -> None:
        """Say at sign-in which device this is and whether it stays signed in; the row's end follows at once."""
        self[DEVICE_KEY], self[TRUSTED_KEY] = device[:120], trusted
        self.set_expiry(0 if not trusted else None)
        self.save()
        self._extend()

    def touch(self) -> bool:
        """Extend a session that was last seen an hour ago or more; True when it did. Twice is safe."""
        if self._session_key is None or not self._touch_due:
            return False
        self._touch_due = False
        return self._extend(last_seen__lte=Now() - _span(TOUCH_EVERY)) > 0

    def _extend(self, **only: Any) -> int:
        rows = Session.objects.filter(session_key=self.session_key, expire_date__gt=Now(), **only)
        idle = IDLE_TRUSTED if self.get(TRUSTED_KEY) else IDLE
        return rows.update(
            last_seen=Now(), expire_date=Least(Now() + _span(idle), F("created_at") + _span(ABSOLUTE))
        )

    def delete(self, session_key: str | None = None) -> None:
        """End a session on the server; nothing is left that its cookie could open."""
        key = session_key or self.session_key
        if session_key is None:
            self._created_at = None  # whatever is opened next is a sign-in of its own
        if key is not None:
            Session.objects.filter(session_key=key).delete()

    @classmethod
    def clear_expired(cls) -> int:  # type: ignore[override]
        """Delete the rows of sessions that have ended; how many."""
        return Session.objects.filter(expire_date__lte=Now()).delete()[0]
