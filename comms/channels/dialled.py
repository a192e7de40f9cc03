"""HTTP over a socket to an address that was checked: the library looks nothing up, uses no proxy, follows nothing (S22)."""

import http.client
import socket
import ssl

from comms.channels import EXCHANGE_SECONDS
from comms.channels.guard import Target
from comms.channels.wire import Watch, dial


class Dialled(http.client.HTTPConnection):
    """An HTTP connection over a socket to the checked address: no look-up, no proxy, no redirect is left to the library."""

    def __init__(self, target: Target, watch: Watch, tls: ssl.SSLContext | None) -> None:
        super().__init__(target.host, target.port, timeout=EXCHANGE_SECONDS)
        self._target, self._watch, self._tls = target, watch, tls

    def connect(self) -> None:
        raw = dial(self._target.addresses, self._target.port, self._watch)
        self.sock: socket.socket = raw
        if self._target.scheme == "https":
            context = self._tls or ssl.create_default_context()
            wrapped = context.wrap_socket(
                raw, server_hostname=self._target.host, do_handshake_on_connect=False
            )
            self.sock = self._watch.over(wrapped)
            wrapped.do_handshake()
