"""Files that appear whole, or not at all; and what is there in place of a file."""

import contextlib
import errno
import os
import select
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

# Besides a file, what a path may lead to.
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
# How long a pipe is not read before it is taken for one that nobody reads.
PATIENCE_S = 5.0
RETRY_S = 0.02
NOBODY = "nobody reads it"


def other_than_file(path: str | Path) -> str:
    """What is there that is no file, in words: "a folder", "a pipe"; empty for a file, a link to one, and nothing."""
    try:
        return _other_than_file(os.stat(path).st_mode)
    except (OSError, ValueError):
        return ""


def open_file(path: str | Path) -> BinaryIO:
    """Open a file to read it, and nothing else: a pipe may never end, or never begin. Raises OSError, at once."""
    # Not to wait for who writes to a pipe; for a file it means nothing.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if kind := _other_than_file(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, f"it is {kind}, not a file")
    return os.fdopen(descriptor, "rb")


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
    part = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        with open(part, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_through(content: bytes, path: Path) -> None:
    """Write to the pipe or device that is there. Raises OSError, also if nobody reads for PATIENCE_S seconds."""
    descriptor = _open_to_write(path)
    try:
        while content:
            content = content[_write_some(descriptor, content) :]
    finally:
        os.close(descriptor)


def _other_than_file(mode: int) -> str:
    return "" if stat.S_ISREG(mode) else _KINDS.get(stat.S_IFMT(mode), "something else")


def _open_to_write(path: Path) -> int:
    enough = time.monotonic() + PATIENCE_S
    while True:
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError as error:
            if error.errno != errno.ENXIO or other_than_file(path) != _KINDS[stat.S_IFIFO]:
                raise
            if time.monotonic() > enough:
                raise TimeoutError(errno.ETIMEDOUT, NOBODY) from None
            time.sleep(RETRY_S)


def _write_some(descriptor: int, content: bytes) -> int:
    """How many bytes were written."""
    enough = time.monotonic() + PATIENCE_S
    ready = select.poll()
    ready.register(descriptor, select.POLLOUT)
    while (left := enough - time.monotonic()) > 0:
        ready.poll(left * 1000)
        try:
            return os.write(descriptor, content)
        except BlockingIOError:
            time.sleep(RETRY_S)
    raise TimeoutError(errno.ETIMEDOUT, NOBODY)
