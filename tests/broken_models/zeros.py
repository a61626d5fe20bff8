"""A file that was allocated and never written."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(bytes(4_096))
