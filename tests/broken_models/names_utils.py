"""A function of the user's own file utils.py, which is not in the pickle."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(b"cutils\nneutralize\n.")
