"""A proxy on loopback that does to each request what was queued for it: lets it pass, or lets something go wrong.

One connection carries one request, which is passed on with its Host header as it is: that is what S3 signs.
"""

import contextlib
import dataclasses
import html
import http.client
import io
import socket
import socketserver
import ssl
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

# What each hop says for itself: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
OF_ONE_HOP = ("connection", "content-length", "keep-alive", "transfer-encoding")
# So small that a client has not yet sent a body of megabytes when the proxy has read little of it.
RECEIVE_BUFFER_BYTES = 1 << 16
# Without it boto3 waits a second before it sends the body: https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
LINGER_NOT = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Request:
    """A request as it came; the path with its query, the body as far as it was read."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What goes back to the client."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def having(self, headers: Mapping[str, str]) -> "Answer":
        """The same with these headers in the place of its own."""
        replaced = {name.lower() for name in headers}
        kept = {name: value for name, value in self.headers.items() if name.lower() not in replaced}
        return dataclasses.replace(self, headers={**kept, **headers})

    def raw(self) -> bytes:
        """All of it, as it is sent."""
        headers = {**self.headers, "Connection": "close"}
        if self.status != HTTPStatus.NO_CONTENT:
            headers["Content-Length"] = str(len(self.body))
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


class Exchange:
    """One connection and the request on it, empty as long as none was read."""

    def __init__(self, proxy: "Proxy", connection: socket.socket) -> None:
        self.proxy = proxy
        self.request = Request("", "", {})
        self.began_s = time.monotonic()
        self._connection = connection

    def read_head(self) -> None:
        """Read the request up to its body."""
        if self.proxy.tls:
            self._connection = self.proxy.tls.wrap_socket(self._connection, server_side=True)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.receive(1)
        first, _, rest = head.partition(b"\r\n")
        method, path, _ = first.decode("latin-1").split(" ")
        headers = http.client.parse_headers(io.BytesIO(rest))
        self.request = Request(method, path, {name.lower(): value for name, value in headers.items()})

    def read(self, at_most: int = 1 << 40) -> Request:
        """Read the request with its body, or with that much of it."""
        self.read_head()
        if self.request.headers.get("expect") == "100-continue":
            self.send(CONTINUE)
        length = int(self.request.headers.get("content-length", 0))
        self.request = dataclasses.replace(self.request, body=self.receive(min(length, at_most)))
        return self.request

    def receive(self, count: int) -> bytes:
        """Exactly so many bytes. Raises OSError if the client leaves before."""
        data = bytearray()
        while len(data) < count:
            chunk = self._connection.recv(min(count - len(data), RECEIVE_BUFFER_BYTES))
            if not chunk:
                raise ConnectionError("the client left")
            data += chunk
        return bytes(data)

    def send(self, data: bytes) -> None:
        """Send to the client."""
        self._connection.sendall(data)

    def wait(self) -> None:
        """Be silent until the proxy ends."""
        self.proxy.is_silent.set()
        self.proxy.has_ended.wait()

    def reset(self) -> None:
        """End the connection with a reset instead of an orderly end."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        self._connection.close()

    def close(self) -> None:
        """End the connection, if it has not been."""
        self._connection.close()


class Trouble(Protocol):
    """What becomes of one request."""

    def befall(self, exchange: Exchange) -> None:
        """Take what comes of the request and send what is to be sent; the connection is closed afterwards."""


class Proxy:
    """Does to the first, second, … request what is in `troubles`, and `then` to all that follow; keeps all of
    them. With `tls` its clients speak https.
    """

    def __init__(self, upstream: str, troubles: tuple[Trouble, ...], then: Trouble, tls: ssl.SSLContext | None) -> None:
        self.upstream = upstream
        self.tls = tls
        self.url = ""
        self.exchanges: list[Exchange] = []
        self.is_silent = threading.Event()
        self.has_ended = threading.Event()
        self._troubles = deque(troubles)
        self._then = then
        self._lock = threading.Lock()

    def serve(self, connection: socket.socket) -> None:
        """Let the client have what is due."""
        exchange = Exchange(self, connection)
        with self._lock:
            self.exchanges.append(exchange)
            trouble = self._troubles.popleft() if self._troubles else self._then
        # Clients leave when they have had enough, and in the midst of a handshake if they trust nobody.
        with contextlib.closing(exchange), contextlib.suppress(OSError):
            trouble.befall(exchange)

    def forward(self, request: Request) -> Answer:
        """What the server behind the proxy answers."""
        server = http.client.HTTPConnection(urlsplit(self.upstream).netloc)
        with contextlib.closing(server):
            server.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name != "connection":
                    server.putheader(name, value)
            server.endheaders(request.body)
            response = server.getresponse()
            headers = {name: value for name, value in response.getheaders() if name.lower() not in OF_ONE_HOP}
            return Answer(response.status, response.read(), headers)


