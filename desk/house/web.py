"""`python -m desk.house.web`: becomes the web server, by HOST, PORT and the WEB_ variables of the environment.

The one place that says how the server is started: `manage.py desk`, `deploy/web` and the benches all come here.
"""

import os
import sys

from incidentdesk.kernel import env, env_addresses
from incidentdesk.kernel.door import capacity


def main() -> None:
    """Raise the limit of open files, then become granian: the process keeps its id."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = env.integer("WEB_WORKERS", cores, least=1)
    each = capacity.each(env.integer("WEB_CONNECTIONS", capacity.WANTED, least=64), workers)
    told = {**os.environ, "DESK_PROCESS": "web", capacity.EACH: str(each)}
    host, port = env_addresses.bind_host("HOST", "127.0.0.1"), env.integer("PORT", 8000, least=1, most=65_535)
    line = command(host, port, workers)
    os.execve(line[0], line, told)  # noqa: S606  (no shell, our own interpreter)


def command(host: str, port: int, workers: int) -> list[str]:
    """The server's command line."""
    return [
        sys.executable, "-m", "granian", "--interface", "rsgi", "--host", host, "--port", str(port),
        "--workers", str(workers), "--no-ws", "--http", "1", "--loop", "asyncio",
        "--http1-header-read-timeout", str(capacity.IDLE_SECONDS * 1000), "--http1-buffer-size", "65536",
        "--backlog", "4096", "--respawn-failed-workers", "--respawn-interval", "0.5", "--workers-kill-timeout", "8",
        "--log-level", "warning", "incidentdesk.rsgi:application",
    ]  # fmt: skip


if __name__ == "__main__":
    main()
