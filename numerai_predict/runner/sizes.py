"""Sizes as people write them, on the command line and in settings."""

import re

# As Docker's --memory has it, a bare k, m, g is a power of 1024; kB, MB, GB are powers of 1000.
MAX_SIZE = 1 << 62
SIZE_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
SIZE_UNITS |= {f"{unit}ib": factor for unit, factor in SIZE_UNITS.items() if unit}
SIZE_UNITS |= {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


def size_in(text: str) -> int:
    """Bytes, from a number with an optional unit: 4GiB, 512MB, 1.5g, 1048576. Raises ValueError, with a sentence."""
    match = re.fullmatch(r"(\d{1,30}(?:\.\d{1,30})?)\s{0,9}([a-z]{0,3})", text.strip().lower(), re.ASCII)
    if not match or match[2] not in SIZE_UNITS:
        raise ValueError(f"{text!r} is not a size such as 4GiB or 512MB")
    from decimal import Decimal

    value = int(Decimal(match[1]) * SIZE_UNITS[match[2]])
    if value > MAX_SIZE:
        raise ValueError(f"{text[:40]!r} is more than any machine has")
    return value
