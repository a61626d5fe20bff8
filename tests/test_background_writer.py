"""background_writer.py: readers that pause, that are gone, and that take their time."""

import errno
import io
import os
import pty
import sys
import termios
import threading
import time
import unittest
from typing import BinaryIO

from numerai_predict.background_writer import (
    MOST_OUTPUT_BYTES,
    MOST_WAITING_BYTES,
    BackgroundWriter,
    never_waiting,
    wait_for_readers,
)

ENOUGH_S = 20


class Failing(io.BytesIO):
    """Has no room, as /dev/full."""

    def write(self, data: object) -> int:
        raise OSError(errno.ENOSPC, "no room")


class BackgroundWriterTest(unittest.TestCase):
    def setUp(self) -> None:
        reader, target = os.pipe()
        self.reader = open(reader, "rb", buffering=0)  # noqa: SIM115
        self.target = open(target, "wb")  # noqa: SIM115
        self.addCleanup(self.reader.close)
        self.addCleanup(self.target.close)

    def writer(self, target: BinaryIO | None = None) -> BackgroundWriter:
        writer = BackgroundWriter(target or self.target)
        self.addCleanup(writer.finish, 0)
        return writer

    def test_lines_and_output_come_out_in_order_and_lines_begin_on_their_own(self) -> None:
        writer = self.writer()
        for write, text in (
            (writer.write, b"one\n"),
            (writer.offer, b"two\n"),
            (writer.write, b"three\n"),
            (writer.offer, b"four"),
            (writer.offer, b""),
            (writer.write, b"fi"),
            (writer.write, b"ve\n"),
        ):
            write(text)
        writer.wait(ENOUGH_S)
        self.assertEqual(b"one\ntwo\nthree\nfour\nfive\n", self.reader.read(1000))

    def test_reader_who_pauses_holds_up_no_write(self) -> None:
        writer = self.writer()
        began = time.monotonic()
        taken = sum(writer.offer(b"x" * 8192) for _ in range(1000))
        writer.write(b"last\n")
        self.assertLess(time.monotonic() - began, 5)
        self.assertLess(taken * 8192, 2 * MOST_OUTPUT_BYTES)
        self.assertGreater(taken * 8192, MOST_OUTPUT_BYTES - 8192)
        threading.Thread(target=writer.wait, args=(ENOUGH_S,)).start()
        came = b""
        while not came.endswith(b"last\n"):
            came += self.reader.read(1 << 16)
        self.assertEqual(taken * 8192 + len(b"\nlast\n"), len(came))

    def test_lines_of_ours_are_bounded_too(self) -> None:
        writer = self.writer()
        for _ in range(3 * MOST_WAITING_BYTES // 8192):
            writer.write(b"x" * 8192)
        self.assertLessEqual(writer.finish(0), MOST_WAITING_BYTES)

    def test_text_longer_than_all_that_may_wait_is_taken_when_nothing_waits(self) -> None:
        shown = io.BytesIO()
        writer = self.writer(shown)
        writer.write(b"x" * (MOST_WAITING_BYTES + 1))
        writer.wait(ENOUGH_S)
        self.assertEqual(MOST_WAITING_BYTES + 1, len(shown.getvalue()))

    def test_finish_waits_only_so_long_and_says_what_is_left_and_its_thread_ends(self) -> None:
        before = threading.active_count()
        writer = BackgroundWriter(self.target)
        writer.offer(b"x" * 100_000)
        began = time.monotonic()
        left = writer.finish(0.3)
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(100_000, left + len(self.reader.read(1 << 20)))
        self.assertEqual(before, threading.active_count())
        self.target.close()
        self.assertEqual(b"", self.reader.read())

    def test_reader_who_is_gone_or_has_no_room_holds_up_nobody(self) -> None:
        self.reader.close()
        for target in (self.target, Failing(), closed()):
            with self.subTest(target):
                writer = BackgroundWriter(target)
                writer.write(b"x" * 500_000)
                self.assertEqual(0, writer.finish(ENOUGH_S))

    @unittest.skipUnless(sys.platform == "linux", "macOS keeps no output of a stopped terminal")
    def test_terminal_whose_output_is_stopped_holds_up_nobody(self) -> None:
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        termios.tcflow(theirs, termios.TCOOFF)
        with open(theirs, "wb") as terminal:
            writer = BackgroundWriter(terminal)
            self.assertTrue(writer.isatty())
            writer.write(b"hello\n")
            self.assertEqual(6, writer.finish(0.3))

    def test_text_stream_leads_to_the_same_reader(self) -> None:
        given = io.TextIOWrapper(self.target, encoding="ascii", errors="backslashreplace")
        self.addCleanup(given.detach)
        stream = never_waiting(given)
        print("né", file=stream)
        wait_for_readers([stream, given], ENOUGH_S)
        self.assertEqual(b"n\\xe9\n", self.reader.read(100))


def closed() -> BinaryIO:
    """A stream that was closed."""
    stream = io.BytesIO()
    stream.close()
    return stream


if __name__ == "__main__":
    unittest.main()
