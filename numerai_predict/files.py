"""Files that appear whole, or not at all."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def write_whole(content: bytes, path: Path) -> None:
    """Write the file, or leave what is there: a reader never sees a part of it, also on a full disk. Raises OSError."""
    with _appearing(path) as file:
        file.write(content)


def copy_whole(source: BinaryIO, path: Path) -> int:
    """Write what is in `source` from its beginning on, as `write_whole` does, a part at a time; returns its bytes."""
    source.seek(0)
    with _appearing(path) as file:
        shutil.copyfileobj(source, file)
        return file.tell()


@contextlib.contextmanager
def _appearing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which replaces that of the path once all is written."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(part, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
