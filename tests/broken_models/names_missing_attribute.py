"""A function that a module of Python does not have."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(b"cjson\nno_such_function\n.")
