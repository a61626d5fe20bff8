"""output.py: what a program prints, passed on as text to a limit, and its end."""

import io
import os
import threading
import time
import unittest
from typing import BinaryIO

from numerai_predict.background_writer import MOST_OUTPUT_BYTES, BackgroundWriter
from numerai_predict.sandbox.output import KEPT_BYTES, OutputRelay


class RelayTest(unittest.TestCase):
    def setUp(self) -> None:
        self.source, self.program = os.pipe()
        os.set_blocking(self.source, False)
        self.addCleanup(os.close, self.source)
        self.shown = io.BytesIO()

    def passed_on(self, relay: OutputRelay, *prints: bytes) -> list[bool]:
        """What the handler says after each of the prints, and once the program has closed its end."""
        handle = relay.handler(self.shown)
        said = [handle(self.source)]
        for text in prints:
            os.write(self.program, text)
            said.append(handle(self.source))
        os.close(self.program)
        said.append(handle(self.source))
        relay.end(10)
        return said

    def test_output_is_passed_on_until_its_end(self) -> None:
        relay = OutputRelay(100)
        self.assertEqual(self.passed_on(relay, b"one", b"two\xff"), [True, True, True, False])
        self.assertEqual(self.shown.getvalue(), b"onetwo\\xff")
        self.assertEqual((relay.tail, relay.dropped_bytes), ("onetwo\ufffd", 0))

    def test_output_beyond_the_limit_is_dropped_and_counted(self) -> None:
        relay = OutputRelay(5)
        self.passed_on(relay, b"one", b"two", b"three")
        self.assertEqual((self.shown.getvalue(), relay.dropped_bytes), (b"onetw", 6))
        self.assertEqual(relay.tail, "onetwothree")

    def test_tail_of_a_long_output_is_its_end(self) -> None:
        relay = OutputRelay(0)
        self.passed_on(relay, b"x" * KEPT_BYTES, b"the end")
        self.assertEqual(len(relay.tail), KEPT_BYTES)
        self.assertTrue(relay.tail.endswith("xthe end"))

    def test_output_for_a_reader_who_is_gone_is_still_read(self) -> None:
        self.shown.close()
        self.assertEqual(self.passed_on(OutputRelay(100), b"one"), [True, True, False])

    def test_output_that_becomes_longer_when_it_is_shown_counts_as_it_is_shown(self) -> None:
        relay = OutputRelay(8)
        self.passed_on(relay, b"\x07", b"\x07", b"end")
        self.assertEqual((self.shown.getvalue(), relay.dropped_bytes), (b"\\x07\\x07", 3))

    def test_colours_pass_where_there_is_no_terminal_and_end_with_the_output(self) -> None:
        self.passed_on(OutputRelay(100), b"\x1b[3", b"1mred\x1b[2J")
        self.assertEqual(self.shown.getvalue(), b"\x1b[31mred\\x1b[2J\x1b[0m")

    def test_terminal_gets_no_colours(self) -> None:
        self.shown.isatty = lambda: True  # type: ignore[method-assign]
        self.passed_on(OutputRelay(100), b"\x1b[3", b"1mred\n")
        self.assertEqual(self.shown.getvalue(), b"\\x1b[31mred\n")

    def test_reader_who_pauses_holds_up_nobody_and_what_he_leaves_is_counted(self) -> None:
        reader, paused = os.pipe()
        self.addCleanup(os.close, reader)
        before = threading.active_count()
        with open(paused, "wb") as target:
            began = time.monotonic()
            relay = self.relay_to(target, MOST_OUTPUT_BYTES + 300_000)
            self.assertLess(time.monotonic() - began, 5)
            taken = os.read(reader, 1 << 20)
        self.assertEqual(MOST_OUTPUT_BYTES + 300_000, len(taken) + relay.unread_bytes)
        self.assertEqual(before, threading.active_count())

    def test_writer_of_the_caller_stays_in_use(self) -> None:
        writer = BackgroundWriter(self.shown)
        self.relay_to(writer, 10)  # type: ignore[arg-type]
        writer.write(b"ours\n")
        self.assertEqual(0, writer.finish(10))
        self.assertEqual(b"xxxxxxxxxx\nours\n", self.shown.getvalue())

    def relay_to(self, target: BinaryIO, size: int) -> OutputRelay:
        """A relay that has passed on so much output, and has ended."""
        relay = OutputRelay(size)
        handle = relay.handler(target)
        while size:
            size -= os.write(self.program, b"x" * min(size, 1 << 15))
            handle(self.source)
        os.close(self.program)
        relay.end(0.2)
        return relay


if __name__ == "__main__":
    unittest.main()
