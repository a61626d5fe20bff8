"""Passes on what a program prints, up to a limit, and keeps the end of it."""

import os
from collections.abc import Callable
from typing import BinaryIO

from numerai_predict.background_writer import BackgroundWriter
from numerai_predict.visible import VisibleStream

CHUNK_BYTES = 1 << 16
KEPT_BYTES = 16_000


class OutputRelay:
    """What a program prints to its two streams: passed on as text until `most_bytes`, dropped from then on. Nobody ever
    waits for who reads it: what he leaves is dropped too, once much of it waits, and counted as `unread_bytes`.
    """

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes
        self._kept = bytearray()
        self._readers: list[_Reader] = []
        self.dropped_bytes = 0

    @property
    def tail(self) -> str:
        """The last of it, whether it was passed on or not."""
        return self._kept.decode(errors="replace")

    @property
    def unread_bytes(self) -> int:
        """How much was to be passed on, and was not taken."""
        return sum(reader.unread_bytes for reader in self._readers)

    def handler(self, target: BinaryIO | None) -> Callable[[int], bool]:
        """A function that passes on what can be read from a descriptor now; false once there will be no more. Call
        `end` when there will be no more calls.
        """
        reader = None if target is None else _Reader(target)
        if reader is not None:
            self._readers.append(reader)

        def handle(source: int) -> bool:
            data = read_now(source)
            if not data:
                return data is None
            self._kept += data
            del self._kept[:-KEPT_BYTES]
            passed = data[: self._left]
            self.dropped_bytes += len(data) - len(passed)
            shown = reader.show(passed) if passed and reader is not None else 0
            self._left = max(0, self._left - max(len(passed), shown))
            return True

        return handle

    def end(self, seconds: float) -> None:
        """Give who reads it that long for the rest."""
        for reader in self._readers:
            reader.end(seconds)


class _Reader:
    """Where one stream of a program leads to."""

    def __init__(self, target: BinaryIO) -> None:
        self._is_shared = isinstance(target, BackgroundWriter)
        self._writer = target if isinstance(target, BackgroundWriter) else BackgroundWriter(target)
        self._text = VisibleStream(keep_styles=not _is_terminal(target))
        self.unread_bytes = 0

    def show(self, output: bytes) -> int:
        """Pass it on; returns how many bytes that are in what is shown."""
        shown = self._text.feed(output)
        if not self._writer.offer(shown):
            self.unread_bytes += len(shown)
        return len(shown)

    def end(self, seconds: float) -> None:
        """Pass on the rest; a writer of the caller's stays his."""
        self._writer.offer(self._text.end())
        if not self._is_shared:
            self.unread_bytes += self._writer.finish(seconds)
            self._is_shared = True


def _is_terminal(target: BinaryIO) -> bool:
    try:
        return target.isatty()
    except (AttributeError, OSError, ValueError):  # No more than `write` and `flush`, or closed.
        return False


def read_now(descriptor: int) -> bytes | None:
    """What can be read now; empty at the end; None when there is nothing yet."""
    try:
        return os.read(descriptor, CHUNK_BYTES)
    except BlockingIOError:
        return None
    except ConnectionResetError:
        return b""
