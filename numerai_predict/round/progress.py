"""How a round is shown: a table that is redrawn in place on a terminal, lines elsewhere, a summary at the end."""

import io
import os
import unicodedata
from collections.abc import Sequence
from itertools import accumulate
from typing import TextIO

from numerai_predict.round.outcomes import PREDICTIONS
from numerai_predict.round.queue import OUTCOMES
from numerai_predict.round.standing import ModelEnd, Standing
from numerai_predict.visible import visible

BAR_WIDTH = 30
# Of the models that run, and at the end of those that failed: more help nobody.
MOST_RUNNING = 12
MOST_FAILURES = 50
MOST_LEFT = 10
SLOWEST = 5
# Where the size of a terminal is not known.
USUAL_SIZE = os.terminal_size((80, 24))
# https://en.wikipedia.org/wiki/ANSI_escape_code#Control_Sequence_Introducer_commands
_UP = "\x1b[{}F"
_CLEAR_BELOW = "\x1b[J"


class LiveTable(io.TextIOBase):
    """Lines at the bottom of a terminal that are redrawn in place; what is written besides goes above them."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._height = 0

    def show(self, lines: Sequence[str]) -> None:
        """Show these lines in place of those before, cut to the terminal's size."""
        size = _size_of(self._terminal)
        # One line and one column stay free: a terminal moves on by itself when they are written to.
        fitting = [_cut(line, max(1, size.columns - 1)) for line in lines[: max(1, size.lines - 1)]]
        self._put("".join(f"{line}\n" for line in fitting))
        self._height = len(fitting)

    def erase(self) -> None:
        """Take the lines away."""
        self._put("")

    def write(self, text: str) -> int:
        """Write text of whole lines above the table, which is shown again with the next `show`."""
        self._put(text)
        return len(text)

    def flush(self) -> None:
        """Pass on what was written."""
        self._terminal.flush()

    def _put(self, text: str) -> None:
        """In one write: half a table is never seen."""
        self._terminal.write((_UP.format(self._height) + _CLEAR_BELOW if self._height else "") + text)
        self._terminal.flush()
        self._height = 0


def _size_of(terminal: TextIO) -> os.terminal_size:
    try:
        size = os.get_terminal_size(terminal.fileno())
    except OSError:
        return USUAL_SIZE
    return size if size.columns and size.lines else USUAL_SIZE


def _cut(line: str, columns: int) -> str:
    """As much of the line as fits: letters of East Asia are two columns wide."""
    widths = accumulate(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)
    return line[: sum(width <= columns for width in widths)]


def table(standing: Standing) -> list[str]:
    """The live table: a bar, how models ended, when it will be over, and the models that run, each with its seconds."""
    total, done = len(standing.rows), len(standing.ends)
    filled = BAR_WIDTH * done // total if total else BAR_WIDTH
    bar = "#" * filled + "." * (BAR_WIDTH - filled)
    lines = [
        f"Round {visible(standing.address)}",
        f"  [{bar}] {done:,} of {total:,}",
        *_counts(standing),
        *(f"  {time}" for time in _times(standing)),
    ]
    shown = standing.running[:MOST_RUNNING]
    lines += [f"  running {_duration(model.seconds):>9}  {visible(model.id)}" for model in shown]
    if more := len(standing.running) - len(shown):
        lines.append(f"  and {more:,} more")
    return lines


def progress_line(standing: Standing) -> str:
    """The same in one line, for a log."""
    parts = [
        f"{len(standing.ends):,} of {len(standing.rows):,} models: {len(standing.delivered):,} delivered",
        *([f"{len(standing.failed):,} failed{_by_code(standing.failed)}"] if standing.failed else ()),
        *([f"{len(standing.errors):,} could not be run{_by_code(standing.errors)}"] if standing.errors else ()),
        f"{len(standing.running):,} running",
    ]
    if longest := next(iter(standing.running), None):
        parts[-1] += f" ({visible(longest.id)} for {_duration(longest.seconds)})"
    return "; ".join([", ".join(parts), *_times(standing)])


