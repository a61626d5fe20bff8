"""What the control group that we run in (the container's, as a rule) allows and counts; versions 1 and 2 of cgroups."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from numerai_predict.sandbox.kernel_file import KernelFile, figure

MOUNT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True)
class MemoryGroup:
    """A group of processes whose memory is counted and limited together. What it holds is read from files that stay
    open, until `close`.
    """

    folder: Path
    version: int
    _files: dict[Path, KernelFile] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def ours(cls, mount: Path = MOUNT, membership: Path = MEMBERSHIP) -> "MemoryGroup | None":
        """The group that this process is in; None where there are none (macOS) or memory is not counted."""
        for folder, version in _candidates("memory", mount, membership):
            if os.getpid() in _numbers(folder / "cgroup.procs") and (folder / "memory.stat").exists():
                return cls(folder, version)
        return None

    @property
    def limit_bytes(self) -> int | None:
        """What its processes may hold in all; None if no more than the machine sets a limit."""
        if self.version == 1:
            limits = [self._values("memory.stat").get("hierarchical_memory_limit", 0)]
        else:
            limits = [n for folder in (self.folder, *self.folder.parents) for n in _numbers(folder / "memory.max")]
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return min((limit for limit in limits if 0 < limit < machine), default=None)

    @property
    def kills_all_at_once(self) -> bool:
        """Whether the kernel, once memory runs out, ends every process of the group and not only the largest."""
        return 1 in _numbers(self.folder / "memory.oom.group")

    def held_bytes(self) -> int:
        """What the processes hold now, without the disk's cache; shared pages and memory files count once."""
        stat = self._read(self.folder / "memory.stat")
        names = (b"total_rss ", b"total_shmem ") if self.version == 1 else (b"anon ", b"shmem ")
        return sum(figure(stat, name) for name in names)

    def kernel_bytes(self) -> tuple[int, int]:
        """What the kernel holds for the processes (buffers of sockets and pipes, page tables, …), and how much of that
        may be caches, which it gives up when memory is short. Version 2 keeps the two apart, so that there are none.
        For version 1 the caches are the machine's, of which only the growth means anything.
        """
        if self.version == 1:
            names = ("memory.kmem.usage_in_bytes", "memory.kmem.tcp.usage_in_bytes")
            held = sum(int(self._read(self.folder / name) or 0) for name in names)
            return held, figure(self._read(MEMINFO), b"SReclaimable:") * 1024
        stat = self._read(self.folder / "memory.stat")
        parts = (b"slab ", b"kernel_stack ", b"pagetables ", b"percpu ")  # Before Linux 5.18 they have no sum.
        kernel = figure(stat, b"kernel ") or sum(figure(stat, name) for name in parts)
        return max(0, kernel - figure(stat, b"slab_reclaimable ")) + figure(stat, b"sock "), 0

    def oom_kills(self) -> int:
        """How many processes the kernel has ended here for want of memory."""
        return self._values("memory.oom_control" if self.version == 1 else "memory.events").get("oom_kill", 0)

    def pids(self) -> set[int]:
        """The processes in it and in the groups below; 0 stands for those outside of our PID namespace."""
        return {pid for folder, _, _ in os.walk(self.folder) for pid in _numbers(Path(folder, "cgroup.procs"))}

    def close(self) -> None:
        """Close its files; the next look opens them again."""
        for file in self._files.values():
            file.close()

    def _read(self, path: Path) -> bytes:
        return self._files.setdefault(path, KernelFile(path)).read()

    def _values(self, name: str) -> dict[str, int]:
        lines = (line.split() for line in _read(self.folder / name).splitlines())
        return {key: int(value) for key, value in lines}


def tasks_limit(mount: Path = MOUNT, membership: Path = MEMBERSHIP) -> int | None:
    """How many processes and threads our group may have in all; None if there is no limit."""
    for folder, _ in _candidates("pids", mount, membership):
        if os.getpid() in _numbers(folder / "cgroup.procs"):
            return min((n for each in (folder, *folder.parents) for n in _numbers(each / "pids.max")), default=None)
    return None


def _candidates(controller: str, mount: Path, membership: Path) -> Iterator[tuple[Path, int]]:
    """Where our group may be, and the version of cgroups there. In a container the mount may be the group itself,
    whatever path the kernel names: https://man7.org/linux/man-pages/man7/cgroup_namespaces.7.html.
    """
    for line in _read(membership).splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            version, roots = 1, [mount / controller]
        elif not controllers:
            version, roots = 2, [mount, mount / "unified"]
        else:
            continue
        yield from ((folder, version) for root in roots for folder in (root / path.lstrip("/"), root))


def _numbers(path: Path) -> set[int]:
    """The numbers in a file; empty if it cannot be read."""
    return {int(word) for word in _read(path).split() if word.isdigit()}


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
