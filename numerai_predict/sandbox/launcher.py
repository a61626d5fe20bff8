"""How a program comes to be: the one place where that is decided."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Birthplace:
    """What a program begins with: its folder, the user that it becomes (None: ours), its environment, and open file
    descriptors: the channel as standard input, pipes as standard output and error, one for its reaper's reports.
    """

    folder: Path
    user: int | None
    environment: Mapping[str, str]
    channel: int
    stdout: int
    stderr: int
    reports: int


class Child(Protocol):
    """The process that was started: below it, or as it, the program runs (reaper.py)."""

    @property
    def pid(self) -> int:
        """Its process id, good until `wait` returns."""

    def wait(self) -> tuple[int, float]:
        """Wait for its end. Returns its exit status (-N: signal N) and the CPU seconds of it and all it waited for."""


class Launcher(Protocol):
    """Starts programs. The process leads a session of its own, and calls `reaper.fork_program` before all else.
    `helpers` are processes of ours, besides the runtime, that a program must not harm.
    """

    @property
    def helpers(self) -> Sequence[int]:
        """Their process ids."""

    def launch(self, place: Birthplace) -> Child:
        """Start the program there; raises OSError. The descriptors stay the caller's, who closes its own."""


@dataclass(frozen=True)
class ExecLauncher:
    """Executes a program afresh; its last arguments are those of `reaper.fork_program`, the user empty for ours."""

    argv: Sequence[str]
    helpers: Sequence[int] = ()

    def launch(self, place: Birthplace) -> "ExecutedChild":
        """Start it; raises OSError."""
        process = subprocess.Popen(
            [*self.argv, str(place.reports), "" if place.user is None else str(place.user), str(place.folder)],
            stdin=place.channel,
            stdout=place.stdout,
            stderr=place.stderr,
            pass_fds=[place.reports],
            env=dict(place.environment),
            cwd=place.folder,
            start_new_session=True,
        )
        return ExecutedChild(process)


class ExecutedChild:
    """A child of this process."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self.pid = process.pid

    def wait(self) -> tuple[int, float]:
        """Wait for its end."""
        _, status, usage = os.wait4(self.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return self._process.returncode, usage.ru_utime + usage.ru_stime
