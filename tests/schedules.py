"""What the tests of schedules share: a machine on which one runs, and when rounds are open."""

import re
import shlex
import shutil
import subprocess
import unittest
from dataclasses import dataclass
from pathlib import Path

# When rounds are open, by the ISO weekday of their opening: hours of UTC, counted on over midnight.
# https://docs.numer.ai/numerai-tournament/submissions
OPEN_HOURS = {2: (12, 13), 3: (12, 13), 4: (12, 13), 5: (12, 13), 6: (12, 38)}

SLEEP = """#!/bin/sh
echo "$1" >>{pauses}
"""
DATE = """#!/bin/sh
exec {date} --date "$NOW" "$@"
"""


@dataclass(frozen=True)
class Ended:
    """How a schedule's command ended."""

    status: int
    output: str


class Machine:
    """A home folder with ~/numerai, and a PATH whose sleep and date only play what they are."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "numerai"
        self.folder.mkdir()
        self._pauses = home / "pauses"
        self._programs = home / "programs"
        self.play(self._programs / "sleep", SLEEP.format(pauses=shlex.quote(str(self._pauses))))
        self.play(self._programs / "date", DATE.format(date=shutil.which("date")))

    def play(self, program: Path, source: str) -> None:
        """Put a program there."""
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(source)
        program.chmod(0o755)

    def run(self, *command: str, cwd: Path, statuses: str = "", **env: str) -> Ended:
        """Run the command; what it starts is played, and ends with one status after the other."""
        self._pauses.write_text("")
        given = {"HOME": str(self.home), "PATH": f"{self._programs}:/usr/bin:/bin", "STATUSES": statuses, **env}
        done = subprocess.run(command, cwd=cwd, env=given, capture_output=True, text=True, timeout=120, check=False)
        return Ended(done.returncode, done.stdout + done.stderr)

    @property
    def pauses(self) -> list[str]:
        """The seconds of each sleep of the last command."""
        return self._pauses.read_text().split()


def command_of(crontab: Path) -> tuple[list[str], str]:
    """The five fields of a crontab's only line, and its command as cron hands it to the shell."""
    (line,) = [line for line in crontab.read_text().splitlines() if line and not line.startswith("#")]
    *fields, command = line.split(maxsplit=5)
    assert not re.search(r"(?<!\\)%", command), "it would end the command"
    return fields, command.replace(r"\%", "%")


def check_cron(case: unittest.TestCase, expression: str) -> None:
    """Five fields, each a star, a number or a range within what cron allows."""
    ranges = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]
    fields = expression.split()
    case.assertEqual(len(ranges), len(fields))
    for field, (low, high) in zip(fields, ranges, strict=True):
        case.assertRegex(field, r"^(\*|\d+(-\d+)?)$")
        for number in re.findall(r"\d+", field):
            case.assertTrue(low <= int(number) <= high, field)


def starts_of(expression: str) -> list[tuple[int, int, int]]:
    """When a schedule in UTC starts something: ISO weekday, hour and minute."""
    minute, hour, day, month, weekdays = expression.split()
    assert (day, month) == ("*", "*"), expression
    first, last = map(int, weekdays.split("-"))
    return [(weekday, int(hour), int(minute)) for weekday in range(first, last + 1)]
