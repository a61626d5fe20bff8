"""A module of NumPy that another version has."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(b"cnumpy._core.no_such_module\nload\n.")
