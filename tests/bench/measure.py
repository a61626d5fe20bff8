"""What a command costs: wall and CPU seconds without a look at it before it has ended, and its peak memory in runs of
their own, since the polls that this needs take time.
"""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from numerai_predict.sandbox import linux

POLL_SECONDS = 0.01
# How an interpreter that has read parquet may end when all is done: apache/arrow#34314.
ABORTED = "terminate called without an active exception"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Wall seconds, CPU seconds of the command with all that it started, and those of its own process."""

    wall_s: float
    cpu_s: float
    own_cpu_s: float


@dataclass(frozen=True)
class Peak:
    """The most memory that the command with all that it started held, and that its own process held, in MB."""

    tree_mb: float
    own_mb: float


def cpu_sets() -> list[set[int]]:
    """One of our CPUs, and two of them if we have two."""
    ours = sorted(os.sched_getaffinity(0))
    return [set(ours[-count:]) for count in (1, 2) if count <= len(ours)]


def timed(argv: list[str], cpus: set[int], expected: int = 0) -> Cost:
    """Run the command to its end on these CPUs; exits with what it printed if its status is not the expected one."""
    # The time of a process that nobody waits for counts for nobody, so its orphans become our children.
    linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
    before = _children_cpu_s()
    began = time.perf_counter()
    with started(argv, cpus, expected) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        wall_s = time.perf_counter() - began
        own_cpu_s = cpu_s(process.pid)  # Of a process that ended and was not waited for yet.
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    return Cost(wall_s, _children_cpu_s() - before, own_cpu_s)


def peak(argv: list[str], expected: int = 0) -> Peak:
    """Run the command to its end, looking at its memory all the time; exits like `timed`."""
    tree_kib = own_kib = 0
    with started(argv, os.sched_getaffinity(0), expected) as process:
        while process.poll() is None:
            tree_kib = max(tree_kib, _tree_kib(process.pid))
            own_kib = max(own_kib, _kib(process.pid, "status", "VmHWM:"))
            time.sleep(POLL_SECONDS)
    return Peak(tree_kib * 1024 / 1e6, own_kib * 1024 / 1e6)


@contextlib.contextmanager
def started(argv: list[str], cpus: set[int], expected: int = 0) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a process on these CPUs, which is waited for at the end and has to end as expected."""
    with tempfile.TemporaryFile() as said:
        ours = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cpus)  # What we start inherits them.
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True)
        os.sched_setaffinity(0, ours)
        yield process
        process.wait()
        text = _text(said)
        if process.returncode != expected and not (process.returncode == -signal.SIGABRT and ABORTED in text):
            sys.exit(f"{' '.join(argv)} ended with status {process.returncode}:\n{text}")


def cpu_s(pid: int) -> float:
    """The CPU seconds of a process, without those of its children."""
    # The name in parentheses may hold anything: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / TICKS


def children(pid: int) -> list[int]:
    """The processes that this one has started, or adopted, and not yet waited for; none if it has ended."""
    found = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _tree_kib(pid: int) -> int:
    """What a process and all below it hold. What forks share counts once, and so do the files: the process that has
    most of them in memory has what the others have, but for 3 MB of Python itself. PSS as a whole would depend on what
    else runs on the machine from the same files. 0 if a process came or went meanwhile: what it shares may have counted
    twice.
    """
    members = _members(pid)
    files = max((_kib(member, "status", "RssFile:") for member in members), default=0)
    kib = files + sum(
        # Root of a container may not read the first of another user's process.
        _kib(member, "smaps_rollup", "Pss_Anon:", "Pss_Shmem:") or _kib(member, "status", "RssAnon:", "RssShmem:")
        for member in members
    )
    return kib if _members(pid) == members else 0


def _members(pid: int) -> list[int]:
    """A process and all below it that have memory: one that has ended has none."""
    members = [pid]
    for member in members:
        members += children(member)
    return sorted(member for member in members if _kib(member, "status", "VmRSS:"))


def _kib(pid: int, file: str, *labels: str) -> int:
    """The sum of these lines of one of the process's files; 0 if it has ended or we may not read them."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(labels))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
