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
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO, cast

from numerai_predict.sandbox.cgroup import MemoryGroup
from numerai_predict.sandbox.channel import Decoder, Message, ProtocolError, encode
from numerai_predict.sandbox.environment import available_cpus, model_environment
from numerai_predict.sandbox.output import OutputRelay, read_now
from numerai_predict.sandbox.process_tree import ProcessTree, adopt_orphans
from numerai_predict.sandbox.signals import undisturbed
from numerai_predict.sandbox.workspace import Workspace

POLL_SECONDS = 0.02
DISK_POLL_SECONDS = 1.0
# A program that has answered has nothing left to do; it gets this long to leave.
LEAVE_SECONDS = 5.0
DRAIN_SECONDS = 1.0
LAST_WORDS_SECONDS = 0.3
MAX_PHASES = 50
MAX_REASON = 500
MAX_TRACE_BYTES = 100_000
# Of the container's memory, for what is not counted: the parent has to stop a program before the kernel does.
SPARE_SHARE = 0.05

# What a program that confines itself does whatever it tries, by the names that the report has for it.
PROMISES = {
    "network": "opens no internet socket",
    "secrets": "reads nothing of the runtime's memory, arguments and environment",
    "parent": "sends the runtime no signal and changes none of its limits",
    "files": "writes only to a folder of its own and to shared memory",
    "user": "runs as an ordinary user",
    "memory": "is ended before the runtime when memory runs out",
    "processes": "leaves no process behind",
}


class Stop(Enum):
    """Why the program was ended before it ended by itself."""

    TIME = "time"
    MEMORY = "memory"
    DISK = "disk"
    PROCESSES = "processes"
    HANDOVER = "handover"


@dataclass(frozen=True)
class Limits:
    """What the program may use: seconds of wall time, bytes of memory of its process tree (None: no limit), processes
    at a time, bytes in its folder, in its answer and in our log.
    """

    wall_s: float | None = None
    memory_bytes: int | None = None
    processes: int = 400
    disk_bytes: int = 4 << 30
    answer_bytes: int = 64 << 20
    log_bytes: int = 10_000_000


