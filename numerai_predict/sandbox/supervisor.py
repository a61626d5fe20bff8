"""Runs a program under limits, in a process of its own, and says how it ended; knows nothing of pickles."""

import contextlib
import logging
import math
import os
import resource
import selectors
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from numerai_predict.files import open_file
from numerai_predict.sandbox.cgroup import MemoryGroup, tasks_limit
from numerai_predict.sandbox.channel import Message, ProtocolError, encode
from numerai_predict.sandbox.clock import PhaseClock
from numerai_predict.sandbox.conversation import AnswerComes, Conversation, Event, FileNeeded, PhaseBegins, ReportComes
from numerai_predict.sandbox.disk_usage import DiskUsage, UncountableError
from numerai_predict.sandbox.environment import available_cpus, model_environment
from numerai_predict.sandbox.launcher import Birthplace, Child, Launcher
from numerai_predict.sandbox.outcome import MAX_TASKS, Limits, Outcome, Stop
from numerai_predict.sandbox.output import OutputRelay, read_now
from numerai_predict.sandbox.pace import MOVING_SECONDS, Pace
from numerai_predict.sandbox.process_tree import ProcessTree
from numerai_predict.sandbox.provider import FileProvider
from numerai_predict.sandbox.reaper import ReaperReports
from numerai_predict.sandbox.shared_memory import SharedMemory
from numerai_predict.sandbox.signals import undisturbed
from numerai_predict.sandbox.task import Task
from numerai_predict.sandbox.user_name import name_of
from numerai_predict.sandbox.workspace import REMOVE_SECONDS, SHARED_MEMORY, Workspace

# A program that has answered has nothing left to do; it gets this long to leave.
LEAVE_SECONDS = 5.0
DRAIN_SECONDS = 1.0
LAST_WORDS_SECONDS = 0.3
KILL_POLL_SECONDS = 0.005
# For the files that are left, once somebody wants the run to end: Docker kills ten seconds after SIGTERM.
HASTE_SECONDS = 2.0
MAX_TRACE_BYTES = 100_000
# Of the container's memory, for what is not counted: the parent has to stop a program before the kernel does.
SPARE_SHARE = 0.05
# The last part of a program's time, or some seconds if that is more: one that computes for less than a share of it is
# waiting. Who waits in a loop still computes a little.
LAST_SHARE = 0.1
LEAST_LAST_S = 2.0
IDLE_SHARE = 0.02

_log = logging.getLogger(__name__)


