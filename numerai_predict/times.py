"""Times as others write them: ISO 8601, as much of it as Python 3.10 and JavaScript write."""

import re
from datetime import datetime

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::(\d\d))?(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?",
    re.ASCII,
)


def time_in(text: str) -> datetime:
    """The time, with its zone if it has one. Raises ValueError for what is no time, or none that there is."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is no time")
    day, minute, second, fraction, zone = match.groups(default="")
    # Python 3.10 takes a fraction of three or six digits, and no Z.
    return datetime.fromisoformat(f"{day}T{minute}:{second or '00'}.{fraction:0<6.6}{zone.replace('Z', '+00:00')}")