def round_summary(standing: Standing, took_s: float | None = None) -> str:
    """What a person reads at the end, or at any time: counts, what it used, the slowest models, every failure with its
    reason, and what is left. `took_s` are the wall seconds of the command that ran it.
    """
    ends = list(standing.ends.values())
    wall = f"{_duration(took_s)}; " if took_s is not None else ""
    slowest = sorted(ends, key=lambda end: -end.wall_s)[:SLOWEST]
    lines = [f"Round {visible(standing.address)}: {len(ends):,} of {len(standing.rows):,} models", *_counts(standing)]
    lines += [f"  {time}" for time in _times(standing)]
    if ends:
        wall += f"{_duration(sum(end.wall_s for end in ends))} of the models"
        lines += [
            f"  wall time         {wall}",
            f"  CPU time          {_duration(standing.cpu_s)} of the models",
            f"  slowest           {', '.join(f'{visible(end.id)} {_duration(end.wall_s)}' for end in slowest)}",
        ]
    if standing.delivered:
        lines.append(f"  predictions in    {visible(standing.address)}/{PREDICTIONS}")
    lines += _problem_lines("Failed by their own fault", standing.failed)
    lines += _problem_lines("Could not be run", standing.errors)
    return "\n".join([*lines, *_left_lines(standing)])


def _counts(standing: Standing) -> list[str]:
    waiting = max(0, len(standing.left) - len(standing.running))
    rows = [
        ("delivered", len(standing.delivered), ""),
        ("failed", len(standing.failed), _by_code(standing.failed)),
        ("could not be run", len(standing.errors), _by_code(standing.errors)),
        ("running", len(standing.running), ""),
        ("left", waiting, ""),
    ]
    always = ("delivered", "failed")
    return [f"  {label:<17} {count:,}{more}" for label, count, more in rows if count or label in always]


def _by_code(ends: Sequence[ModelEnd]) -> str:
    counts: dict[str, int] = {}
    for end in ends:
        counts[end.code] = counts.get(end.code, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return f" ({', '.join(f'{visible(code)} {count:,}' for code, count in ordered)})" if counts else ""


def _times(standing: Standing) -> list[str]:
    """The rate, the estimated end and the deadline, as far as they are known and still matter."""
    if not standing.left:
        return []
    found = []
    if standing.per_minute and standing.estimated_s is not None:
        found.append(f"{standing.per_minute:,.1f} models a minute, over in about {_duration(standing.estimated_s)}")
    if standing.deadline_s is not None:
        left = standing.deadline_s
        found.append(f"deadline in {_duration(left)}" if left > 0 else f"deadline over for {_duration(-left)}")
    return found


def _problem_lines(title: str, ends: Sequence[ModelEnd]) -> list[str]:
    if not ends:
        return []
    shown = ends[:MOST_FAILURES]
    widths = [
        max(len(visible(text)) for text in column) for column in zip(*((e.id, e.code) for e in shown), strict=True)
    ]
    lines = [
        f"  {visible(end.id):<{widths[0]}}  {visible(end.code):<{widths[1]}}  {_first_sentence(end.message)}".rstrip()
        for end in shown
    ]
    more = len(ends) - len(shown)
    return ["", title, *lines, *([f"  and {more:,} more: {OUTCOMES}/ has all of them"] if more else ())]


def _left_lines(standing: Standing) -> list[str]:
    """Those without an outcome, by the Python that they need: there may have been no worker of it."""
    if not standing.left:
        return []
    by_python: dict[str, list[str]] = {}
    for row in standing.left:
        by_python.setdefault(f"Python {row.python}" if row.python else "any Python", []).append(visible(row.id))
    lines = ["", "Without an outcome"]
    for python, ids in sorted(by_python.items()):
        more = f" and {len(ids) - MOST_LEFT:,} more" if len(ids) > MOST_LEFT else ""
        lines.append(f"  {python}: {', '.join(ids[:MOST_LEFT])}{more}")
    return lines


def _first_sentence(message: str) -> str:
    first, dot, _ = visible(message).partition(". ")
    return f"{first}." if dot else first


def _duration(seconds: float) -> str:
    """For a person: 4.2 s, 12 min 5 s, 3 h 20 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
