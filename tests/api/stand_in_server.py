"""The stand-in over HTTP: POST / is the API, /storage/ the storage, /clock the clock; and the failures that are due."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from email.message import Message
from typing import Any
from urllib.parse import unquote

from tests.api.stand_in_graphql import Api, Question
from tests.api.stand_in_state import Asked, Failure, NumeraiStandIn
from tests.api.stand_in_storage import Answer, Storage, refusal
from tests.servers import QuietHandler, listening

JSON = {"Content-Type": "application/json; charset=utf-8"}
# A key's part that is shorter may be in a text by chance.
SHORTEST_KEY = 6


def in_json(content: object, status: int = 200) -> Answer:
    """An answer of the API."""
    return Answer(status, json.dumps(content).encode(), JSON)


class Request:
    """A request, read whole, and what it asks for."""

    def __init__(self, method: str, target: str, headers: Message, body: bytes) -> None:
        self.method = method
        self.target = target
        self.path, _, self.query = target.partition("?")
        self.headers = headers
        self.body = body
        self.is_storage = self.path.startswith("/storage/")
        self.question = None if self.is_storage else self._question()

    @property
    def operations(self) -> list[str]:
        """As failures name them."""
        return [self.method.lower()] if self.question is None else self.question.operations

    def _question(self) -> Question | None:
        try:
            asked = json.loads(self.body)
            query, variables = asked["query"], asked.get("variables") or {}
        except (KeyError, TypeError, ValueError):
            return None
        scheme, _, key = self.headers.get("Authorization", "").partition(" ")
        return Question(str(query), dict(variables), key if scheme == "Token" else "")


class Service:
    """Answers requests, or fails as it is asked to."""

    def __init__(self, state: NumeraiStandIn) -> None:
        self._state = state
        self._storage = Storage(state)
        self._api = Api(state, self._storage)
        self.is_over = threading.Event()

    def answer(self, request: Request) -> Answer:
        """The answer to any request."""
        if request.path == "/clock":
            return self._clock(request)
        self._note(request)
        failure = self._state.take_failure(request.operations)
        answer = self._do(request) if failure is None else self._fail(request, failure)
        if request.method == "PUT" and request.is_storage:
            self._storage.put_answered(request.path, 0 if answer.sends == 0 else answer.status)
        return answer

    def _do(self, request: Request) -> Answer:
        if request.question is not None and request.method == "POST":
            return in_json(self._api.answer(request.question))
        with self._state.lock:
            if request.is_storage and request.method == "PUT":
                if "Content-Length" not in request.headers:
                    return self._without_length()
                return self._storage.put(request.path, request.query, request.body)
            if request.is_storage and request.method == "GET":
                return self._storage.get(request.path, request.query, request.headers)
        return in_json({"errors": {"detail": "Bad Request"}}, 400)

    def _without_length(self) -> Answer:
        self._state.violations.append("a PUT without Content-Length")
        answer = refusal(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        return replace(answer, sends=len(answer.body))  # A body of unknown length may follow.

    def _fail(self, request: Request, failure: Failure) -> Answer:
        done = self._do(request) if failure.after else None
        self.is_over.wait(failure.hang_s)
        if failure.cut:
            answer = done or (self._do(request) if request.operations == ["get"] else Answer(200, b""))
            return replace(answer, sends=len(answer.body) // 2 if request.operations == ["get"] else 0)
        return self._failed(request, failure) or done or self._do(request)

    def _failed(self, request: Request, failure: Failure) -> Answer | None:
        """The answer that the failure itself has, if it has one."""
        status = failure.status or 200
        after = {} if failure.retry_after_s is None else {"Retry-After": f"{failure.retry_after_s:g}"}
        if failure.body is not None:
            return Answer(status, failure.body, {"Content-Type": "text/html", **after})
        if failure.error and not request.is_storage:
            answer = {"data": dict.fromkeys(request.operations), "errors": [{"message": failure.error}]}
            return replace(in_json(answer, status), headers={**JSON, **after})
        if failure.status is None:
            return None
        refused = refusal(status, "Failure", failure.error) if request.is_storage else in_json({}, status)
        return replace(refused, headers={**refused.headers, **after})

    def _note(self, request: Request) -> None:
        """Keep that it was asked, and what is wrong with it whatever it asks for."""
        with self._state.lock:
            variables: dict[str, object] = (
                {"path": request.path} if request.question is None else request.question.variables
            )
            authorized = "Authorization" in request.headers
            for operation in request.operations or ["?"]:
                self._state.asked.append(Asked(operation, variables, authorized, self._state.clock.now()))
            if request.is_storage and authorized:
                self._state.violations.append(f"a {request.method} to the storage with an Authorization header")
            for place in self._places_of_keys(request):
                self._state.violations.append(f"keys in the {place} of a request for {request.operations}")

    def _places_of_keys(self, request: Request) -> list[str]:
        """Where keys are that belong into the header Authorization."""
        parts = [part for key in self._state.scopes for part in key.split("$") if len(part) >= SHORTEST_KEY]
        headers = " ".join(value for name, value in request.headers.items() if name.lower() != "authorization")
        places = {"URL": unquote(request.target), "body": request.body.decode(errors="replace"), "headers": headers}
        return [place for place, text in places.items() if any(part in text for part in parts)]

    def _clock(self, request: Request) -> Answer:
        if request.method == "POST":
            wish: dict[str, Any] = json.loads(request.body)
            if "set" in wish:
                self._state.clock.set(datetime.fromisoformat(wish["set"]))
            self._state.clock.sleep(wish.get("sleep", 0.0))
        return in_json({"now": self._state.clock.now().isoformat()})


@contextmanager
def serving(state: NumeraiStandIn, port: int) -> Iterator[None]:
    """Serve that stand-in on 127.0.0.1, and set its URL."""
    service = Service(state)

    class Handler(QuietHandler):
        def do_GET(self) -> None:  # noqa: N802 - the standard library names it
            self.send(self.answer())

        do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the standard library names them

        def answer(self) -> Answer:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                return service.answer(Request(self.command, self.path, self.headers, body))
            except Exception as error:
                state.violations.append(f"the stand-in itself failed: {error!r}")
                raise

        def send(self, answer: Answer) -> None:
            self.close_connection = self.close_connection or answer.sends is not None
            if answer.sends == 0:
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body[: answer.sends])

    with listening(Handler, port) as state.url:
        try:
            yield
        finally:
            service.is_over.set()
