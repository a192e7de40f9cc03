"""A GET that only says "still here", to a monitor outside (N7). Its answer is read by nobody."""

import http.client
from collections.abc import Collection

from comms.channels import EXCHANGE_SECONDS
from comms.channels.dialled import Dialled
from comms.channels.guard import Forbidden, Target, Unresolved, check
from comms.channels.wire import Watch

AGENT = "IncidentDesk/1 (+ping)"


def ping(url: str, *, allowed: Collection[str] = (), seconds: float = EXCHANGE_SECONDS) -> str:
    """Call `url` once by the rules for every outgoing call. Empty when it answered 2xx, else a sentence that says why not.

    At most `seconds` of wall clock pass. The sentence never holds the URL, whose path is often a secret.
    """
    with Watch(seconds) as watch:
        try:
            return _exchange(check(url, allowed=allowed), watch)
        except (Forbidden, Unresolved) as error:
            return str(error)
        except (OSError, http.client.HTTPException) as error:
            if watch.expired or isinstance(error, TimeoutError):
                return f"No answer within {seconds:g} seconds."
            return f"The exchange broke off ({type(error).__name__})."


def _exchange(target: Target, watch: Watch) -> str:
    connection = Dialled(target, watch, None)
    headers = {"Host": target.netloc, "User-Agent": AGENT, "Connection": "close"}
    try:
        connection.request("GET", target.path, headers=headers)
        status = connection.getresponse().status
    finally:
        connection.close()
    return "" if 200 <= status < 300 else f"Answered {status}."
