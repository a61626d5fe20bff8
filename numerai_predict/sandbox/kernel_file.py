"""A file in which the kernel writes figures: read again and again while a program runs."""

import os
from pathlib import Path

MOST_BYTES = 1 << 14


class KernelFile:
    """Reads one small file of /proc or /sys/fs/cgroup, which stays open between two reads, until `close`.

    To open it takes longer than to read it, and needs memory of the container, of which there may be none left. One of
    a process is never that of another one that gets its number.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def read(self) -> bytes:
        """What it says now; empty if there is no such file, or we may not read it."""
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_RDONLY)
            return os.pread(self._descriptor, MOST_BYTES, 0)
        except OSError:
            return b""

    def close(self) -> None:
        """Close it; the next read opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def figure(text: bytes, name: bytes) -> int:
    """The number after the line's beginning `name`; 0 if there is no such line."""
    _, found, rest = (b"\n" + text).partition(b"\n" + name)
    return int(rest.split(None, 1)[0]) if found else 0
