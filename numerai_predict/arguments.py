"""The values of the command line: what each may be, and what it becomes."""

import argparse
import math
import re
from typing import NoReturn
from urllib.parse import parse_qsl, urlsplit

from numerai_predict.faults import Code, Fault

# As Docker's --memory has it, a bare k, m, g is a power of 1024; kB, MB, GB are powers of 1000.
SIZE_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
SIZE_UNITS |= {f"{unit}ib": factor for unit, factor in SIZE_UNITS.items() if unit}
SIZE_UNITS |= {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


class Parser(argparse.ArgumentParser):
    """Raises Fault for a wrong command line instead of printing a page and exiting."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong."""
        raise Fault(Code.USAGE, message)


def size(text: str) -> int:
    """Bytes, from a number with an optional unit: 4GiB, 512MB, 1.5g, 1048576."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower(), re.ASCII)
    if not match or match[2] not in SIZE_UNITS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 4GiB or 512MB")
    return int(float(match[1]) * SIZE_UNITS[match[2]])


def seconds(text: str) -> float:
    """A number of seconds, zero or more."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, zero or more")
    return value


def form_fields(text: str) -> dict[str, str]:
    """The fields of an urlencoded form, blank ones included."""
    try:
        return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True))
    except ValueError:
        raise argparse.ArgumentTypeError("it is not urlencoded (key=value&key=value)") from None


def is_url(text: str) -> bool:
    """Whether the text is an http(s) URL."""
    return urlsplit(text).scheme.lower() in ("http", "https")


def url(text: str) -> str:
    """An http(s) URL."""
    if not is_url(text) or not urlsplit(text).netloc:
        raise argparse.ArgumentTypeError("it is not an http(s) URL")
    return text
