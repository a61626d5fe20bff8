"""Files that appear whole, or not at all, and pipes that may have no reader."""

import errno
import os
import secrets
import select
import time
from pathlib import Path

READER_SECONDS = 5.0


def write_whole(content: bytes, path: Path) -> None:
    """Write the file, or leave what is there: a reader never sees a part of it, also on a full disk. Raises OSError."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(part, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def write_to_reader(content: bytes, path: Path) -> None:
    """Write to a pipe or a device. Raises OSError, also if nobody reads it, or has not read all of it in time."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        room = select.poll()
        room.register(descriptor, select.POLLOUT)
        enough = time.monotonic() + READER_SECONDS
        left = memoryview(content)
        while left:
            if not room.poll(max(0.0, enough - time.monotonic()) * 1000):
                raise TimeoutError(errno.ETIMEDOUT, "nobody reads it")
            left = left[os.write(descriptor, left[: select.PIPE_BUF]) :]
    finally:
        os.close(descriptor)
