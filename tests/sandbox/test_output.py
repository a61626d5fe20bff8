"""output.py: what a program prints, passed on to a limit, and its end."""

import io
import os
import unittest

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
        return [*said, handle(self.source)]

    def test_output_is_passed_on_until_its_end(self) -> None:
        relay = OutputRelay(100)
        self.assertEqual(self.passed_on(relay, b"one", b"two\xff"), [True, True, True, False])
        self.assertEqual(self.shown.getvalue(), b"onetwo\xff")
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


if __name__ == "__main__":
    unittest.main()
