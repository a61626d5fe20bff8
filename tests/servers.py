"""A real HTTP server on loopback whose answers the tests queue up, path by path."""

import threading
import time
import unittest
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar


@dataclass(frozen=True)
class Answer:
    """One answer: it waits first; `cut` promises the whole body and closes after that many bytes."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    wait_s: float = 0.0


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class Server:
    """Answers each path with what was queued for it, the last one for ever; keeps every request."""

    def __init__(self) -> None:
        self.answers: dict[str, deque[Answer]] = defaultdict(deque)
        self.requests: list[Request] = []
        self.url = ""

    def queue(self, path: str, *answers: Answer) -> str:
        """Queue the answers and return the path's URL."""
        self.answers[path].extend(answers)
        return self.url + path

    def take(self, request: Request) -> Answer:
        """Keep the request and return the answer that is due."""
        self.requests.append(request)
        due = self.answers[request.path]
        if not due:
            return Answer(404)
        return due.popleft() if len(due) > 1 else due[0]


class QuietHandler(BaseHTTPRequestHandler):
    """Keeps connections open, answers at once, and says nothing of clients that leave."""

    protocol_version = "HTTP/1.1"
    # Head and body are two writes: the second would wait for the client's delayed acknowledgement of the first.
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(ConnectionError):  # Clients leave in the midst of an answer.
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


@contextmanager
def listening(handler: type[QuietHandler], port: int = 0) -> Iterator[str]:
    """Serve on loopback, on a free port if none is given; yields the URL."""
    listener = ThreadingHTTPServer(("127.0.0.1", port), handler)
    thread = threading.Thread(target=listener.serve_forever, args=[0.01], daemon=True)  # Soon over.
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_address[1]}"
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


@contextmanager
def serving() -> Iterator[Server]:
    """Serve on a free port of loopback."""
    server = Server()

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = server.take(Request(self.command, path, query, dict(self.headers), body))
            if answer.wait_s:  # A test may count what sleeps.
                time.sleep(answer.wait_s)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            with suppress(ConnectionError):  # The client may have left while the answer waited.
                self.end_headers()
                self.wfile.write(answer.body[: answer.cut])
            self.close_connection = answer.cut is not None

        do_POST = do_PUT = do_GET  # noqa: N815 - the standard library names them

    with listening(Handler) as server.url:
        yield server


class ServerTestCase(unittest.TestCase):
    """Tests that share a server."""

    server: ClassVar[Server]

    @classmethod
    def setUpClass(cls) -> None:
        context = serving()
        cls.server = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)


@contextmanager
def unused_url() -> Iterator[str]:
    """A URL on loopback at which nobody listens."""
    with serving() as server:
        url = server.url
    yield url
