"""No bytes at all."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(b"")
