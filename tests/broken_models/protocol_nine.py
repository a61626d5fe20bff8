"""A pickle of a protocol that does not exist yet."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(b"\x80\x09N.")
