"""The terminal of `docker run -it`, which the runtime has and the model must not, and readers who pause.

Needs nothing but Python and a Docker engine, and no network. This machine's side of the terminal is a test's.
"""

import contextlib
import json
import os
import pty
import re
import select
import subprocess
import termios
import threading
import time
import unittest
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

from tests.images.engine import DOCKER, IMAGE, MOST_TESTED, VERSION, docker
from tests.images.model_runs import OUTPUT, Run, command_of, models_of, run_image
from tests.outcomes import TERMINAL, Fault

LONGEST_S = 60
USERS: dict[str, tuple[str, ...]] = {"root": (), "an ordinary user": ("--user", "1000:1000")}
FLOOD = "floods_standard_output_forever"
FLOOD_S = 10
# The runtime waits some seconds for a reader when all is done.
PATIENCE_S = 15
CTRL_S = b"\x13"
# All but tab and line breaks; and what turns the direction of text.
COMMANDS = re.compile(r"[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# The modes of the terminal as the container has it, before the run and after.
MODES = """#!/bin/sh
echo "Modes: $(stty -g)"
python predict.py "$@"
status=$?
echo "Modes: $(stty -g)"
exit $status
"""
# Docker itself may say nothing of a container while nobody reads its streams: the container notes its exit status.
NOTED = f"""#!/bin/sh
python predict.py "$@"
echo $? >{OUTPUT}/status.new
mv {OUTPUT}/status.new {OUTPUT}/status
"""


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """The two ends of a terminal: the person's, and the one that a program has."""
    ends = pty.openpty()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


def docker_in_terminal(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """One finished docker command that was given a terminal, and what it showed there."""
    with terminal() as (person, program):
        command = [DOCKER, *map(str, words)]
        with subprocess.Popen(command, stdin=program, stdout=program, stderr=program) as process:
            shown: list[bytes] = []
            reader = threading.Thread(target=read_all, args=(person, process, shown))
            reader.start()
            timer = threading.Timer(LONGEST_S, process.kill)
            timer.start()
            process.wait()
            timer.cancel()
            reader.join()
    return subprocess.CompletedProcess(command, process.returncode, b"".join(shown).decode(errors="replace"), "")


def read_all(person: int, process: subprocess.Popen[bytes], shown: list[bytes]) -> None:
    """What is shown until the process has ended and nothing is left to read."""
    os.set_blocking(person, False)
    while True:
        has_ended = process.poll() is not None
        try:
            shown.append(os.read(person, 1 << 16))
        except BlockingIOError:
            if has_ended:
                return
            time.sleep(0.02)


def wait_for(words: bytes, person: int) -> None:
    """Read until the words are shown, or for as long as a run may take."""
    shown, enough = b"", time.monotonic() + FLOOD_S
    while words not in shown and (left := enough - time.monotonic()) > 0:
        if select.select([person], [], [], left)[0]:
            shown += os.read(person, 1 << 16)


@unittest.skipUnless(VERSION == MOST_TESTED, "the same under every Python")
class TerminalTest(unittest.TestCase):
    """Models that reach for the terminal, or command it, under `docker run -it` as every user."""

    runs: ClassVar[dict[tuple[str, str], Run]]

    @classmethod
    def setUpClass(cls) -> None:
        models = models_of(*TERMINAL, FLOOD)
        (models / "modes.sh").write_text(MODES)
        (models / "modes.sh").chmod(0o755)
        below = ("--volume", f"{models}/modes.sh:/modes.sh:ro", "--entrypoint", "/modes.sh")
        jobs = {(name, user): ("-it", *below, *flags) for name in TERMINAL for user, flags in USERS.items()}
        with ThreadPoolExecutor(2) as pool:
            runs = pool.map(lambda job: run_image(models, job[0][0], job[1], engine=docker_in_terminal), jobs.items())
            cls.runs = dict(zip(jobs, runs, strict=True))

    def test_model_has_its_outcome(self) -> None:
        for (name, user), run in self.runs.items():
            with self.subTest(name, user=user):
                row, fault = TERMINAL[name], run.report.get("fault") or {}
                expected = (row.code.label, row.code.blame.exit_status, 0) if isinstance(row, Fault) else (None, 0, 1)
                self.assertEqual(expected, (fault.get("code"), run.status, len(run.csvs)), run.log)
                self.assertEqual([], run.others)

    def test_modes_of_the_terminal_are_those_of_before(self) -> None:
        for (name, user), run in self.runs.items():
            with self.subTest(name, user=user):
                modes = re.findall(r"^Modes: (\S+)", run.stdout, re.MULTILINE)
                self.assertEqual(2, len(modes), run.log)
                self.assertEqual(modes[0], modes[1])

    def test_nothing_that_is_shown_commands_the_terminal(self) -> None:
        for (name, user), run in self.runs.items():
            with self.subTest(name, user=user):
                self.assertNotRegex(run.stdout, COMMANDS)

    def test_commands_of_messages_and_printed_text_are_shown_escaped(self) -> None:
        for user in USERS:
            with self.subTest(user=user):
                shown = self.runs["commands_the_terminal", user].stdout
                for word in ("Printed", "Said", "Written", "Raised"):
                    self.assertRegex(shown, rf"{word} \\x1b")


@unittest.skipUnless(VERSION == MOST_TESTED, "the same under every Python")
class PauseTest(unittest.TestCase):
    """A model that prints without end, and nobody who takes what it prints."""

    def setUp(self) -> None:
        script = models_of(*TERMINAL, FLOOD) / "noted.sh"
        script.write_text(NOTED)
        script.chmod(0o755)

    def test_run_keeps_to_its_time_limit_whoever_pauses(self) -> None:
        pauses: dict[str, Callable[[str], contextlib.AbstractContextManager[None]]] = {
            "Ctrl-S": self.ctrl_s,
            "the terminal's output is stopped": self.stopped_terminal,
            "nobody reads the pipe": self.unread_pipe,
        }
        users = (USERS["an ordinary user"], USERS["root"], USERS["an ordinary user"])
        with ThreadPoolExecutor(len(pauses)) as pool:
            ended = pool.map(self.run_paused, pauses.values(), users)
            for name, (status, seconds, report) in zip(pauses, ended, strict=True):
                with self.subTest(name):
                    self.assertEqual("1", status)
                    self.assertLess(seconds, FLOOD_S + PATIENCE_S)
                    self.assertEqual("timeout", report["fault"]["code"])
                    self.assertIn("predicting", report["fault"]["message"])

    def run_paused(
        self, pause: Callable[[str], contextlib.AbstractContextManager[None]], user: tuple[str, ...]
    ) -> tuple[str, float, dict[str, Any]]:
        """Exit status, seconds and report of a run that ends, or does not, while its reader pauses."""
        models = models_of(*TERMINAL, FLOOD)
        container = f"predict-{uuid.uuid4().hex}"
        folder = models / container
        folder.mkdir()
        folder.chmod(0o777)
        mounts, words = command_of(models, FLOOD, folder)
        streams = () if pause == self.unread_pipe else ("-it",)
        entry = ("--volume", f"{models}/noted.sh:/noted.sh:ro", "--entrypoint", "/noted.sh")
        limit = ("--time_limit", str(FLOOD_S))
        self.addCleanup(docker, "rm", "--force", container)
        made = docker("create", "--name", container, *streams, *mounts, *entry, *user, IMAGE, *words, *limit)
        self.assertEqual(0, made.returncode, made.stderr)
        status, report, began = folder / "status", folder / "report.json", time.monotonic()
        with pause(container):
            while not status.exists() and time.monotonic() - began < FLOOD_S + PATIENCE_S:
                time.sleep(0.1)
            seconds = time.monotonic() - began
            return (
                status.read_text().strip() if status.exists() else "",
                seconds,
                json.loads(report.read_text()) if report.exists() else {},
            )

    @contextlib.contextmanager
    def ctrl_s(self, container: str) -> Iterator[None]:
        """Somebody types it when the model begins to print."""
        with terminal() as (person, program), attached(container, program, "--interactive"):
            wait_for(b"xxx", person)
            os.write(person, CTRL_S)
            yield

    @contextlib.contextmanager
    def stopped_terminal(self, container: str) -> Iterator[None]:
        """As the terminal's own program does it: nothing comes out of the terminal from the start."""
        with terminal() as (_, program):
            termios.tcflow(program, termios.TCOOFF)
            with attached(container, program, "--interactive"):
                yield

    @contextlib.contextmanager
    def unread_pipe(self, container: str) -> Iterator[None]:
        """Standard output and standard error, as `docker run ... 2>&1 | less` has them."""
        with attached(container, subprocess.PIPE):
            yield


@contextlib.contextmanager
def attached(container: str, stream: int, *flags: str) -> Iterator[None]:
    """Start the container with its streams attached to what is given; whoever still writes there is ended."""
    stdin = stream if flags else subprocess.DEVNULL
    command = [DOCKER, "start", "--attach", *flags, container]
    with subprocess.Popen(command, stdin=stdin, stdout=stream, stderr=stream) as process:
        try:
            yield
        finally:
            process.kill()


if __name__ == "__main__":
    unittest.main()
