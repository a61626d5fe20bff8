"""Writes to a stream without ever waiting for its reader, who may pause for as long as he likes (`| less`, Ctrl-S)."""

import contextlib
import io
import os
import queue
import select
import threading
import time
from collections.abc import Sequence
from typing import BinaryIO, TextIO, cast

# What waits for a reader. A program's output gets half of it, so that there is room for what is said of the program.
MOST_WAITING_BYTES = 2 << 20
MOST_OUTPUT_BYTES = MOST_WAITING_BYTES // 2
CHUNK_BYTES = 1 << 16
POLL_MS = 100
JOIN_SECONDS = 0.5


class BackgroundWriter(io.RawIOBase):
    """A stream whose `write` never waits: a thread passes the data on, in order, when the reader takes it. What does
    not fit into the buffer any more is dropped, whole writes at a time; so is everything once the reader is gone.

    A signal handler may raise amid any call: at worst, that write is lost.
    """

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._descriptor = _descriptor_of(target)
        self._room = select.poll()
        if self._descriptor is not None:
            self._room.register(self._descriptor, select.POLLOUT)
        self._lock = threading.Lock()
        self._waiting = bytearray()
        self._requests: queue.SimpleQueue[threading.Event | None] = queue.SimpleQueue()
        self._is_over = False
        self._is_amid_line = False
        self._thread = threading.Thread(target=self._pass_on, name="output", daemon=True)
        self._thread.start()

    def writable(self) -> bool:
        """It is."""
        return True

    def isatty(self) -> bool:
        """Whether it leads to a terminal."""
        return self._target.isatty()

    def fileno(self) -> int:
        """The descriptor below the stream; raises OSError if there is none."""
        return self._target.fileno()

    def write(self, data: object) -> int:
        """Take lines of ours, which begin on a line of their own."""
        lines = bytes(cast(bytes, data))
        self._take(b"\n" + lines if self._is_amid_line else lines, MOST_WAITING_BYTES)
        self._is_amid_line = False
        return len(lines)

    def offer(self, output: bytes) -> bool:
        """Take what a program printed; false if there is no room for it."""
        is_taken = self._take(output, MOST_OUTPUT_BYTES)
        if is_taken and output:
            self._is_amid_line = not output.endswith(b"\n")
        return is_taken

    def wait(self, seconds: float) -> None:
        """Give the reader that long for what he has not taken yet."""
        done = threading.Event()
        self._requests.put(done)
        done.wait(max(0.0, seconds))

    def finish(self, seconds: float) -> int:
        """Wait that long, then end; returns how many bytes nobody has taken."""
        self.wait(seconds)
        self._is_over = True
        self._requests.put(None)
        self._thread.join(JOIN_SECONDS)  # A write that waits all the same ends it later.
        return len(self._waiting)

    def _take(self, data: bytes, most: int) -> bool:
        with self._lock:
            if self._waiting and len(self._waiting) + len(data) > most:
                return False
            if not self._waiting:
                self._requests.put(None)
            self._waiting += data
            return True

    def _pass_on(self) -> None:
        while not self._is_over:
            request = self._requests.get()
            while self._waiting and not self._is_over:
                self._pass_on_some()
            if request is not None:
                request.set()

    def _pass_on_some(self) -> None:
        with self._lock:
            some = bytes(self._waiting[: CHUNK_BYTES if self._descriptor is None else select.PIPE_BUF])
        try:
            taken = self._write_some(some)
        except (OSError, ValueError):  # The reader is gone (`| head`), or has no room.
            taken = len(some)
        with self._lock:
            del self._waiting[:taken]

    def _write_some(self, some: bytes) -> int:
        if self._descriptor is None:
            self._target.write(some)
            self._target.flush()
            return len(some)
        # So much fits into a pipe that has room at all: the thread waits here, where it can be ended, and not in a
        # write, where it would hold the stream's lock.
        if not self._room.poll(POLL_MS):
            return 0
        self._target.flush()  # What others have printed to it.
        return os.write(self._descriptor, some)


def _descriptor_of(stream: BinaryIO) -> int | None:
    """The descriptor that a stream writes to as it is; None for one that does more, or has none."""
    raw = getattr(stream, "raw", stream)
    return raw.fileno() if isinstance(raw, io.FileIO) else None


def never_waiting(stream: TextIO) -> TextIO:
    """The same for text: a stream that leads to the same reader, as long as the caller holds the one given."""
    with contextlib.suppress(OSError, ValueError):
        stream.flush()
    writer = BackgroundWriter(stream.buffer)
    return io.TextIOWrapper(cast(BinaryIO, writer), encoding=stream.encoding, errors=stream.errors, write_through=True)


def wait_for_readers(streams: Sequence[TextIO], seconds: float) -> None:
    """Give the readers of such streams that long, all in all, for what they have not taken yet."""
    enough = time.monotonic() + seconds
    for stream in streams:
        if isinstance(writer := getattr(stream, "buffer", None), BackgroundWriter):
            writer.wait(enough - time.monotonic())
