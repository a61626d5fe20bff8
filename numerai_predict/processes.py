"""A process and all its descendants: how much memory they hold, and ending them."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

PROC = Path("/proc")
# Looking for new descendants walks all of /proc; reading the memory of the known ones does not.
REFRESH_SECONDS = 0.2


class ProcessTree:
    """The processes that descend from `root`, which leads a process group of its own."""

    def __init__(self, root: int) -> None:
        self.root = root
        self.peak_memory_bytes = 0
        self._largest_total = 0
        self._members = {root: 0}
        self._refreshed = 0.0

    def memory_bytes(self) -> int:
        """What the tree holds now (RSS; PSS where processes share pages); keeps the peak."""
        self._refresh()
        total = sum(_rss_bytes(pid) or listed for pid, listed in self._members.items())
        # RSS counts a page once for each process that shares it. The exact figure (PSS) is slow to read, so it is
        # read only where the sum would be news.
        if len(self._members) > 1 and total > self._largest_total:
            total = sum(_pss_bytes(pid) or listed for pid, listed in self._members.items())
        self._largest_total = max(self._largest_total, total)
        # The kernel remembers a peak between two polls, though only for each process on its own (VmHWM).
        self.peak_memory_bytes = max(self.peak_memory_bytes, self._largest_total, _kib(self.root, "status", "VmHWM:"))
        return total

    def kill(self) -> None:
        """End every member that was ever seen with SIGKILL, those that left the process group too."""
        self._refresh(now=True)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.root, signal.SIGKILL)
        for pid in self._members.keys() - {self.root}:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def _refresh(self, now: bool = False) -> None:
        if not now and time.monotonic() - self._refreshed < REFRESH_SECONDS:
            return
        processes = _list_processes()
        children: dict[int, list[int]] = {}
        for pid, (parent, _) in processes.items():
            children.setdefault(parent, []).append(pid)
        # A member whose parent died is adopted by init and no longer found from the root, so members are kept.
        members = {pid for pid in self._members if pid in processes}
        waiting = list(members)
        while waiting:
            new = [pid for pid in children.get(waiting.pop(), []) if pid not in members]
            members.update(new)
            waiting.extend(new)
        self._members = {pid: processes[pid][1] for pid in members}
        self._refreshed = time.monotonic()


def _list_processes() -> dict[int, tuple[int, int]]:
    """The parent of every process, and its RSS in bytes where there is no /proc to read it from later (macOS)."""
    if not PROC.exists():
        listing = subprocess.run(["ps", "-axo", "pid=,ppid=,rss="], capture_output=True, text=True, check=False)
        rows = (line.split() for line in listing.stdout.splitlines())
        return {int(pid): (int(parent), int(rss) * 1024) for pid, parent, rss in rows}
    found = {}
    for entry in os.listdir(PROC):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                stat = (PROC / entry / "stat").read_text()
                # The name in parentheses may hold anything: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
                found[int(entry)] = (int(stat.rpartition(")")[2].split()[1]), 0)
    return found


def _rss_bytes(pid: int) -> int:
    try:
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _pss_bytes(pid: int) -> int:
    return _kib(pid, "smaps_rollup", "Pss:") or _rss_bytes(pid)


def _kib(pid: int, file: str, label: str) -> int:
    """The line `label` of one of the process's files, in bytes; 0 if it cannot be read."""
    try:
        lines = (PROC / str(pid) / file).read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(label)), 0)
