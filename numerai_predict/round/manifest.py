"""Which models a round has, and when: manifest.jsonl and round.json."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from numerai_predict.faults import Code, Fault
from numerai_predict.platform_limits import MEMORY_LIMIT, TIME_LIMIT_S
from numerai_predict.round.store import Store
from numerai_predict.times import time_in
from numerai_predict.transfer import fields_in, has_host

MANIFEST = "manifest.jsonl"
ROUND = "round.json"
# An id becomes the names of files: with what a store adds to it, within the 255 bytes that file systems allow.
LONGEST_ID = 100
# More seconds or bytes than any machine has, and few enough for every function that takes them.
LARGEST_NUMBER = 1 << 62
EXAMPLE_OF_A_TIME = "2026-11-27T14:00:00Z"


@dataclass(frozen=True)
class Row:
    """A model of the round: `model` is a key of the store, an absolute path or an http(s) URL; `python` the version
    that wrote the pickle ("3.11"; None: any worker may run it); `cpu_s` the CPU seconds that it used in the last
    round (None: unknown). Limits as in RunRequest. What may hold signatures is not shown.
    """

    id: str
    model: str = field(repr=False)
    python: str | None = None
    sha256: str | None = None
    post_url: str | None = field(default=None, repr=False)
    post_data: Mapping[str, str] | None = field(default=None, repr=False)
    time_limit: float = TIME_LIMIT_S
    memory_limit: int = MEMORY_LIMIT
    cpu_s: float | None = None
    strict: bool = False


@dataclass(frozen=True)
class Schedule:
    """What round.json says: the round's number, when it opened, and until when predictions count (None: unknown)."""

    number: int | None = None
    opening: datetime | None = None
    deadline: datetime | None = None


def read_manifest(store: Store) -> list[Row]:
    """The models of the round, in the order of the file. Raises Fault for what is wrong in it, without showing any
    value that may hold a signature, and StoreError.
    """
    found = store.read(MANIFEST)
    if found is None:
        raise Fault(Code.USAGE, f"there is no {MANIFEST} in {store.address}")
    rows: dict[str, Row] = {}
    for number, line in enumerate(found.content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = _row(line)
            _require(row.id not in rows, f"the id {row.id!r} occurs twice")
        except ValueError as error:
            raise Fault(Code.USAGE, f"{MANIFEST} line {number}: {error}") from None
        rows[row.id] = row
    if not rows:
        raise Fault(Code.USAGE, f"{MANIFEST} in {store.address} is empty")
    return list(rows.values())


def read_schedule(store: Store) -> Schedule:
    """What round.json says; nothing if there is none. Raises Fault for what is wrong in it, and StoreError."""
    found = store.read(ROUND)
    if found is None:
        return Schedule()
    try:
        return Schedule(**_checked(_object(found.content), _SCHEDULE))
    except ValueError as error:
        raise Fault(Code.USAGE, f"{ROUND}: {error}") from None


def manifest_line(row: Row) -> bytes:
    """The row as a line of the manifest, without what has its default."""
    named = ((known.name, getattr(row, known.name), known.default) for known in fields(row))
    given = {name: dict(value) if name == "post_data" else value for name, value, default in named if value != default}
    return json.dumps(given).encode() + b"\n"


def schedule_json(schedule: Schedule) -> bytes:
    """The content of round.json."""
    times = {"opening": schedule.opening, "deadline": schedule.deadline}
    written = {name: time.isoformat() if time else None for name, time in times.items()}
    return json.dumps({"number": schedule.number, **written}).encode() + b"\n"


def _row(line: bytes) -> Row:
    """The model of a line. Raises ValueError, as all below do, with what is wrong."""
    given = _object(line)
    for name in ("id", "model"):
        _require(name in given, f"there is no {name}")
    values = _checked(given, _ROW)
    _require(("post_url" in values) == ("post_data" in values), "post_url and post_data need each other")
    return Row(**values)


def _object(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content.decode())
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error.msg}, column {error.colno})") from None
    except (ValueError, RecursionError):  # A number of thousands of digits, thousands of brackets.
        raise ValueError("it is not JSON that can be read") from None
    _require(isinstance(found, dict), "it is not a JSON object")
    return dict(found)


