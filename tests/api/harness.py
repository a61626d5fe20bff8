"""What the tests of the API share: a server of queued answers, and a clock that only moves when somebody waits."""

import contextlib
import io
import json
import logging
from typing import Any
from unittest import mock

from numerai_predict.api import ApiKeys
from numerai_predict.redaction import DiscreetFormatter
from tests.servers import Answer, Request, ServerTestCase

SECRET = "5ec2e7SECRETKEY5ec2e7"
KEYS = ApiKeys("PUBLICID", SECRET)


def saying(data: object) -> Answer:
    """An answer of the API with that data."""
    return Answer(body=json.dumps({"data": data}).encode())


def refusing(*messages: object) -> Answer:
    """How the API refuses: with status 200."""
    return Answer(body=json.dumps({"errors": [{"message": message} for message in messages]}).encode())


class Clock:
    """A monotonic clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        """The time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Take no time, and note it."""
        self.pauses.append(seconds)
        self.now += seconds


class ApiTestCase(ServerTestCase):
    """A test with an API at `self.server.url`/api, and with `self.log` of everything, as the command writes it."""

    url: str

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.url = cls.server.url + "/api"

    def setUp(self) -> None:
        self.contexts = contextlib.ExitStack()
        self.addCleanup(self.contexts.close)
        self.offer()
        self.clock = Clock()
        self.contexts.enter_context(mock.patch("time.sleep", self.clock.sleep))
        self.contexts.enter_context(mock.patch("time.monotonic", self.clock.monotonic))
        self._written = io.StringIO()
        handler = logging.StreamHandler(self._written)
        handler.setFormatter(DiscreetFormatter())
        root = logging.getLogger()
        self.contexts.enter_context(mock.patch.multiple(root, handlers=[handler], level=logging.DEBUG))
        root.manager._clear_cache()  # type: ignore[attr-defined]  # Of which levels are on.
        self.contexts.callback(root.manager._clear_cache)  # type: ignore[attr-defined]

    def offer(self, *answers: Answer) -> None:
        """Let the API answer so, from now on."""
        self.server.answers.clear()
        self.server.requests.clear()
        self.server.queue("/api", *answers)

    @property
    def asked(self) -> list[Request]:
        """What came to the API."""
        return [request for request in self.server.requests if request.path == "/api"]

    def question(self, index: int = -1) -> Any:
        """What the API was sent."""
        return json.loads(self.asked[index].body)

    @property
    def log(self) -> str:
        """All that was logged."""
        return self._written.getvalue()
