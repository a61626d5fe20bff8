"""Runs a program under limits, in a process of its own, and says how it ended; knows nothing of pickles."""

import contextlib
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO, cast

from numerai_predict.channel import Decoder, Message, ProtocolError, encode
from numerai_predict.environment import available_cpus, model_environment
from numerai_predict.processes import ProcessTree

POLL_SECONDS = 0.02
# A program that has answered has nothing left to do; it gets this long to leave.
LEAVE_SECONDS = 5.0
DRAIN_SECONDS = 1.0
LAST_WORDS_SECONDS = 0.3
MAX_PHASES = 50
CHUNK_BYTES = 1 << 16
KEPT_LOG_BYTES = 16_000


class Stop(Enum):
    """Why the program was ended before it ended by itself."""

    TIME = "time"
    MEMORY = "memory"
    HANDOVER = "handover"


@dataclass(frozen=True)
class Limits:
    """What the program may use: seconds of wall time and bytes of memory of its process tree (None: no limit)."""

    wall_s: float | None = None
    memory_bytes: int | None = None
    answer_bytes: int = 64 << 20


@dataclass(frozen=True)
class Outcome:
    """How the program ended: its answer if it signed one, its exit status (-N: signal N), and what it used.

    `wall_s` is the sum of its phases; `waited_s`, in which it waited for what it had asked for, comes on top.
    """

    status: int
    stopped: Stop | None
    answer: Message | None
    payload: bytes
    phase: str
    phases: dict[str, float]
    waited_s: float
    wall_s: float
    cpu_s: float
    peak_memory_bytes: int
    log_tail: str
    limits: Limits
    refusal: str = ""


def run_limited(argv: Sequence[str], limits: Limits, provide: Callable[[str], Path]) -> Outcome:
    """Run `argv` to its end and tell how it went.

    The program starts at once, with a clean environment and a message channel as its standard input. What it asks
    for by name comes from `provide`, which is called in a thread, once for each name; the time it takes does not
    count. Whatever `provide` raises ends the program and is raised here.
    """
    with _Run(argv, limits, provide) as run:
        while not run.ended():
            run.step()
        return run.outcome()


@dataclass
class _Conversation:
    """What the program has said and asked so far."""

    nonce: str = field(default_factory=lambda: secrets.token_hex(16))
    asked: set[str] = field(default_factory=set)
    answer: Message | None = None
    payload: bytes = b""


class _Clock:
    """Wall seconds of each phase, and apart from them those in which the program waits for us."""

    def __init__(self) -> None:
        self.phase = "starting"
        self.phases: dict[str, float] = {}
        self.waited_s = 0.0
        self._waiting = False
        self._began = time.monotonic()

    def _charge(self) -> None:
        now = time.monotonic()
        if self._waiting:
            self.waited_s += now - self._began
        else:
            self.phases[self.phase] = self.phases.get(self.phase, 0.0) + now - self._began
        self._began = now

    def enter(self, phase: str) -> None:
        self._charge()
        self.phase = phase

    def wait(self, waiting: bool) -> None:
        self._charge()
        self._waiting = waiting

    def used_s(self) -> float:
        """Seconds that count against the limit."""
        self._charge()
        return sum(self.phases.values())


