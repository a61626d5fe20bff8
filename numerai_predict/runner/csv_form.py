"""What a CSV of predictions must be, checked while it is read: little memory, and no further than the first offence."""

import contextlib
import csv
import math
import os
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import BinaryIO

from numerai_predict.runner.id_counts import IdCounts
from numerai_predict.sandbox import ProtocolError

COLUMN = "prediction"
# float() also takes 1_0, ١ and nan. Decimals have as many digits as their context.
NUMBER = r"[0-9.eE+-]{1,1000}"
NUMBERS = re.compile(rf"{NUMBER}(?:,{NUMBER})*")
FRACTION = re.compile(r"[0-9]{1,1000}/[0-9]{1,1000}")
# Control characters, and those that turn the direction of text or begin a line: what a terminal or a log line obeys.
COMMANDS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
# Of one record. Of a round's predictions a thousand fit.
MAX_RECORD_BYTES = 1 << 20
MAX_FIELDS = 2_000
# So many records, or bytes of them, are looked at together. A field of as many bytes is one that csv.reader takes.
BATCH_RECORDS = 500
BATCH_BYTES = 1 << 17
# What is left of lines without these is their form: how many fields each of them has, if nothing is quoted.
NO_FORM = bytes(set(range(256)) - set(b'\n\r,"\0'))
# More than the live rows are accepted, as ids that are not live are: but no more than twice as many.
MOST_ROWS_PER_LIVE_ROW = 2
BINS = 10
# Those of numpy.histogram over [0, 1].
EDGES = [edge * (1 / BINS) for edge in range(1, BINS)]


@dataclass
class Predictions:
    """What a CSV holds: its header, of which the first `levels` are the index, and the numbers of its first column, of
    which some are written as `fractions`.
    """

    header: list[str]
    levels: int
    ids: IdCounts
    values: "array[float]" = field(default_factory=lambda: array("d"))
    fractions: int = 0
    first_fraction: str = ""

    @cached_property
    def mean(self) -> float:
        """The mean of all values."""
        return math.fsum(self.values) / len(self.values)

    @cached_property
    def deviation(self) -> float | None:
        """The standard deviation of a sample; of one value there is none."""
        if len(self.values) < 2:
            return None
        mean = self.mean
        return math.sqrt(math.fsum((value - mean) ** 2 for value in self.values) / (len(self.values) - 1))

    @cached_property
    def histogram(self) -> list[int]:
        """How many values lie in each tenth of [0, 1]."""
        counts = [0] * BINS
        for value in self.values:
            counts[bisect_right(EDGES, value)] += 1
        return counts


def read_csv(file: BinaryIO, columns: Sequence[str], ids: IdCounts) -> Predictions:
    """The predictions in a CSV of these columns, below one line of names; what they hold of ids goes to `ids`.

    Raises ProtocolError, whose text completes "it sent …", unless the first column, and every other that is called
    `prediction`, holds numbers from 0 to 1, no id and no name commands a terminal, and there are not too many rows.
    """
    lines = _Lines(file)
    records = csv.reader(lines, strict=True)
    try:
        found = Predictions(header := next(records, []), len(header) - len(columns), ids)
        _check_header(found, columns)
        places = {found.levels, *(place for place, name in enumerate(header) if name == COLUMN)}
        for fields in _plain_batches(file, len(header)):
            _take(found, fields, sorted(places))
        for batch in _batches(records, lines):
            _take(found, _by_column(batch, len(header)), sorted(places))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ProtocolError(f"a CSV that cannot be read ({type(error).__name__})") from error
    if not found.values:
        raise ProtocolError("a CSV without predictions")
    return found


class _Lines:
    """The lines of a CSV as text, and how many bytes of them were read since `bytes` was last set to 0."""

    def __init__(self, file: BinaryIO) -> None:
        self.bytes = 0
        self._file = file

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(MAX_RECORD_BYTES + 1):
            self.bytes += len(line)
            if self.bytes > MAX_RECORD_BYTES:
                raise ProtocolError(f"a CSV with a record of more than {MAX_RECORD_BYTES:,} bytes")
            if b"\0" in line:
                raise ProtocolError("a CSV with NUL bytes")
            yield line.decode()


