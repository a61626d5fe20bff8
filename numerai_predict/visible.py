"""Makes text of others safe to show: what would command a terminal, or turn or hide the text around it, is escaped."""

import codecs
import re

_PLAIN_BYTES = bytes([*b"\t\n\r", *range(ord(" "), 0x7F)])
# Control characters but for tab and line breaks, line separators, and what changes the direction of the text around it
# (https://www.unicode.org/reports/tr9/); without the escape character.
_COMMANDS = "\0-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
# Colours and the like: https://en.wikipedia.org/wiki/ANSI_escape_code#Select_Graphic_Rendition_parameters
_STYLE = r"\[[0-9;:]{0,64}m"
_UNSAFE = re.compile(rf"[{_COMMANDS}\x1b]+")
_UNSAFE_BUT_STYLES = re.compile(rf"(?:[{_COMMANDS}]|\x1b(?!{_STYLE}))+")
_BEGINNING_OF_A_STYLE = re.compile(r"\x1b(?:\[[0-9;:]{0,64})?\Z")
_LONGEST_BEGINNING = 66
_END_OF_STYLES = re.compile(r"\x1b\[0*m")
_NO_STYLE = b"\x1b[0m"


def visible(text: str) -> str:
    """The text as one line, with escapes for what does not print."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def visible_lines(text: str) -> str:
    """The text with its line breaks and tabs, and with escapes for what else does not print."""
    return "\n".join("\t".join(map(visible, line.split("\t"))) for line in text.split("\n"))


class VisibleStream:
    """What a program prints, made safe piece by piece: tabs, line feeds and carriage returns pass, styles (colours, …)
    if asked for, and the rest is escaped. Cut where it likes, the pieces give the same as the whole.
    """

    def __init__(self, keep_styles: bool) -> None:
        self._keep_styles = keep_styles
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._held = ""
        self._is_styled = False

    def feed(self, data: bytes) -> bytes:
        """What can be shown now."""
        if not self._held and not self._decoder.getstate()[0] and not data.translate(None, _PLAIN_BYTES):
            return data
        text = self._held + self._decoder.decode(data)
        self._held = ""
        if self._keep_styles and (beginning := _BEGINNING_OF_A_STYLE.search(text, len(text) - _LONGEST_BEGINNING)):
            self._held = beginning[0]
            text = text[: beginning.start()]
        return self._escape(text)

    def end(self) -> bytes:
        """What was held back, and the end of a style that was left on: it would be that of what others print next."""
        text = self._held + self._decoder.decode(b"", final=True)
        self._held = ""
        shown = self._escape(text)
        if not self._is_styled:
            return shown
        self._is_styled = False
        return shown + _NO_STYLE

    def _escape(self, text: str) -> bytes:
        if not self._keep_styles:
            return _UNSAFE.sub(_escapes, text).encode()
        shown = _UNSAFE_BUT_STYLES.sub(_escapes, text)
        if (last := shown.rfind("\x1b")) >= 0:
            self._is_styled = not _END_OF_STYLES.match(shown, last)
        return shown.encode()


def _escapes(unsafe: "re.Match[str]") -> str:
    return unsafe[0].encode("unicode_escape").decode()
