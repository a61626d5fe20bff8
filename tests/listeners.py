"""Listeners on loopback, TCP and UDP, IPv4 and IPv6, that note whatever arrives. Needs nothing but Python."""

import contextlib
import errno
import selectors
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

KINDS = {"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM}
HOSTS = {"IPv4": (socket.AF_INET, "127.0.0.1"), "IPv6": (socket.AF_INET6, "::1")}


@dataclass
class Listeners:
    """The ports on which somebody listens, and who was heard."""

    ports: tuple[int, ...] = ()
    heard: list[str] = field(default_factory=list)


@contextlib.contextmanager
def listening() -> Iterator[Listeners]:
    """Listen while inside; leaves when all that has come by then is noted."""
    listeners = Listeners()
    with contextlib.ExitStack() as opened:
        selector = opened.enter_context(selectors.DefaultSelector())
        for kind, number in KINDS.items():
            for version, (family, host) in HOSTS.items():
                listener = opened.enter_context(socket.socket(family, number))
                try:
                    listener.bind((host, 0))
                except OSError as error:
                    if family == socket.AF_INET6 and error.errno == errno.EADDRNOTAVAIL:
                        continue  # A container's network may have no IPv6, so nobody can reach anything there.
                    raise
                if kind == "TCP":
                    listener.listen()
                listener.setblocking(False)
                selector.register(listener, selectors.EVENT_READ, f"{kind} over {version}")
                listeners.ports += (listener.getsockname()[1],)
        done = threading.Event()
        thread = threading.Thread(target=_listen, args=(selector, done, listeners.heard))
        thread.start()
        try:
            yield listeners
        finally:
            done.set()
            thread.join()


def _listen(selector: selectors.BaseSelector, done: threading.Event, heard: list[str]) -> None:
    while (ready := selector.select(0.1)) or not done.is_set():
        for key, _ in ready:
            listener = key.fileobj
            assert isinstance(listener, socket.socket)
            heard.append(key.data)
            if listener.type == socket.SOCK_STREAM:
                listener.accept()[0].close()
            else:
                listener.recv(1000)
