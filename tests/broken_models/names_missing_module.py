"""A class of a package that is not installed."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(b"cno_such_package\nModel\n.")
