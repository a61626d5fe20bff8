"""A process and all its descendants: how many they are, how much memory they hold, and ending them."""

import contextlib
import math
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from numerai_predict.sandbox.births import Births
from numerai_predict.sandbox.cgroup import MemoryGroup
from numerai_predict.sandbox.kernel_file import KernelFile, figure

PROC = "/proc"
# Looking for new descendants walks all of /proc, so it is done when one may have been born; and now and then, as a
# process may come into our group without that. Reading the memory of the known ones walks nothing.
REFRESH_SECONDS = 0.2
LONGEST_REFRESH_SECONDS = 5.0
# One that the kernel holds back (a dead network drive) may take for ever to end.
KILL_SECONDS = 5.0
UNKNOWN = 0

# Of the trees that this process holds to their limits now.
_reapers: set[int] = set()


class _Process(NamedTuple):
    pid: int
    parent: int = UNKNOWN
    group: int = UNKNOWN
    session: int = UNKNOWN
    dead: bool = False
    start: int = UNKNOWN
    rss: int = 0
    cpu_s: float = math.nan

    @property
    def identity(self) -> tuple[int, int]:
        """Another process may get the number, but not at the same time."""
        return self.pid, self.start


class ProcessTree:
    """All that descends from `reaper`, which adopts the orphans among it (reaper.py) and is no member itself.

    `group` is the memory group that we are in; its count is used for as long as nobody but our ancestors, we and our
    descendants are in it, and no other tree of ours. Only then what the kernel holds for the tree is counted too.
    """

    def __init__(self, reaper: int, group: MemoryGroup | None = None) -> None:
        self.program = UNKNOWN
        self._reaper = _read_stat(reaper) or _Process(reaper)
        self._session = os.getsid(0)
        self._members: dict[int, _Process] = {}
        self._group = group
        self._others: list[int] | None = None
        self._births = Births(reaper)
        self._statuses: dict[int, KernelFile] = {}
        _reapers.add(reaper)
        self._look()
        self.disregard_files()

    def disregard_files(self) -> None:
        """Let what is in memory now and held by no process not be the tree's: files that others wrote to a tmpfs, and
        what the kernel holds.
        """
        self._before_bytes = self._unowned_bytes()
        self._kernel_before = self._group.kernel_bytes() if self._group else (0, 0)
        self.peak_memory_bytes = 0

    def count(self) -> int:
        """How many of its processes were alive at the last look."""
        return sum(not member.dead for member in self._members.values())

    def is_empty(self) -> bool:
        """Whether none that is known lives, nor any below these."""
        self._look()
        return self.count() == 0

    def cpu_s(self) -> float:
        """The CPU time that its processes have used so far, those included that have ended; NaN if it is not known."""
        self._look()
        reaper = _read_stat(self._reaper.pid) or self._reaper  # Has the time of the orphans that have ended.
        return sum(process.cpu_s for process in (reaper, *self._members.values()))

    def forks(self) -> int:
        """How many of its processes are forks of the program, and no other program since."""
        command = _read(self.program, "cmdline")
        others = [pid for pid in self._members if pid != self.program]
        return sum(_read(pid, "cmdline") == command for pid in others)

    def memory_bytes(self) -> int:
        """What the tree holds now; keeps the peak."""
        age = time.monotonic() - self._looked
        if age >= LONGEST_REFRESH_SECONDS or (age >= REFRESH_SECONDS and self._births.may_be_unseen()):
            self._look()
        if self._group is None or self._others is None:
            total = self._sum_of_members()
        else:
            others_bytes = self._before_bytes + sum(map(self._private_bytes, self._others))
            total = max(0, self._group.held_bytes() - others_bytes) + self._kernel_growth(self._group)
        self.peak_memory_bytes = max(self.peak_memory_bytes, total)
        return total

    def kill(self, is_over: Callable[[], bool]) -> None:
        """End every member with SIGKILL, those too that are born meanwhile, until `is_over`: the reaper alone knows
        that none is left. Gives up after some seconds.
        """
        enough = time.monotonic() + KILL_SECONDS
        # A fork bomb would leave us no time to look at all it started: halt what we can first.
        _signal(self._groups(), signal.SIGSTOP)
        while not is_over() and time.monotonic() < enough:
            self._look()
            # A process group dies as one, between two forks. A dead member's may hold children not yet seen.
            groups = self._groups()
            for number in (signal.SIGSTOP, signal.SIGKILL):
                _signal(groups, number)
        _reapers.discard(self._reaper.pid)

    def close(self) -> None:
        """Close its files; a later look opens them again."""
        self._births.close()
        for file in self._statuses.values():
            file.close()

    def _groups(self) -> set[int]:
        """The process groups of the members; a program that has just been forked is still in the reaper's."""
        return {member.group for member in self._members.values()} - {self._reaper.group}

    def _look(self) -> None:
        self._births.note_look()
        # The group first: so everyone in it who lives is among the processes.
        grouped = self._group.pids() if self._group else set()
        processes = _list_processes()
        children: dict[int, list[int]] = {}
        for process in processes.values():
            children.setdefault(process.parent, []).append(process.pid)
        # Without a reaper that adopts (on macOS) a member whose parent died goes to init, so members are kept.
        known = {member.identity for member in self._members.values()}
        seeds = [pid for pid, process in processes.items() if process.identity in known]
        seeds += children.get(self._reaper.pid, [])
        members = {pid: processes[pid] for pid in _descendants(seeds, children)}
        # For safety: whatever has gone wrong, our own session is never counted nor killed.
        self._members = {pid: member for pid, member in members.items() if member.session != self._session}
        others = [pid for pid in grouped if pid in processes and pid not in members and pid != self._reaper.pid]
        self._others = others if self._are_ours(others, grouped, processes, children) else None
        for pid in set(self._statuses) - {*others}:
            self._statuses.pop(pid).close()
        self._looked = time.monotonic()

    def _are_ours(
        self, others: list[int], grouped: set[int], processes: dict[int, _Process], children: dict[int, list[int]]
    ) -> bool:
        """Whether it is known what these hold: they are our family, and none is of another tree, which may have files
        in memory.
        """
        family = _descendants([os.getpid()], children) | _ancestors(os.getpid(), processes)
        return 0 not in grouped and family.issuperset(others) and _reapers.isdisjoint(others)

    def _unowned_bytes(self) -> int:
        """What the group holds and no process does: files in memory, left there before."""
        if self._group is None or self._others is None:
            self._group = None
            return 0
        owners = [*self._others, *self._members, self._reaper.pid]
        return max(0, self._group.held_bytes() - sum(map(self._private_bytes, owners)))

    def _kernel_growth(self, group: MemoryGroup) -> int:
        """What the kernel has come to hold for the group, without what may be its caches: of the files that were made
        or read.
        """
        kernel, caches = (now - before for now, before in zip(group.kernel_bytes(), self._kernel_before, strict=True))
        return max(0, kernel - max(0, caches))

    def _private_bytes(self, pid: int) -> int:
        """The memory of a process that no file backs, as a control group counts it."""
        return _kib(self._status(pid), b"RssAnon:", b"RssShmem:")

    def _status(self, pid: int) -> bytes:
        return self._statuses.setdefault(pid, KernelFile(f"{PROC}/{pid}/status")).read()

    def _sum_of_members(self) -> int:
        total = sum(_rss_bytes(pid) or member.rss for pid, member in self._members.items())
        # RSS counts a page once for each process that shares it. The exact figure (PSS) is slow to read, so it is
        # read only where the sum would be news.
        if len(self._members) > 1 and total > self.peak_memory_bytes:
            total = sum(_pss_bytes(pid) or member.rss for pid, member in self._members.items())
        return total


