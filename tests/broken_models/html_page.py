"""A login page."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_text("<!DOCTYPE html>\n<html><body>Log in</body></html>\n")
