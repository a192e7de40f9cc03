"""JSON to a client's address, signed by the Standard Webhooks rules; the receiver knows a repeat by `webhook-id` (S23)."""

import contextlib
import http.client
import json
import ssl
from collections.abc import Collection
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final

from standardwebhooks import Webhook

from comms.channels import ANSWER_LIMIT, EXCHANGE_SECONDS, Outcome, Parcel, Result
from comms.channels.dialled import Dialled
from comms.channels.guard import Forbidden, Target, Unresolved, check
from comms.channels.wire import Watch

RETRY_AFTER_CAP: Final = 300.0
AGENT: Final = "IncidentDesk/1 (+webhook)"


def send(
    parcel: Parcel,
    *,
    now: datetime,
    allowed: Collection[str] = (),
    seconds: float = EXCHANGE_SECONDS,
    tls: ssl.SSLContext | None = None,
) -> Outcome:
    """Post the parcel's payload to `dest`. 2xx is sent; all else is worth a retry, but for what our own rules forbid.

    `now` dates the signature. At most `seconds` of wall clock pass; `tls` stands in for the system's trust in tests.
    """
    if not parcel.secret:
        return Outcome(
            Result.REFUSED, "There is no signing secret for this webhook; set one and send it again by hand."
        )
    body = json.dumps(parcel.payload, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    with Watch(seconds) as watch:
        try:
            return _exchange(check(parcel.dest, allowed=allowed), parcel, body, watch, now, tls)
        except Forbidden as error:
            return Outcome(Result.REFUSED, str(error))
        except Unresolved as error:
            return Outcome(Result.RETRY, str(error))
        except (OSError, http.client.HTTPException) as error:
            if watch.expired:
                return Outcome(Result.RETRY, f"No answer within {seconds:g} seconds.")
            return Outcome(Result.RETRY, _why(error, seconds))


def _exchange(
    target: Target, parcel: Parcel, body: str, watch: Watch, now: datetime, tls: ssl.SSLContext | None
) -> Outcome:
    headers = {
        "Host": target.netloc,
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": AGENT,
        "Connection": "close",
        "webhook-id": parcel.uid,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(parcel.secret).sign(parcel.uid, now, body),
    }
    connection = Dialled(target, watch, tls)
    try:
        connection.request("POST", target.path, body=body.encode(), headers=headers)
        answer = connection.getresponse()
        # The status line is the answer; what follows is taken up to a limit for the receiver's sake and shown to nobody.
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer.read(ANSWER_LIMIT)
        return _judge(answer, now)
    finally:
        connection.close()


def _judge(answer: http.client.HTTPResponse, now: datetime) -> Outcome:
    if 200 <= answer.status < 300:
        return Outcome(Result.SENT, f"Answered {answer.status}.")
    if 300 <= answer.status < 400:
        return Outcome(Result.RETRY, f"Answered {answer.status}, a redirect, which the desk does not follow.")
    ours = 400 <= answer.status < 500 and answer.status != 429
    wait = _retry_after(answer.headers.get("Retry-After"), now)
    return Outcome(Result.RETRY, f"Answered {answer.status}.", wait, lane_ok=ours)


def _retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by the header, in either of its two forms, at most five minutes; None when absent or unreadable."""
    if not value:
        return None
    if value.strip().isdigit():
        return min(RETRY_AFTER_CAP, float(value.strip()[:9]))
    try:
        wait = (parsedate_to_datetime(value) - now).total_seconds()
    except (TypeError, ValueError):
        return None
    return min(RETRY_AFTER_CAP, max(0.0, wait))


def _why(error: Exception, seconds: float) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate was not accepted: {error.verify_message.rstrip('.')}."
    if isinstance(error, TimeoutError):
        return f"No answer within {seconds:g} seconds."
    if isinstance(error, ConnectionRefusedError):
        return "The connection was refused."
    return f"The exchange broke off ({type(error).__name__})."
