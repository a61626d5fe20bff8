"""visible.py: what is shown of text that commands a terminal, whole and in pieces."""

import random
import time
import unittest

from numerai_predict.visible import VisibleStream, visible, visible_lines

COMMANDS = "\x1b[2J\x07\r\n\x9b31m\u202e\u2028\ud800\x00\x7f\t\u200b"
SHOWN = r"\x1b[2J\x07\r\n\x9b31m\u202e\u2028\ud800\x00\x7f\t\u200b"
NS_PER_BYTE = 200  # Ten times what it takes, as other tests run beside.


def shown(*pieces: bytes, keep_styles: bool = False) -> bytes:
    stream = VisibleStream(keep_styles)
    return b"".join([*map(stream.feed, pieces), stream.end()])


class VisibleTest(unittest.TestCase):
    def test_commands_of_a_terminal_are_escaped(self) -> None:
        self.assertEqual(SHOWN, visible(COMMANDS))

    def test_letters_of_all_languages_stay(self) -> None:
        for text in ("", "naïve – 日本語 🙂", "\\x1b"):
            self.assertEqual(text, visible(text))

    def test_lines_keep_their_breaks_and_tabs_only(self) -> None:
        self.assertEqual("a\tb\n\\x1b[mc\\r\n", visible_lines("a\tb\n\x1b[mc\r\n"))


class VisibleStreamTest(unittest.TestCase):
    def test_plain_text_passes(self) -> None:
        text = "tab\t, line\r\n, progress\r naïve – 日本語 🙂 \\x1b\n".encode()
        self.assertEqual(text, shown(text))

    def test_commands_are_escaped_and_bytes_that_are_no_text_too(self) -> None:
        text = COMMANDS.replace("\ud800", "").encode() + b"\xff\xc3"
        expected = SHOWN.replace(r"\ud800", "").replace(r"\r\n", "\r\n").replace(r"\t\u200b", "\t\u200b")
        self.assertEqual(expected + r"\xff\xc3", shown(text).decode())

    def test_styles_pass_if_asked_for_and_nothing_else_that_begins_like_one(self) -> None:
        text = b"\x1b[1;31mred\x1b[38:5:1mred\x1b[m \x07\x1b[31m\x1b\x1b[0m\x1b[2K\x1b]0;t\x07\x1b[" + b"1" * 99 + b"m"
        expected = (
            b"\x1b[1;31mred\x1b[38:5:1mred\x1b[m \\x07\x1b[31m\\x1b\x1b[0m\\x1b[2K\\x1b]0;t\\x07\\x1b["
            + b"1" * 99
            + b"m"
        )
        self.assertEqual(expected, shown(text, keep_styles=True))
        self.assertNotIn(b"\x1b", shown(text))

    def test_style_that_is_left_on_ends_with_the_stream(self) -> None:
        self.assertEqual(b"\x1b[8mhidden\x1b[0m", shown(b"\x1b[8mhid", b"den", keep_styles=True))
        self.assertEqual(b"\x1b[8mhidden\x1b[00mshown", shown(b"\x1b[8mhidden\x1b[00m", b"shown", keep_styles=True))

    def test_style_that_never_ends_is_escaped_in_the_end(self) -> None:
        self.assertEqual(b"\\x1b[31", shown(b"\x1b", b"[3", b"1", keep_styles=True))

    def test_pieces_give_the_same_as_the_whole(self) -> None:
        alphabet = ["\x1b[31m", "\x1b[0m", "\x1b", "[", "1", "m", "é", "日", "🙂", "\u202e", "\x9b", "\n", "x" * 80]
        chance = random.Random(7)
        for _ in range(300):
            data = "".join(chance.choices(alphabet, k=20)).encode() + chance.randbytes(2)
            cuts = sorted(chance.choices(range(len(data)), k=8))
            pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
            for keep_styles in (False, True):
                self.assertEqual(shown(data, keep_styles=keep_styles), shown(*pieces, keep_styles=keep_styles))

    def test_ten_megabytes_take_little_time(self) -> None:
        for line in (b"a plain line of output\n", "\x1b[32mnaïve\x1b[0m coloured output\n".encode()):
            data = line * (10_000_000 // len(line))
            began = time.process_time()
            shown(*(data[start : start + 65536] for start in range(0, len(data), 65536)), keep_styles=True)
            self.assertLess((time.process_time() - began) / len(data) * 1e9, NS_PER_BYTE)


if __name__ == "__main__":
    unittest.main()