@contextlib.contextmanager
def proxying(
    upstream: str, *troubles: Trouble, then: Trouble | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[Proxy]:
    """A proxy on a free port of loopback, in front of the server at that URL; without `then` all passes in the end."""
    proxy = Proxy(upstream, troubles, then or Pass(), tls)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            proxy.serve(self.request)

    class Listener(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 20

        def server_bind(self) -> None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            super().server_bind()

    listener = Listener(("127.0.0.1", 0), Handler)
    proxy.url = f"{'https' if tls else 'http'}://127.0.0.1:{listener.server_address[1]}"
    thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.has_ended.set()
        listener.shutdown()
        listener.server_close()
        thread.join()


# What can become of a request


@dataclass(frozen=True)
class Pass:
    """Nothing goes wrong, but it takes a while if `wait_s` says so."""

    wait_s: float = 0.0

    def befall(self, exchange: Exchange) -> None:
        """Pass all of it on."""
        request = exchange.read()
        if self.wait_s:
            exchange.proxy.is_silent.set()
            time.sleep(self.wait_s)
        exchange.send(exchange.proxy.forward(request).raw())


@dataclass(frozen=True)
class ResetAtOnce:
    """The connection is reset before anything is read."""

    def befall(self, exchange: Exchange) -> None:
        """Reset."""
        exchange.reset()


@dataclass(frozen=True)
class ResetInRequest:
    """The connection is reset after so many bytes of the request's body; nothing reaches the server."""

    after: int

    def befall(self, exchange: Exchange) -> None:
        """Read a part."""
        exchange.read(self.after)
        exchange.reset()


@dataclass(frozen=True)
class CutAnswer:
    """The server has done what it was asked for, but of its answer only the first bytes come, the head included, and
    then an end or a reset.
    """

    after: int
    reset: bool = False

    def befall(self, exchange: Exchange) -> None:
        """Send a part."""
        exchange.send(exchange.proxy.forward(exchange.read()).raw()[: self.after])
        if self.reset:
            exchange.reset()


@dataclass(frozen=True)
class Status:
    """The proxy itself answers; with `passes`, after the server has done what it was asked for."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    passes: bool = False

    def befall(self, exchange: Exchange) -> None:
        """Answer."""
        request = exchange.read()
        if self.passes:
            exchange.proxy.forward(request)
        exchange.send(Answer(self.status, self.body, self.headers).raw())


@dataclass(frozen=True)
class Echo:
    """An error of S3 whose message is the beginning of the request, with all that is secret in it."""

    status: int

    def befall(self, exchange: Exchange) -> None:
        """Answer with what was asked."""
        request = exchange.read()
        quoted = html.escape(f"{request.path} {request.body.decode()}"[:2000])
        body = f"<Error><Code>AccessDenied</Code><Message>No to {quoted}</Message></Error>"
        exchange.send(Answer(self.status, body.encode()).raw())


@dataclass(frozen=True)
class Redirect:
    """The same path and query at another server, or once more at the proxy."""

    status: int
    to: str = ""

    def befall(self, exchange: Exchange) -> None:
        """Answer with the other address."""
        location = (self.to or exchange.proxy.url) + exchange.read().path
        exchange.send(Answer(self.status, headers={"Location": location}).raw())


@dataclass(frozen=True)
class Hang:
    """Silence, after so many bytes of the server's answer; without any, the server is not asked."""

    after: int = 0

    def befall(self, exchange: Exchange) -> None:
        """Keep the connection open."""
        request = exchange.read()
        if self.after:
            exchange.send(exchange.proxy.forward(request).raw()[: self.after])
        exchange.wait()


@dataclass(frozen=True)
class TrickleAnswer:
    """The answer comes in pieces, with a pause after each."""

    piece: int = 1
    pause_s: float = 0.02

    def befall(self, exchange: Exchange) -> None:
        """Send slowly."""
        raw = exchange.proxy.forward(exchange.read()).raw()
        for start in range(0, len(raw), self.piece):
            exchange.send(raw[start : start + self.piece])
            if exchange.proxy.has_ended.wait(self.pause_s):
                return


@dataclass(frozen=True)
class TrickleRequest:
    """The request's body is read a byte at a time."""

    pause_s: float = 0.02

    def befall(self, exchange: Exchange) -> None:
        """Read slowly."""
        exchange.read_head()
        while not exchange.proxy.has_ended.wait(self.pause_s):
            exchange.receive(1)


@dataclass(frozen=True)
class Overlong:
    """More comes than Content-Length announces."""

    extra: bytes = b"more"

    def befall(self, exchange: Exchange) -> None:
        """Send all, and then more."""
        exchange.send(exchange.proxy.forward(exchange.read()).raw() + self.extra)


@dataclass(frozen=True)
class DamagedAnswer:
    """One byte in the middle of the answer's body is another."""

    def befall(self, exchange: Exchange) -> None:
        """Damage the body on its way back."""
        answer = exchange.proxy.forward(exchange.read())
        exchange.send(dataclasses.replace(answer, body=damaged(answer.body)).raw())


@dataclass(frozen=True)
class OtherHeaders:
    """The answer has these headers in the place of its own; the request comes without those in `ignored`."""

    headers: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    def befall(self, exchange: Exchange) -> None:
        """Change the heads."""
        request = exchange.read()
        kept = {name: value for name, value in request.headers.items() if name not in self.ignored}
        answer = exchange.proxy.forward(dataclasses.replace(request, headers=kept))
        exchange.send(answer.having(self.headers).raw())


@dataclass(frozen=True)
class NoHandshake:
    """A server that does not speak TLS answers to what it does not understand."""

    def befall(self, exchange: Exchange) -> None:
        """Answer in plain text."""
        exchange.send(Answer(HTTPStatus.BAD_REQUEST).raw())


def damaged(body: bytes) -> bytes:
    """The bytes, but for the lowest bit of the one in the middle."""
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
