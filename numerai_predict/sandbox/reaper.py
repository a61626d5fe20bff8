"""The process between the runtime and a program: whatever the program starts stays below it, to the last orphan.

So it is known at any time which processes are the program's, also where the runtime has other children, or runs several
programs at once: https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html.
"""

import contextlib
import functools
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from numerai_predict.sandbox import linux
from numerai_predict.sandbox.process_tree import ProcessTree
from numerai_predict.sandbox.workspace import REMOVE_SECONDS, remove_files

# https://man7.org/linux/man-pages/man5/proc_pid_oom_score_adj.5.html
OOM_SCORE_ADJ = Path("/proc/self/oom_score_adj")
MOST_OOM_SCORE_ADJ = 1000
# The unit of `ru_maxrss`, which is not the same everywhere.
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024


def fork_program(reports: int, user: int | None, folder: str | None = None) -> int:
    """Return in a child that leads a session of its own, as that user (None: ours); this process itself becomes its
    reaper, which the user cannot signal, and never returns.

    The reaper writes lines of JSON to the descriptor `reports`: the program's process id with why its orphans would not
    be adopted (empty: they are), then its exit status with the most memory that one of its processes held. It ends when
    nothing is left below it. When the runtime dies it ends all of it, and removes the program's `folder` and what its
    user has in shared memory. Returns the reaper's process id. Call it before there are threads.
    """
    runtime, reaper = os.getppid(), os.getpid()
    unadopted = _adopt_orphans()
    _die_before_runtime()
    _set_dumpable(False)
    clear_away = functools.partial(_clear_away, folder, user)
    signal.signal(signal.SIGTERM, lambda *_: _end_all(clear_away))  # Before there is anything to end.
    program = os.fork()
    if program:
        _reap(program, reports, runtime, unadopted, clear_away)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.close(reports)
    os.setsid()
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    _set_dumpable(True)  # The runtime, which may be no root, reads its memory's size in /proc.
    return reaper


class ReaperReports:
    """What the reaper has reported: the program's process id and exit status, None until then; the most memory that it,
    or a process that it waited for, has held at a time; whether the reaper has gone; and why the program's orphans are
    not adopted, if so.
    """

    def __init__(self) -> None:
        self.program: int | None = None
        self.status: int | None = None
        self.peak_bytes = 0
        self.unadopted = ""
        self.has_ended = False
        self._buffer = b""

    def feed(self, data: bytes) -> None:
        """Take what was read from the descriptor of the reports; nothing is its end."""
        self.has_ended = not data
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            facts = json.loads(line)
            if "status" in facts:
                self.status, self.peak_bytes = facts["status"], facts["peak_bytes"]
            else:
                self.program, self.unadopted = facts["program"], facts["unadopted"]


def _reap(program: int, reports: int, runtime: int, unadopted: str, clear_away: Callable[[], None]) -> NoReturn:
    """Wait for all that ends below us, and report how the program did."""
    os.set_inheritable(reports, False)
    _report(reports, program=program, unadopted=unadopted)
    for descriptor in range(3):  # Who reads what the program prints sees its end, and not ours.
        os.close(descriptor)
    with contextlib.suppress(OSError):
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != runtime:
        os.kill(os.getpid(), signal.SIGTERM)
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status, usage = os.wait3(0)
            if pid == program:
                peak_bytes = usage.ru_maxrss * MAXRSS_BYTES
                _report(reports, status=os.waitstatus_to_exitcode(status), peak_bytes=peak_bytes)
    if _has_no_reader(reports):
        clear_away()
    os._exit(0)


def _end_all(clear_away: Callable[[], None]) -> NoReturn:
    """The runtime is gone, and nobody else ends what is below us."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ProcessTree(os.getpid()).kill(_nothing_is_left)
    clear_away()
    os._exit(1)


def _clear_away(folder: str | None, user: int | None) -> None:
    if folder is not None:
        enough = time.monotonic() + REMOVE_SECONDS
        remove_files(folder, user, lambda: time.monotonic() > enough)


def _has_no_reader(pipe: int) -> bool:
    """Whether the runtime died, perhaps before it could be known who it was."""
    poll = select.poll()
    poll.register(pipe, 0)
    return bool(poll.poll(0))


def _nothing_is_left() -> bool:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


def _report(reports: int, **facts: Any) -> None:
    with contextlib.suppress(OSError):  # The runtime may be gone.
        os.write(reports, json.dumps(facts).encode() + b"\n")


def _adopt_orphans() -> str:
    try:
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
    except OSError as error:
        return f"a process that leaves its parent is not found again ({error.strerror or error})"
    return ""


def _die_before_runtime() -> None:
    """Be ended before the runtime when memory runs out, though after the program: while the kernel takes down what it
    has ended, that still holds its memory and can be ended no more, and the next that wants a page has another end.
    """
    with contextlib.suppress(OSError):  # macOS has none.
        ours = int(OOM_SCORE_ADJ.read_text())
        OOM_SCORE_ADJ.write_text(str((ours + MOST_OOM_SCORE_ADJ) // 2))


def _set_dumpable(dumpable: bool) -> None:
    """Keep others of the same user, and so the program, from our memory and environment, or let them."""
    with contextlib.suppress(OSError):
        linux.prctl(linux.PR_SET_DUMPABLE, int(dumpable))
