"""Booster.save_model in place of pickle."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_text("tree\nversion=v4\nnum_class=1\n")