def _plain_batches(file: BinaryIO, width: int) -> Iterator[list[list[str]]]:
    """The fields of the next lines by column, some lines at a time, for as long as a line is its fields with commas
    between them. The file is where the others begin then, which a reader of CSV understands better, and slower.
    """
    line = b"," * (width - 1) + b"\n"
    while text := file.read(BATCH_BYTES):
        end = text.rfind(b"\n") + 1
        form = text[:end].translate(None, NO_FORM)
        is_plain = end > 0 and form == line * (len(form) // width)
        file.seek((end if is_plain else 0) - len(text), os.SEEK_CUR)
        if not is_plain:
            return
        fields = text[: end - 1].decode().replace("\n", ",").split(",")
        yield [fields[place::width] for place in range(width)]


def _batches(records: Iterator[list[str]], lines: _Lines) -> Iterator[list[list[str]]]:
    batch: list[list[str]] = []
    lines.bytes = 0
    for record in records:
        batch.append(record)
        if len(batch) == BATCH_RECORDS or lines.bytes > BATCH_BYTES:
            yield batch
            batch, lines.bytes = [], 0
    if batch:
        yield batch


def _check_header(found: Predictions, columns: Sequence[str]) -> None:
    header, levels = found.header, found.levels
    if len(header) > MAX_FIELDS:
        raise ProtocolError(f"a CSV of {len(header):,} columns")
    # Without columns the last level of the index would be taken for the first of them.
    if levels < 1 or not columns or header[levels:] != list(columns):
        raise ProtocolError("a CSV whose first line does not have the names of the columns")
    _check_text("".join(header), "a column name")


def _by_column(batch: list[list[str]], width: int) -> list[list[str]]:
    for other in {len(record) for record in batch} - {width}:
        raise ProtocolError(f"a CSV whose lines have {width} and {other} fields")
    return [list(texts) for texts in zip(*batch, strict=True)]


def _take(found: Predictions, fields: list[list[str]], places: Sequence[int]) -> None:
    levels, rows = found.levels, len(fields[0])
    most = found.ids.live_rows * MOST_ROWS_PER_LIVE_ROW
    if len(found.values) + rows > most:
        raise ProtocolError(f"a CSV of more than {most:,} predictions for {found.ids.live_rows:,} live rows")
    for place in places:
        values = _numbers(fields[place])
        if place == levels:
            found.values.extend(values)
            _count_fractions(found, fields[place])
    for ids in fields[:levels]:
        _check_text("".join(ids), "an id")
    if levels == 1:
        found.ids.take(fields[0])


def _numbers(texts: list[str]) -> list[float]:
    """The texts as numbers. Raises ProtocolError unless each is one from 0 to 1."""
    if NUMBERS.fullmatch(",".join(texts)):
        with contextlib.suppress(ValueError):  # Such as 1e.
            values = list(map(float, texts))
            if min(values) >= 0 and max(values) <= 1:
                return values
    values = list(map(_number, texts))
    if wrong := sum(not 0 <= value <= 1 for value in values):
        raise ProtocolError(f"a CSV with predictions that are not numbers from 0 to 1, {wrong:,} among {len(texts):,}")
    return values


def _number(text: str) -> float:
    """The number or fraction that the text is, NaN if it is none."""
    try:
        if FRACTION.fullmatch(text):
            over, under = text.split("/")
            return int(over) / int(under)
        return float(text) if NUMBERS.fullmatch(text) else math.nan
    except (ValueError, ArithmeticError):  # Such as 1e, or 1/0.
        return math.nan


def _count_fractions(found: Predictions, texts: list[str]) -> None:
    fractions = [text for text in texts if "/" in text]
    found.fractions += len(fractions)
    if fractions and not found.first_fraction:
        found.first_fraction = fractions[0]


def _check_text(text: str, what: str) -> None:
    if not (text.isascii() and text.isprintable()) and (found := COMMANDS.search(text)):
        raise ProtocolError(f"a CSV with the control character U+{ord(found[0]):04X} in {what}")