def _signal(groups: Iterable[int], number: signal.Signals) -> None:
    for group in groups:
        # killpg(0) is our own group, and killpg(1) is everybody.
        if group > 1 and group != os.getpgrp():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)


def _descendants(pids: Iterable[int], children: dict[int, list[int]]) -> set[int]:
    """These processes and all below them."""
    found = set(pids)
    waiting = list(found)
    while waiting:
        new = [pid for pid in children.get(waiting.pop(), []) if pid not in found]
        found.update(new)
        waiting.extend(new)
    return found


def _ancestors(pid: int, processes: dict[int, _Process]) -> set[int]:
    found = set()
    while (process := processes.get(pid)) and process.parent not in found:
        pid = process.parent
        found.add(pid)
    return found


def _list_processes() -> dict[int, _Process]:
    if not os.path.exists(PROC):
        return _list_with_ps()
    pids = [int(name) for name in os.listdir(PROC) if name.isdigit()]
    found = {pid: process for pid in pids if (process := _read_stat(pid))}
    for pid, process in list(found.items()):
        # Its parent ended between our looks at the two, so by now it has another.
        if process.parent not in found and (again := _read_stat(pid)):
            found[pid] = again
    return found


def _read_stat(pid: int) -> _Process | None:
    stat = _read(pid, "stat")
    if not stat:
        return None
    # The name in parentheses may hold anything: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    fields = stat.rpartition(b")")[2].split(None, 20)
    # A process is dead when all its threads are, the first one often before.
    dead = fields[0] in (b"Z", b"X") and int(fields[17]) <= 1
    # Its own in user and kernel mode, and that of its children that have ended.
    cpu_s = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return _Process(pid, int(fields[1]), int(fields[2]), int(fields[3]), dead, int(fields[19]), cpu_s=cpu_s)


def _list_with_ps() -> dict[int, _Process]:
    """For macOS, which has no /proc to read the memory from later either."""
    columns = ["ps", "-axo", "pid=,ppid=,pgid=,rss=,stat="]
    listing = subprocess.run(columns, capture_output=True, text=True, check=False).stdout
    found = {}
    for line in listing.splitlines():
        *numbers, state = line.split()
        pid, parent, group, rss = map(int, numbers)
        found[pid] = _Process(pid, parent, group, dead=state.startswith("Z"), rss=rss * 1024)
    return found


def _rss_bytes(pid: int) -> int:
    pages = _read(pid, "statm").split()
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if pages else 0


def _pss_bytes(pid: int) -> int:
    # Denied to root of a container for a process of another user (no CAP_SYS_PTRACE).
    return _kib(_read(pid, "smaps_rollup"), b"Pss:") or _rss_bytes(pid)


def _kib(text: bytes, *labels: bytes) -> int:
    """The sum of the lines `labels` of one of a process's files, in bytes."""
    return sum(figure(text, label) for label in labels) * 1024


def _read(pid: int, file: str) -> bytes:
    """One of the process's files; empty if the process is gone or we may not. Half as slow as Path.read_bytes."""
    try:
        descriptor = os.open(f"{PROC}/{pid}/{file}", os.O_RDONLY)
        try:
            return os.read(descriptor, 1 << 14)
        finally:
            os.close(descriptor)
    except OSError:
        return b""
