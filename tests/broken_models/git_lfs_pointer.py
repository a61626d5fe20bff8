"""What git leaves in place of a large file."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
