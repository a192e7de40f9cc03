"""Taking a secret out of a record: the text of one entry is blanked, and an entry says so (RBAC-13).

The chain covers a salted hash of the text, not the text, so it holds afterwards; who did it, when and why stays.
"""

from datetime import datetime

from django.db import connection, transaction

from incidentdesk.kernel.errors import Invalid, NotAllowed
from incidents import projection
from incidents import record as records
from incidents.models import EntryText, Incident
from incidents.protocol import Draft
from people.models import User
from people.rights import Right, columns, may, refusal

BLANK = "SELECT incidents_blank_text(%s, %s)"


def redact(incident: Incident, seq: int, *, reason: str, by: User, now: datetime) -> int:
    """Blank the texts of entry `seq` and record that; the seq of the mark. Works on the owner's connection alone.

    Raises NotAllowed for anybody but an administrator, Invalid without a reason or where there is no text to blank.
    What repeats these texts elsewhere is the business of `desk.redacting`.
    """
    if not may(Right.REDACT, columns(by.roles)):
        raise NotAllowed(refusal(Right.REDACT))
    if not reason.strip():
        raise Invalid("A redaction needs its reason, without the secret in it. Nothing was changed.")
    with transaction.atomic():
        record = records.load(incident.pk, now=now)
        text = EntryText.objects.filter(incident=incident, seq=seq).first()
        if text is None or not text.body:
            raise Invalid(
                f"Entry {seq} of {incident.key} has no text that could be redacted. Nothing was changed."
            )
        record.role = "admin"
        mark = record.add(Draft("redacted", {"of": seq}, by.pk, texts={"reason": reason.strip()}))
        records.save([record], now=now)
        with connection.cursor() as cursor:
            cursor.execute(BLANK, [incident.pk, seq])
        projection.index_words(incident.pk)
    return mark.seq