class Supervisor:
    """Runs one program to its end; nothing of it is left then, neither a process nor a file.

    The program starts at once, with a clean environment, in a folder of its own in `workspaces` (None: where temporary
    files go), as a user of its own if we are root, and with a message channel as its standard input. There it can ask
    for the `terms` on which it has to confine itself (confine.py), the name of its `task` among them. What else it may
    ask for and say is in the task. What it prints goes to `stdout` and `stderr`, as text (visible.py), if they are
    given; nobody waits for who reads there.
    """

    def __init__(
        self,
        launcher: Launcher,
        limits: Limits,
        task: Task,
        stdout: BinaryIO | None = None,
        stderr: BinaryIO | None = None,
        workspaces: Path | None = None,
    ) -> None:
        self.outcome: Outcome | None = None
        self._launcher = launcher
        self._group = MemoryGroup.ours()
        self._limits, self._container_bytes = _within_container(limits, self._group)
        self._task = task
        self._streams = (stdout, stderr)
        self._workspaces = workspaces
        self._relay = OutputRelay(limits.log_bytes)
        self._conversation = Conversation(task, limits.answer_bytes)
        self._reports = ReaperReports()
        self._trace = bytearray()
        self._shared_memory = SharedMemory(SHARED_MEMORY)
        self._pace = Pace(self._limits.memory_bytes, available_cpus())
        self._next_look = 0.0
        self._child: Child | None = None
        self._stopped: Stop | None = None
        self._cpu_before_last_s = math.nan
        self._idle_s = 0.0
        self._forks = 0
        self._refusal = ""
        self._uncounted = ""
        self._interruptions: list[int] = []
        self._is_interrupted = False
        self._leave_by = float("inf")
        self._files: list[str] = []
        self._resources = contextlib.ExitStack()

    def run(self) -> Outcome:
        """Run the program. Raises NoWorkspaceError if there is no place for its folder, OSError if it cannot be
        started, and what the task's functions raise; then too it is gone, and `outcome` says what it used.
        """
        try:
            with undisturbed():
                self._start()
            while not self._has_ended():
                self._step()
        except BaseException as error:
            self._is_interrupted = not isinstance(error, Exception)
            self._resources.callback(self._conversation.close)
            raise
        finally:
            with undisturbed() as self._interruptions, self._resources:
                if self._child is not None:
                    self.outcome = self._end(self._child)
        assert self.outcome is not None
        return self.outcome

    # Start

    def _start(self) -> None:
        if self._group is not None:
            self._resources.callback(self._group.close)
        self._oom_kills_before = self._group.oom_kills() if self._group else 0
        self._workspace = Workspace(self._workspaces)
        self._resources.callback(self._remove_files)
        self._resources.callback(self._task.when_gone)
        self._provider = FileProvider()
        self._resources.callback(self._provider.close)
        self._selector = self._resources.enter_context(selectors.DefaultSelector())
        self._listen_to(self._provider.fileno(), self._hand_over)
        self._resources.callback(self._relay.end, 0)
        with contextlib.ExitStack() as handed_over:
            child = self._launcher.launch(self._birthplace(handed_over))
        self._clock = PhaseClock()
        self._disk = DiskUsage(str(self._workspace.folder), str(SHARED_MEMORY), self._workspace.user)
        self._resources.callback(self._disk.close)
        try:
            self._tree = ProcessTree(child.pid, self._group)
            self._resources.callback(self._tree.close)
        except BaseException:
            _abandon(child)
            raise
        self._child = child

    def _birthplace(self, handed_over: contextlib.ExitStack) -> Birthplace:
        """Where the program begins; its ends of the lines between us close with `handed_over`, ours in the end."""
        self._channel, theirs = socket.socketpair()
        self._resources.enter_context(self._channel)
        self._listen_to(self._channel.fileno(), self._take_words)
        handed_over.enter_context(theirs)
        stdout, stderr = self._streams
        self._trace_target = self._pipe(self._take_trace, self._resources)
        return Birthplace(
            folder=self._workspace.folder,
            user=self._workspace.user,
            environment=model_environment(os.environ, available_cpus(), self._workspace.folder, self._user_name()),
            channel=theirs.fileno(),
            stdout=self._output(stdout, handed_over),
            stderr=self._output(stderr, handed_over),
            reports=self._pipe(self._take_report, handed_over),
        )

    def _user_name(self) -> str:
        user = self._workspace.user
        return name_of(os.getuid() if user is None else user)

    def _output(self, stream: BinaryIO | None, until: contextlib.ExitStack) -> int:
        """A pipe for what the program prints; it can also be opened by its name, /dev/stdout or /dev/stderr."""
        target = self._pipe(self._relay.handler(stream), until)
        if (user := self._workspace.user) is not None:
            with contextlib.suppress(OSError):  # Only Linux gives a pipe an owner.
                os.fchown(target, user, user)
        return target

    def _pipe(self, handle: Callable[[int], bool], until: contextlib.ExitStack) -> int:
        """The writing end of a pipe, which closes with `until`; `handle` takes what comes out of the other."""
        source, target = os.pipe()
        self._resources.callback(os.close, source)
        until.callback(os.close, target)
        os.set_blocking(source, False)
        self._listen_to(source, handle)
        return target

    # Watch

    def _step(self) -> None:
        """Listen until it is time to look, and then hold the program to its limits."""
        self._listen(max(0.0, self._next_look - time.monotonic()))
        if time.monotonic() < self._next_look:
            return
        limits = self._limits
        memory = self._tree.memory_bytes()
        # What it is given may come to lie in a tmpfs, where it would count as the program's memory.
        waits_for_file = self._provider.is_busy and self._conversation.is_trusted
        if limits.memory_bytes is not None and memory > limits.memory_bytes and not waits_for_file:
            self._stop(Stop.MEMORY)
        elif self._tree.count() > limits.processes:
            self._stop(Stop.PROCESSES)
        elif limits.wall_s is not None:
            self._look_at_clock(limits.wall_s)
        self._look_at_disk()
        self._shared_memory.look()
        self._next_look = time.monotonic() + self._pause(memory)

    def _pause(self, memory: int) -> float:
        """Seconds until the next look: none of what it would find can go far meanwhile."""
        together = self._tree.count() > 1 or self._shared_memory.is_used
        pauses = [self._pace.seconds(memory, together), self._leave_by - time.monotonic()]
        if self._disk.is_looking:
            pauses.append(MOVING_SECONDS)
        if self._limits.wall_s is not None:
            left_s = self._limits.wall_s - self._clock.used_s()
            pauses += [left_s, left_s - _last_s(self._limits.wall_s)]
        return min(pause for pause in pauses if pause > 0)

    def _look_at_clock(self, wall_s: float) -> None:
        used_s, last_s = self._clock.used_s(), _last_s(wall_s)
        if used_s > wall_s:
            self._stop(Stop.TIME)
            if self._tree.cpu_s() - self._cpu_before_last_s < IDLE_SHARE * last_s:
                self._idle_s, self._forks = last_s, self._tree.forks()
        elif used_s > wall_s - last_s and math.isnan(self._cpu_before_last_s):
            self._cpu_before_last_s = self._tree.cpu_s()

    def _look_at_disk(self) -> None:
        try:
            self._disk.step()
        except UncountableError as error:
            self._uncounted = str(error)
            self._stop(Stop.DISK)
        if self._disk.used_bytes > self._limits.disk_bytes:
            self._stop(Stop.DISK)

    def _has_ended(self) -> bool:
        """Whether the program is gone, or has to go."""
        overdue = time.monotonic() > self._leave_by
        return self._is_gone() or self._stopped is not None or overdue

    def _is_gone(self) -> bool:
        return self._reports.status is not None or self._reports.has_ended

    def _stop(self, reason: Stop) -> None:
        """Note why it has to go. Once it has answered, only what it takes from others is a reason."""
        if self._conversation.answer is None or reason in (Stop.MEMORY, Stop.PROCESSES, Stop.DISK):
            self._stopped = self._stopped or reason

    # Listen

    def _listen_to(self, source: int, handle: Callable[[int], bool]) -> None:
        self._selector.register(source, selectors.EVENT_READ, handle)

    def _listen(self, seconds: float) -> bool:
        """Handle what comes within that time; false if nothing did."""
        ready = self._selector.select(seconds)
        for key, _ in ready:
            if not key.data(key.fd):
                self._selector.unregister(key.fd)
        return bool(ready)

    def _take_words(self, source: int) -> bool:
        data = read_now(source)
        if not data:
            return data is None
        try:
            for event in self._conversation.feed(data):
                self._react(event)
        except ProtocolError as error:
            self._refusal = str(error)
            self._stop(Stop.HANDOVER)
            return False
        return True

    def _react(self, event: Event) -> None:
        match event:
            case PhaseBegins(name):
                self._clock.enter(name)
            case ReportComes(name, content, payload):
                self._take_report_of_program(name, content, payload)
            case FileNeeded(name):
                self._serve(name)
            case AnswerComes():
                self._leave_by = time.monotonic() + LEAVE_SECONDS

    def _serve(self, name: str) -> None:
        if name == "nonce":
            with open(os.devnull, "rb") as nothing:
                self._reply({"nonce": self._conversation.nonce}, nothing.fileno())
        elif name == "terms":
            self._reply(self._terms(), self._trace_target)
        elif self._provider.is_busy:
            raise ProtocolError("an unexpected message")
        else:
            self._clock.wait(True)
            self._files.append(name)
            self._provider.ask(self._task.files[name])

    def _take_report_of_program(self, name: str, content: Message, payload: BinaryIO | None) -> None:
        with contextlib.ExitStack() as stack:
            if payload is not None:
                stack.enter_context(payload)
            self._task.reports[name](content, payload)

    def _terms(self) -> Message:
        return {
            "runtime": os.getpid(),
            "helpers": [*self._launcher.helpers],
            "task": self._task.name,
            "folder": str(self._workspace.folder),
            "memory_bytes": self._limits.memory_bytes,
            "file_bytes": self._limits.disk_bytes,
            # Its DEBUG lines are wanted where ours are; the others always.
            "log_level": min(logging.INFO, _log.getEffectiveLevel()),
        }

    def _hand_over(self, _: int) -> bool:
        self._clock.wait(False)
        path = self._provider.take()
        if self._conversation.is_trusted:
            self._tree.disregard_files()
        with open_file(path) as file:
            self._reply({"name": path.name}, file.fileno())
        return True

    def _reply(self, message: Message, descriptor: int) -> None:
        with contextlib.suppress(OSError):  # The program may have ended meanwhile.
            socket.send_fds(self._channel, [encode(message)], [descriptor])

    def _take_trace(self, source: int) -> bool:
        self._shared_memory.look()  # It says that it crashes: what it fills will be gone at once.
        data = read_now(source)
        self._trace += (data or b"")[: MAX_TRACE_BYTES - len(self._trace)]
        return data != b""

    def _take_report(self, source: int) -> bool:
        data = read_now(source)
        if data is not None:
            self._reports.feed(data)
        if self._reports.program is not None:
            self._tree.program = self._reports.program
        return data != b""

    # End

    def _end(self, child: Child) -> Outcome:
        """End what is left, read what is still in the pipes, and sum up."""
        self._selector.unregister(self._provider.fileno())  # Nobody waits for the file any more.
        try:
            self._end_processes(child)
        except BaseException:
            _abandon(child)
            raise
        try:
            status, cpu_s = child.wait()
        except OSError:  # Who has forked it is gone, and with it the payload's worth.
            self._conversation.close()
            raise
        self._drain()
        if self._conversation.is_amid and self._reports.status == 0:
            self._refusal = "only the beginning of a message"
            self._stop(Stop.HANDOVER)
        return self._sum_up(status if self._reports.status is None else self._reports.status, cpu_s)

    def _end_processes(self, child: Child) -> None:
        if self._stopped is Stop.TIME and not self._is_gone():
            self._ask_where()
        if self._reports.program is None:  # Nothing is below it yet. A fork to come ends with it (fork_program).
            _send(child.pid, signal.SIGKILL)
        self._tree.kill(self._nothing_is_left)
        if not self._reports.has_ended:
            _send(child.pid, signal.SIGKILL)

    def _remove_files(self) -> None:
        """Remove what it has written: in bounded time, and in little as soon as somebody wants the run to end."""
        began = time.monotonic()

        def is_late() -> bool:
            nonlocal began
            if self._interruptions and not self._is_interrupted:
                self._is_interrupted, began = True, time.monotonic()
            return time.monotonic() - began > (HASTE_SECONDS if self._is_interrupted else REMOVE_SECONDS)

        self._workspace.remove(is_late)

    def _nothing_is_left(self) -> bool:
        """Whether the reaper has ended, and nothing is left: the kernel may have ended it, in want of memory."""
        self._listen(KILL_POLL_SECONDS)
        return self._reports.has_ended and self._tree.is_empty()

    def _ask_where(self) -> None:
        """Let the program say where it is: its faulthandler may answer this signal."""
        if self._reports.program is not None:
            _send(self._reports.program, signal.SIGUSR2)
        enough = time.monotonic() + LAST_WORDS_SECONDS
        while (left := enough - time.monotonic()) > 0:
            self._listen(left)

    def _drain(self) -> None:
        """Read what has already been written; grandchildren may hold the pipes open, so never wait for their end."""
        enough = time.monotonic() + DRAIN_SECONDS
        while self._listen(0) and time.monotonic() < enough:
            pass
        self._relay.end(DRAIN_SECONDS)

    def _sum_up(self, status: int, cpu_s: float) -> Outcome:
        conversation = self._conversation
        if self._stopped is not None or conversation.answer is None:
            conversation.close()
        return Outcome(
            status=status,
            stopped=self._stopped,
            answer=conversation.answer if self._stopped is None else None,
            payload=conversation.payload if self._stopped is None else None,
            phase=self._clock.phase,
            wall_s=self._clock.used_s(),
            phases=dict(self._clock.phases),
            waited_s=self._clock.waited_s,
            cpu_s=cpu_s,
            # The kernel remembers a peak between two looks, though only for each process on its own.
            peak_memory_bytes=max(self._tree.peak_memory_bytes, self._reports.peak_bytes),
            log_tail=self._relay.tail,
            limits=self._limits,
            files=tuple(self._files),
            idle_s=self._idle_s,
            forks=self._forks,
            refusal=self._refusal,
            uncounted=self._uncounted,
            trace=self._trace.decode(errors="replace"),
            dropped_log_bytes=self._relay.dropped_bytes,
            unread_log_bytes=self._relay.unread_bytes,
            oom_kills=self._group.oom_kills() - self._oom_kills_before if self._group else 0,
            container_bytes=self._container_bytes,
            most_tasks=_most_tasks(),
            full_shared_memory_bytes=self._shared_memory.full_bytes,
            broken=self._broken(),
        )

    def _broken(self) -> dict[str, str] | None:
        """The promises that do not hold: what the program says, and what we know better."""
        if self._conversation.broken is None:
            return None
        broken = dict(self._conversation.broken)
        if self._group is not None and self._group.kills_all_at_once:
            broken["memory"] = "the container's memory.oom.group is 1: the kernel ends all its processes at once"
        if self._workspace.why_no_user:
            broken["user"] = f"the model runs as root: {self._workspace.why_no_user}"
        if self._reports.unadopted:
            broken["processes"] = self._reports.unadopted
        return broken


def _most_tasks() -> str:
    """What limits the processes and threads of a program, the container or its user."""
    if (number := tasks_limit()) is not None and number < MAX_TASKS:
        return f"{number:,} processes and threads in this container"
    number, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    return (
        f"{MAX_TASKS if number == resource.RLIM_INFINITY else min(number, MAX_TASKS):,} processes and threads of a user"
    )


def _last_s(wall_s: float) -> float:
    """The seconds at the end of a program's time in which it is seen whether it only waits."""
    return max(LEAST_LAST_S, wall_s * LAST_SHARE)


def _abandon(child: Child) -> None:
    """End it without looking on: its reaper ends all that is below it."""
    _send(child.pid, signal.SIGTERM)
    child.wait()


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


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
