"""A class of a package's submodule, where the package is not installed."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(b"cno_such_package.models\nModel\n.")
