"""Times as a sentence of refusal says them."""

from incidentdesk.kernel.stamps import Stamp, moment


def clock_time(at: Stamp) -> str:
    """A stamp as people read it: `03:30:00 UTC`."""
    return f"{moment(at):%H:%M:%S} UTC"


def span(seconds: float) -> str:
    """A length of time as people read it: `0:01`, `12:30`, `1:02:03`."""
    whole = int(seconds) + (seconds > int(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