class _Run:
    """One program under way: its process, its channel and its output."""

    def __init__(self, argv: Sequence[str], limits: Limits, provide: Callable[[str], Path]) -> None:
        self._limits = limits
        self._provide = provide
        self._conversation = _Conversation()
        self._decoder = Decoder(limits.answer_bytes)
        self._log = bytearray()
        self._stopped: Stop | None = None
        self._refusal = ""
        self._exit: tuple[int, float] | None = None
        self._fetch: Future[Path] | None = None
        self._pool = ThreadPoolExecutor(thread_name_prefix="provide")
        self._clock = _Clock()
        self._leave_by = float("inf")
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                argv,
                stdin=theirs.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=model_environment(os.environ, available_cpus()),
                start_new_session=True,
            )
        self._tree = ProcessTree(self._process.pid)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._channel, selectors.EVENT_READ, self._hear)
        self._fetched, self._tell_fetched = socket.socketpair()
        self._selector.register(self._fetched, selectors.EVENT_READ, self._hand_over)
        for pipe, relay in ((self._process.stdout, sys.stdout), (self._process.stderr, sys.stderr)):
            source = cast(BinaryIO, pipe)
            os.set_blocking(source.fileno(), False)
            self._selector.register(source, selectors.EVENT_READ, _relay(source, relay, self._log))

    def __enter__(self) -> "_Run":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._selector.close()
        for end in (self._channel, self._fetched, self._tell_fetched):
            end.close()
        for pipe in (self._process.stdout, self._process.stderr):
            cast(BinaryIO, pipe).close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def step(self) -> None:
        """Listen for one poll interval, hand over what has come, and hold the program to its limits."""
        self._listen(POLL_SECONDS)
        memory = self._tree.memory_bytes()
        if self._limits.memory_bytes is not None and memory > self._limits.memory_bytes:
            self._stop(Stop.MEMORY)
        elif self._limits.wall_s is not None and self._clock.used_s() > self._limits.wall_s:
            self._stop(Stop.TIME)

    def ended(self) -> bool:
        """Whether the program is gone, or has been told to go."""
        if self._exit is None:
            pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
            if pid:
                self._note_exit(status, usage)
        overdue = time.monotonic() > self._leave_by
        return self._exit is not None or self._stopped is not None or overdue

    def outcome(self) -> Outcome:
        """End what is left, read what is still in the pipes, and sum up."""
        if self._stopped is Stop.TIME and self._exit is None:
            self._ask_where()
        self._end()
        self._drain()
        assert self._exit is not None
        status, cpu_s = self._exit
        conversation = self._conversation
        return Outcome(
            status=status,
            stopped=self._stopped,
            answer=conversation.answer if self._stopped is None else None,
            payload=conversation.payload if self._stopped is None else b"",
            phase=self._clock.phase,
            wall_s=self._clock.used_s(),
            phases=dict(self._clock.phases),
            waited_s=self._clock.waited_s,
            cpu_s=cpu_s,
            peak_memory_bytes=self._tree.peak_memory_bytes,
            log_tail=self._log.decode(errors="replace"),
            limits=self._limits,
            refusal=self._refusal,
        )

    def _hear(self) -> bool:
        data = _read(self._channel.fileno())
        if not data:
            return data is None
        try:
            for message, payload in self._decoder.feed(data):
                self._take(message, payload)
        except ProtocolError as error:
            self._refusal = str(error)
            self._stop(Stop.HANDOVER)
            return False
        return True

    def _take(self, message: Message, payload: bytes) -> None:
        match message:
            case {"phase": str(phase)} if len(self._clock.phases) < MAX_PHASES:
                self._clock.enter(phase[:40])
            case {"need": str(name)} if name not in self._conversation.asked and self._fetch is None:
                self._conversation.asked.add(name)
                self._serve(name)
            case {"answer": dict(answer), "nonce": self._conversation.nonce} if self._conversation.answer is None:
                self._conversation.answer = cast(dict[str, Any], answer)
                self._conversation.payload = payload
                self._leave_by = time.monotonic() + LEAVE_SECONDS
            case _:
                raise ProtocolError("an unexpected message")

    def _serve(self, name: str) -> None:
        if name == "nonce":
            self._reply({"nonce": self._conversation.nonce}, Path(os.devnull))
        else:
            self._clock.wait(True)
            self._fetch = self._pool.submit(self._provide, name)
            self._fetch.add_done_callback(self._wake)

    def _wake(self, _: Future[Path]) -> None:
        with contextlib.suppress(OSError):  # The run may have ended meanwhile.
            self._tell_fetched.send(b".")

    def _hand_over(self) -> bool:
        self._fetched.recv(1)
        fetch, self._fetch = self._fetch, None
        if fetch is not None:
            self._clock.wait(False)
            path = fetch.result()
            self._reply({"name": path.name}, path)
        return True

    def _reply(self, message: Message, path: Path) -> None:
        with open(path, "rb") as file, contextlib.suppress(OSError):
            socket.send_fds(self._channel, [encode(message)], [file.fileno()])

    def _stop(self, reason: Stop) -> None:
        if self._conversation.answer is None:
            self._stopped = self._stopped or reason

    def _end(self) -> None:
        self._tree.kill()
        if self._exit is None:
            _, status, usage = os.wait4(self._process.pid, 0)
            self._note_exit(status, usage)

    def _note_exit(self, status: int, usage: Any) -> None:
        self._exit = (os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime)
        self._process.returncode = self._exit[0]

    def _ask_where(self) -> None:
        """Let the program say where it is: it may have told faulthandler to answer this signal."""
        os.kill(self._process.pid, signal.SIGUSR2)  # Popen.send_signal could reap it, and wait4 would find nothing.
        enough = time.monotonic() + LAST_WORDS_SECONDS
        while (left := enough - time.monotonic()) > 0:
            self._listen(left)

    def _listen(self, seconds: float) -> bool:
        """Handle what comes within that time; false if nothing did."""
        ready = self._selector.select(seconds)
        for key, _ in ready:
            if not key.data():
                self._selector.unregister(key.fileobj)
        return bool(ready)

    def _drain(self) -> None:
        """Read what has already been written; grandchildren may hold the pipes open, so never wait for their end."""
        enough = time.monotonic() + DRAIN_SECONDS
        while self._listen(0) and time.monotonic() < enough:
            pass


def _relay(source: BinaryIO, target: Any, log: bytearray) -> Callable[[], bool]:
    """A handler that passes on what the program prints; false once there will be no more."""

    def handle() -> bool:
        data = _read(source.fileno())
        if not data:
            return data is None
        log.extend(data)
        del log[:-KEPT_LOG_BYTES]
        with contextlib.suppress(OSError, ValueError):  # Our own reader may be gone (`| head`).
            getattr(target, "buffer", target).write(data)
            target.flush()
        return True

    return handle


def _read(descriptor: int) -> bytes | None:
    """What can be read now; empty at the end; None when there is nothing yet."""
    try:
        return os.read(descriptor, CHUNK_BYTES)
    except BlockingIOError:
        return None
    except ConnectionResetError:
        return b""
