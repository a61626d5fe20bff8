"""Plain pickle of a function of the user's script: only its name is stored."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(b"c__main__\npredict\n.")