def _checked(given: Mapping[str, Any], checks: Mapping[str, Callable[[str, Any], Any]]) -> dict[str, Any]:
    """The values as they are meant; null is as good as nothing where nothing is allowed."""
    for name in given:
        # A key that is no word may be a value at the wrong place.
        shown = f"the key {name!r}" if re.fullmatch(r"[A-Za-z_]{1,40}", name) else "a key"
        _require(name in checks, f"{shown} is unknown")
    return {
        name: checks[name](name, value) for name, value in given.items() if value is not None or name in _NEVER_NULL
    }


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _id(name: str, value: Any) -> str:
    fits = isinstance(value, str) and re.fullmatch(rf"[A-Za-z0-9_-][A-Za-z0-9._-]{{0,{LONGEST_ID - 1}}}", value)
    allowed = f"1 to {LONGEST_ID} letters, digits, dots, hyphens and underscores, the first of them no dot"
    _require(bool(fits), f"{name} is not {allowed}")
    return str(value)


def _model(name: str, value: Any) -> str:
    _require(isinstance(value, str) and value.isprintable(), f"{name} is not a text that can be printed")
    text = str(value)
    if "://" in text:
        return _url(name, text)
    parts = text.removeprefix("/").split("/")
    _require("" not in parts, f"{name} does not name a file")
    outside = not text.startswith("/") and {".", ".."} & set(parts)
    _require(not outside, f"{name} is no plain key: it has the part . or ..")
    return text


def _url(name: str, value: Any) -> str:
    fits = isinstance(value, str) and value.isprintable() and has_host(value)
    _require(fits, f"{name} is not an http(s) URL")
    return str(value)


def _form(name: str, value: Any) -> dict[str, str]:
    """The fields of a form: an object of texts, or urlencoded as on the command line."""
    wrong = f"{name} is neither an object of texts nor urlencoded (key=value&key=value)"
    if isinstance(value, str):
        try:
            value = fields_in(value)
        except ValueError:
            raise ValueError(wrong) from None
    _require(isinstance(value, dict) and all(isinstance(text, str) for text in value.values()), wrong)
    _require(bool(value), f"{name} has no fields")
    return dict(value)


def _python(name: str, value: Any) -> str:
    fits = isinstance(value, str) and re.fullmatch(r"3\.\d{1,2}", value, re.ASCII)
    _require(bool(fits), f'{name} is not a version of Python such as "3.11"')
    return str(value)


def _sha256(name: str, value: Any) -> str:
    fits = isinstance(value, str) and re.fullmatch(r"[0-9a-fA-F]{64}", value)
    _require(bool(fits), f"{name} is not a SHA-256 of 64 hexadecimal digits")
    return str(value).lower()


def _number(name: str, value: Any) -> float:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LARGEST_NUMBER
    _require(fits, f"{name} is not a number, zero or more")
    return float(value)


def _whole_number(name: str, value: Any) -> int:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_NUMBER
    _require(fits, f"{name} is not a whole number, zero or more")
    return int(value)


def _truth(name: str, value: Any) -> bool:
    _require(isinstance(value, bool), f"{name} is neither true nor false")
    return bool(value)


def _time(name: str, value: Any) -> datetime:
    try:
        time = time_in(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(f"{name} is not a time such as {EXAMPLE_OF_A_TIME}") from None
    _require(time.tzinfo is not None, f"{name} has no time zone; write it as {EXAMPLE_OF_A_TIME}")
    return time


_ROW: Mapping[str, Callable[[str, Any], Any]] = {
    "id": _id,
    "model": _model,
    "python": _python,
    "sha256": _sha256,
    "post_url": _url,
    "post_data": _form,
    "time_limit": _number,
    "memory_limit": _whole_number,
    "cpu_s": _number,
    "strict": _truth,
}
_SCHEDULE: Mapping[str, Callable[[str, Any], Any]] = {
    "number": _whole_number,
    "opening": _time,
    "deadline": _time,
}
# What nothing cannot be said of, but by leaving it out.
_NEVER_NULL = ("id", "model", "time_limit", "memory_limit", "strict")
