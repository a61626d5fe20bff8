"""The values of the command line: what each may be, and what it becomes."""

import argparse
import contextlib
import math
import re
from decimal import Decimal
from typing import NoReturn
from urllib.parse import parse_qsl, urlsplit

from numerai_predict.faults import Code, Fault

DATASET = "v5.3/live.parquet"
BENCHMARKS = "v5.3/live_benchmark_models.parquet"
TIME_LIMIT_S = 600.0  # The platform's: ten minutes on 1 CPU with 4 GB.
MEMORY_LIMIT = 4 << 30

# As Docker's --memory has it, a bare k, m, g is a power of 1024; kB, MB, GB are powers of 1000.
MAX_SIZE = 1 << 62
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
    value = int(Decimal(match[1]) * SIZE_UNITS[match[2]])
    if value > MAX_SIZE:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is more than any machine has")
    return value


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
        if re.search(r"[\s{}\"<>]", text):
            raise ValueError("characters that a form encodes")
        return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True))
    except ValueError:
        raise argparse.ArgumentTypeError("it is not urlencoded (key=value&key=value)") from None


def is_url(text: str) -> bool:
    """Whether the text is an http(s) URL."""
    return text.lower().startswith(("http://", "https://"))


def url(text: str) -> str:
    """An http(s) URL. The message of a wrong one does not show it: it may hold a signature."""
    with contextlib.suppress(ValueError):
        if is_url(text) and urlsplit(text).hostname:
            return text
    raise argparse.ArgumentTypeError("it is not an http(s) URL")


def path_or_url(text: str) -> str:
    """An http(s) URL, or anything else for a path."""
    return url(text) if is_url(text) else text