@dataclass(frozen=True)
class Outcome:
    """How the program ended: its answer if it signed one, its exit status (-N: signal N), and what it used.

    `wall_s` is the sum of its phases; `waited_s`, in which it waited for what it had asked for, comes on top.
    `trace` is what its faulthandler wrote. `broken` names the promises that did not hold, each with the reason; None
    if it ended before it confined itself. `oom_kills` counts the processes that the kernel ended in our container
    meanwhile for want of memory. `container_bytes` is the container's memory where that is less than the limit.
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
    trace: str = ""
    dropped_log_bytes: int = 0
    oom_kills: int = 0
    container_bytes: int | None = None
    broken: Mapping[str, str] | None = None


def run_limited(
    argv: Sequence[str],
    limits: Limits,
    provide: Callable[[str], Path],
    hear: Callable[[Message], None] = lambda findings: None,
) -> Outcome:
    """Run `argv` to its end and tell how it went; nothing of it is left then, neither a process nor a file.

    The program starts at once, with a clean environment, in a folder of its own, as a user of its own if we are root,
    and with a message channel as its standard input. There it can ask for the `terms` on which it has to confine
    itself (confinement.py). What else it asks for by name comes from `provide`, which is called in a thread, once for
    each name; the time it takes does not count. What it finds out before it answers goes to `hear`, once, which raises
    ProtocolError if that is not in order. Whatever else the two raise ends the program and is raised here. Raises
    NoWorkspaceError if there is no place for a folder.
    """
    run = None
    try:
        with undisturbed():
            run = _Run(argv, limits, provide, hear)
        while not run.ended():
            run.step()
        return run.outcome()
    finally:
        if run is not None:
            with undisturbed():
                run.close()


@dataclass
class _Conversation:
    """What the program has said and asked so far."""

    nonce: str = field(default_factory=lambda: secrets.token_hex(16))
    asked: set[str] = field(default_factory=set)
    announced: int = 0
    told: bool = False
    broken: dict[str, str] | None = None
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

    def __init__(
        self,
        argv: Sequence[str],
        limits: Limits,
        provide: Callable[[str], Path],
        hear: Callable[[Message], None],
    ) -> None:
        self._group = MemoryGroup.ours()
        self._oom_kills_before = self._group.oom_kills() if self._group else 0
        self._limits, self._container_bytes = _within_container(limits, self._group)
        self._provide = provide
        self._hear_findings = hear
        self._conversation = _Conversation()
        self._decoder = Decoder(limits.answer_bytes)
        self._relay = OutputRelay(limits.log_bytes)
        self._trace = bytearray()
        self._stopped: Stop | None = None
        self._refusal = ""
        self._exit: tuple[int, float] | None = None
        self._fetch: Future[Path] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="provide")
        self._pool.submit(int)  # The program's filter protects only those of our threads that are there before it.
        self._clock = _Clock()
        self._leave_by = float("inf")
        self._handed_over = False
        self._next_look_at_disk = time.monotonic() + DISK_POLL_SECONDS
        self._broken = _broken_by_the_system(self._group)
        self._workspace = Workspace()
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = self._start(argv, theirs.fileno())
        self._tree = ProcessTree(self._process.pid, self._group)
        self._fetched, self._tell_fetched = socket.socketpair()
        self._trace_source, self._trace_target = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._listen_to(self._channel.fileno(), self._hear)
        self._listen_to(self._fetched.fileno(), self._hand_over)
        self._listen_to(self._trace_source, self._note_trace)
        for pipe, target in ((self._process.stdout, sys.stdout), (self._process.stderr, sys.stderr)):
            source = cast(BinaryIO, pipe).fileno()
            os.set_blocking(source, False)
            self._listen_to(source, self._relay.handler(source, target))

    def _start(self, argv: Sequence[str], channel: int) -> "subprocess.Popen[bytes]":
        workspace = self._workspace
        if workspace.why_no_user:
            self._broken["user"] = f"the model runs as root: {workspace.why_no_user}"
        identity: dict[str, Any] = {}
        if workspace.user is not None:
            identity = {"user": workspace.user, "group": workspace.user, "extra_groups": []}
        try:
            return subprocess.Popen(
                argv,
                stdin=channel,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=model_environment(os.environ, available_cpus(), workspace.folder),
                cwd=workspace.folder,
                start_new_session=True,
                **identity,
            )
        except OSError:
            workspace.remove()
            raise

    def close(self) -> None:
        """End what is left of the program and remove what it wrote."""
        self._end()
        self._selector.close()
        for end in (self._channel, self._fetched, self._tell_fetched):
            end.close()
        for pipe in (self._process.stdout, self._process.stderr):
            cast(BinaryIO, pipe).close()
        os.close(self._trace_source)
        self._close_trace_target()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._workspace.remove()

    def step(self) -> None:
        """Listen for one poll interval, hand over what has come, and hold the program to its limits."""
        self._listen(POLL_SECONDS)
        limits = self._limits
        memory = self._tree.memory_bytes()
        # What it is given first may come to lie in a tmpfs, where it would count as the program's memory.
        is_given_first = self._fetch is not None and not self._handed_over
        if limits.memory_bytes is not None and memory > limits.memory_bytes and not is_given_first:
            self._stop(Stop.MEMORY)
        elif self._tree.count() > limits.processes:
            self._stop(Stop.PROCESSES)
        elif limits.wall_s is not None and self._clock.used_s() > limits.wall_s:
            self._stop(Stop.TIME)
        elif time.monotonic() > self._next_look_at_disk:
            if self._workspace.used_bytes() > limits.disk_bytes:
                self._stop(Stop.DISK)
            self._next_look_at_disk = time.monotonic() + DISK_POLL_SECONDS

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
        if self._decoder.is_amid and self._exit and self._exit[0] == 0:
            self._refusal = "only the beginning of a message"
            self._stop(Stop.HANDOVER)
        assert self._exit is not None
        status, cpu_s = self._exit
        conversation = self._conversation
        told = conversation.broken
        return Outcome(
            status=status,
            stopped=self._stopped,
            answer=conversation.answer if self._stopped is None else None,
            payload=conversation.payload if self._stopped is None else b"",
            phase=self._clock.phase,
            wall_s=self._clock.used_s(),
            phases=dict(self._clock.phases),
            waited_s=self._clock.waited_s,
            cpu_s=cpu_s + self._tree.orphans_cpu_s,
            peak_memory_bytes=self._tree.peak_memory_bytes,
            log_tail=self._relay.tail,
            limits=self._limits,
            refusal=self._refusal,
            trace=self._trace.decode(errors="replace"),
            dropped_log_bytes=self._relay.dropped_bytes,
            oom_kills=self._group.oom_kills() - self._oom_kills_before if self._group else 0,
            container_bytes=self._container_bytes,
            broken=None if told is None else {**told, **self._broken},
        )

    def _hear(self) -> bool:
        data = read_now(self._channel.fileno())
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
            case {"phase": str(phase)} if self._conversation.announced < MAX_PHASES:
                self._conversation.announced += 1
                self._clock.enter(phase[:40])
            case {"broken": dict(broken)} if self._conversation.broken is None:
                self._conversation.broken = {
                    name: str(broken[name])[:MAX_REASON] for name in PROMISES if name in broken
                }
            case {"findings": dict(findings)} if not self._conversation.told:
                self._conversation.told = True
                self._hear_findings(cast(Message, findings))
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
            with open(os.devnull, "rb") as nothing:
                self._reply({"nonce": self._conversation.nonce}, nothing.fileno())
        elif name == "terms":
            self._reply(self._terms(), self._trace_target)
            self._close_trace_target()
        else:
            self._clock.wait(True)
            self._fetch = self._pool.submit(self._provide, name)
            self._fetch.add_done_callback(self._wake)

    def _terms(self) -> Message:
        return {
            "parent": os.getpid(),
            "folder": str(self._workspace.folder),
            "memory_bytes": self._limits.memory_bytes,
            "file_bytes": self._limits.disk_bytes,
        }

    def _wake(self, _: Future[Path]) -> None:
        with contextlib.suppress(OSError):  # The run may have ended meanwhile.
            self._tell_fetched.send(b".")

    def _hand_over(self) -> bool:
        self._fetched.recv(1)
        fetch, self._fetch = self._fetch, None
        if fetch is not None:
            self._clock.wait(False)
            path = fetch.result()
            if not self._handed_over:
                self._tree.disregard_files()
            self._handed_over = True
            with open(path, "rb") as file:
                self._reply({"name": path.name}, file.fileno())
        return True

    def _reply(self, message: Message, descriptor: int) -> None:
        with contextlib.suppress(OSError):
            socket.send_fds(self._channel, [encode(message)], [descriptor])

    def _note_trace(self) -> bool:
        data = read_now(self._trace_source)
        self._trace += (data or b"")[: MAX_TRACE_BYTES - len(self._trace)]
        return data != b""

    def _close_trace_target(self) -> None:
        if self._trace_target >= 0:
            os.close(self._trace_target)
            self._trace_target = -1

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

    def _listen_to(self, source: int, handle: Callable[[], bool]) -> None:
        self._selector.register(source, selectors.EVENT_READ, handle)

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


def _within_container(limits: Limits, group: MemoryGroup | None) -> tuple[Limits, int | None]:
    """The limits, lowered to what the container has left, and the container's memory if it is what limits."""
    if group is None or group.limit_bytes is None:
        return limits, None
    if limits.memory_bytes is None:
        return limits, group.limit_bytes
    left = int(group.limit_bytes * (1 - SPARE_SHARE)) - group.held_bytes()
    if limits.memory_bytes <= left:
        return limits, None
    return replace(limits, memory_bytes=max(1, left)), group.limit_bytes


def _broken_by_the_system(group: MemoryGroup | None) -> dict[str, str]:
    broken = {}
    if group is not None and group.kills_all_at_once:
        broken["memory"] = "the container's memory.oom.group is 1: the kernel ends all its processes at once"
    try:
        adopt_orphans()
    except OSError as error:
        broken["processes"] = f"a process that leaves its parent is not found again ({error.strerror or error})"
    return broken
