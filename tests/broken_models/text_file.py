"""Some words."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_text("my model\n")
