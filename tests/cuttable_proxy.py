"""A proxy on loopback that passes bytes on as they are, and whose connections can be cut for a while."""

import contextlib
import select
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

CHUNK_BYTES = 1 << 16
LINGER_NOT = struct.pack("ii", 1, 0)


class CuttableProxy:
    """Leads to one server, but while it is cut: then all connections end with a reset, the new ones at once."""

    def __init__(self, upstream: tuple[str, int]) -> None:
        self.url = ""
        self._upstream = upstream
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._cut_until = 0.0

    def cut(self, seconds: float) -> None:
        """Reset all connections, and for so long those to come."""
        with self._lock:
            self._cut_until = time.monotonic() + seconds
            for connection in self._open:
                _reset(connection)

    def serve(self, client: socket.socket) -> None:
        """Pass on what both sides say until one of them has ended."""
        with contextlib.suppress(OSError), socket.create_connection(self._upstream, timeout=10) as server:
            with self._lock:
                if time.monotonic() < self._cut_until:
                    _reset(client)
                    return
                self._open.add(client)
            try:
                _pass_on(client, server)
            finally:
                with self._lock:
                    self._open.discard(client)


def _reset(connection: socket.socket) -> None:
    """End it with a reset; whoever reads it here sees its end."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        connection.shutdown(socket.SHUT_RD)


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    while True:
        for ready in select.select([one, other], [], [])[0]:
            data = ready.recv(CHUNK_BYTES)
            if not data:
                return
            (other if ready is one else one).sendall(data)


@contextlib.contextmanager
def cuttable(upstream: str) -> Iterator[CuttableProxy]:
    """Serve on a free port of loopback, in front of the server with that URL."""
    address = urlsplit(upstream)
    assert address.hostname is not None
    assert address.port is not None
    proxy = CuttableProxy((address.hostname, address.port))

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            proxy.serve(self.request)

    class Listener(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 128

        def shutdown_request(self, request: object) -> None:
            """Close it, with a reset where that was set: an orderly end would come first otherwise."""
            self.close_request(request)  # type: ignore[arg-type]

    listener = Listener(("127.0.0.1", 0), Handler)
    proxy.url = f"http://127.0.0.1:{listener.server_address[1]}"
    thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.cut(0)
        listener.shutdown()
        listener.server_close()
        thread.join()
