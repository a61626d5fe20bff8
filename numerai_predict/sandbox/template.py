"""A process that makes ready once what many programs need, and then forks each of them: a second launcher.

The template runs code of ours and of libraries, never a model's, and holds no secrets (docs/round.md).
"""

import contextlib
import json
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numerai_predict.sandbox.launcher import Birthplace

# TensorFlow takes ten seconds on a busy machine.
READY_SECONDS = 120.0
# A fork takes milliseconds, and an answer about a process that has ended no time.
ANSWER_SECONDS = 30.0
MAX_MESSAGE = 1 << 17


class Template:
    """Starts `argv`, a program that calls `fork_on_request` (forks.py) with its standard input, with that environment,
    and waits until it is ready. Raises OSError if it does not become so; `close` ends it, and all that it has forked.
    """

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # What libraries print while they are imported is no answer of ours.
            self._process = subprocess.Popen(
                [*argv], stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env=dict(environment), start_new_session=True
            )
        self.pid = self._process.pid
        try:
            self._line.settimeout(READY_SECONDS)
            threads = self._receive()["threads"]
            if threads != 1:
                raise OSError(f"it has {threads} threads, of which a fork would have one")
        except BaseException:
            self.close()
            raise
        self._line.settimeout(ANSWER_SECONDS)

    @property
    def is_alive(self) -> bool:
        """Whether it can still fork."""
        return self._process.poll() is None

    def fork(self, place: Birthplace) -> "ForkedChild":
        """Fork a program that begins there. Raises OSError."""
        order = {"folder": str(place.folder), "user": place.user, "environment": dict(place.environment)}
        descriptors = [place.channel, place.stdout, place.stderr, place.reports]
        return ForkedChild(self, self._ask({"launch": order}, descriptors)["pid"])

    def wait(self, pid: int) -> tuple[int, float]:
        """Wait for the end of a process that it has forked: its exit status and CPU seconds. Raises OSError."""
        ended = self._ask({"wait": pid}, [])
        return ended["status"], ended["cpu_s"]

    def close(self) -> None:
        """End it; it does so by itself once the line ends, or may be stuck in an import."""
        self._line.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def _ask(self, question: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        socket.send_fds(self._line, [json.dumps(question).encode()], descriptors)
        try:
            answer = self._receive()
        except TimeoutError:
            self.close()  # The next answer would be this one's.
            raise
        if "error" in answer:
            raise OSError(answer["error"])
        return answer

    def _receive(self) -> dict[str, Any]:
        data = self._line.recv(MAX_MESSAGE)
        if not data:
            raise ChildProcessError("the process that models are forked from has ended")
        answer: dict[str, Any] = json.loads(data)
        return answer


@dataclass(frozen=True)
class ForkLauncher:
    """Has the template fork each program."""

    template: Template
    helpers: Sequence[int]

    def launch(self, place: Birthplace) -> "ForkedChild":
        """Start it; raises OSError."""
        return self.template.fork(place)


class ForkedChild:
    """A child of the template."""

    def __init__(self, template: Template, pid: int) -> None:
        self._template = template
        self.pid = pid

    def wait(self) -> tuple[int, float]:
        """Wait for its end. Raises OSError if the template has ended before it."""
        return self._template.wait(self.pid)
