"""Passes on what a program prints, up to a limit, and keeps the end of it."""

import contextlib
import os
from collections.abc import Callable
from typing import BinaryIO

CHUNK_BYTES = 1 << 16
KEPT_BYTES = 16_000


class OutputRelay:
    """What a program prints to its two streams: passed on until `most_bytes`, dropped from then on."""

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes
        self._kept = bytearray()
        self.dropped_bytes = 0

    @property
    def tail(self) -> str:
        """The last of it, whether it was passed on or not."""
        return self._kept.decode(errors="replace")

    def handler(self, target: BinaryIO | None) -> Callable[[int], bool]:
        """A function that passes on what can be read from a descriptor now; false once there will be no more."""

        def handle(source: int) -> bool:
            data = read_now(source)
            if not data:
                return data is None
            self._kept += data
            del self._kept[:-KEPT_BYTES]
            passed = data[: self._left]
            self._left -= len(passed)
            self.dropped_bytes += len(data) - len(passed)
            if passed and target is not None:
                with contextlib.suppress(OSError, ValueError):  # Our own reader may be gone (`| head`).
                    target.write(passed)
                    target.flush()
            return True

        return handle


def read_now(descriptor: int) -> bytes | None:
    """What can be read now; empty at the end; None when there is nothing yet."""
    try:
        return os.read(descriptor, CHUNK_BYTES)
    except BlockingIOError:
        return None
    except ConnectionResetError:
        return b""
