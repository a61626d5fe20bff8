"""The predictions in place of the model."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_text("id,prediction\nn0003d344cc4213d,0.5\n")
