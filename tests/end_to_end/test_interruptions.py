"""Signals at the worst of moments, and streams that nobody reads: exit status and report stay right."""

import fcntl
import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import Any

import pandas as pd

from tests.harness import LEGACY_MODEL, LIVE, ROOT, PredictTestCase, Run, command_lines

# A module of that name before Python's own, as slow as imports are on a cold disk.
SLOW_ARGPARSE = """
import os, sys, time
open(os.environ["STARTED"], "w").close()
time.sleep(2)
sys.path.remove(os.path.dirname(__file__))
del sys.modules["argparse"]
import argparse
"""
# Docker kills after ten.
ENDS_WITHIN_S = 9.0


def sleeps(live_features: pd.DataFrame) -> pd.DataFrame:
    print("asleep", flush=True)
    time.sleep(600)
    return live_features


class SleepsOnLoad:
    """Says so, and sleeps, when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("import time; print('asleep', flush=True); time.sleep(600)",)


def ignores_signals_and_leaves_a_daemon(live_features: pd.DataFrame) -> pd.DataFrame:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open("file", "wb") as file:
        file.write(b"x")
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "98764.5"])
        os._exit(0)
    os.wait()
    print("asleep", flush=True)
    time.sleep(600)
    return live_features


class InterruptionTestCase(PredictTestCase):
    def command(self, model: Path) -> list[str]:
        report = ("--report", self.folder / "report.json", "--output_dir", self.output_dir)
        return [sys.executable, str(ROOT / "predict.py"), *map(str, ("--model", model, "--dataset", LIVE, *report))]

    def result(self, process: "subprocess.Popen[bytes]") -> Run:
        """Its end, after a signal; the run must not take its time."""
        began = time.monotonic()
        stdout, stderr = process.communicate(timeout=60)
        self.assertLess(time.monotonic() - began, ENDS_WITHIN_S)
        return self.run_of(process.returncode, stdout or b"", stderr or b"")

    def check_interrupted(self, run: Run) -> None:
        self.assertEqual((3, "interrupted"), (run.status, run.code), run.stderr)
        self.assertRegex(run.report["fault"]["message"], "stopped by SIGTERM")


class SignalTest(InterruptionTestCase):
    def test_signal_before_all_is_imported_ends_the_run_with_a_report(self) -> None:
        started = self.folder / "started"
        modules = self.folder / "modules"
        modules.mkdir()
        (modules / "argparse.py").write_text(SLOW_ARGPARSE)
        environment = {**os.environ, "PYTHONPATH": str(modules), "STARTED": str(started)}
        with subprocess.Popen(self.command(LEGACY_MODEL), stderr=subprocess.PIPE, env=environment) as process:
            while not started.exists():
                time.sleep(0.01)
            process.terminate()
            self.check_interrupted(self.result(process))

    def test_signal_while_a_log_line_is_written_ends_the_run(self) -> None:
        reader, writer = os.pipe()
        room = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writer, b"x" * room)  # The first line of the log has to wait.
        with subprocess.Popen(self.command(LEGACY_MODEL), stderr=writer) as process:
            os.close(writer)
            self.wait_until_it_writes(process.pid)
            process.terminate()
            time.sleep(0.5)  # The handler runs, and only then is there room for what the run says at its end.
            with os.fdopen(reader, "rb") as log:
                said = log.read().decode()
            process.wait()
        self.assertNotIn("Looking into the model", said)
        self.check_interrupted(self.run_of(process.returncode, b"", said.encode()))

    def wait_until_it_writes(self, pid: int) -> None:
        """Wait until the process sleeps in a write to its full pipe."""
        stat = Path(f"/proc/{pid}/wchan")
        enough = time.monotonic() + 20
        while "pipe" not in stat.read_text() and time.monotonic() < enough:
            time.sleep(0.02)

    def test_interrupted_run_reports_what_it_used(self) -> None:
        command = self.command(self.pickle(sleeps))
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            self.assertEqual(b"asleep\n", process.stdout.readline())
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            run = self.result(process)
        self.check_interrupted(run)
        usage = run.report["usage"]
        self.assertGreater(usage["wall_s"], 0.3)
        self.assertGreater(usage["peak_memory_bytes"], 30_000_000)
        self.assertIn("predicting", usage["phases"])

    def run_until_asleep(self, model: Path, ended_by: signal.Signals) -> Run:
        """Send the signal once the model has said that it sleeps. Its temporary files are below the test's folder."""
        environment = {**os.environ, "TMPDIR": str(self.temporary())}
        pipe = subprocess.PIPE
        with subprocess.Popen(self.command(model), env=environment, stdout=pipe, stderr=pipe) as process:
            assert process.stdout is not None
            self.assertEqual(b"asleep\n", process.stdout.readline())
            self.assertEqual(1, len(os.listdir(self.temporary())))
            process.send_signal(ended_by)
            return self.result(process)

    def temporary(self) -> Path:
        folder = self.folder / "temporary"
        folder.mkdir(exist_ok=True)
        return folder

    def check_nothing_left(self) -> None:
        enough = time.monotonic() + 10
        while (left := self.left()) and time.monotonic() < enough:
            time.sleep(0.05)
        self.assertEqual([], left)

    def left(self) -> list[Any]:
        """What it has left: files and processes."""
        return os.listdir(self.temporary()) + [words for words in command_lines() if words == ["sleep", "98764.5"]]

    def test_signal_while_a_model_is_loaded_ends_the_run_with_nothing_left(self) -> None:
        self.check_interrupted(self.run_until_asleep(self.pickle(SleepsOnLoad()), signal.SIGTERM))
        self.assertEqual([], self.left())

    def test_signal_that_the_model_ignores_ends_the_run_with_nothing_left(self) -> None:
        model = self.pickle(ignores_signals_and_leaves_a_daemon)
        self.check_interrupted(self.run_until_asleep(model, signal.SIGTERM))
        self.assertEqual([], self.left())

    def test_runtime_that_is_killed_leaves_neither_process_nor_file(self) -> None:
        model = self.pickle(ignores_signals_and_leaves_a_daemon)
        self.assertEqual(-signal.SIGKILL, self.run_until_asleep(model, signal.SIGKILL).status)
        self.check_nothing_left()

    def test_runtime_that_is_killed_at_any_moment_of_the_start_leaves_no_file(self) -> None:
        for delay in (0.02, 0.05, 0.1, 0.2):
            environment = {**os.environ, "TMPDIR": str(self.temporary())}
            with (
                self.subTest(delay=delay),
                subprocess.Popen(self.command(LEGACY_MODEL), env=environment, stderr=subprocess.DEVNULL) as process,
            ):
                while not self.left():
                    time.sleep(0.001)
                time.sleep(delay)
                process.kill()
                self.check_nothing_left()


class StreamTest(InterruptionTestCase):
    """Whoever should read stderr is gone, or has no room; the shell decides what stderr is."""

    def status(self, redirection: str, *flags: str) -> int:
        line = 'exec "$@" ' + redirection
        argv = ["sh", "-c", line, "sh", *self.command(Path("/nowhere/model.pkl")), *flags]
        return subprocess.run(argv, stdout=subprocess.PIPE, check=False).returncode

    def test_status_is_that_of_the_fault_wherever_its_explanation_goes(self) -> None:
        for redirection in ("2>&-", "2>/dev/full", ">&- 2>&-", "<&- >&- 2>&-"):
            for flags in ((), ("--debug",), ("--inspect",)):
                with self.subTest(redirection, flags=flags):
                    self.assertEqual(3, self.status(redirection, *flags))

    def test_status_of_a_wrong_command_line_is_2_wherever_its_line_goes(self) -> None:
        for redirection in ("2>&-", "2>/dev/full", ">/dev/full 2>&-"):
            with self.subTest(redirection):
                self.assertEqual(2, self.status(redirection, "--time_limit", "-1"))

    def test_status_is_that_of_the_fault_when_the_reader_is_gone(self) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        try:
            done = subprocess.run(self.command(Path("/nowhere/model.pkl")), stderr=writer, check=False)
        finally:
            os.close(writer)
        self.assertEqual(3, done.returncode)

    def test_model_that_succeeds_without_standard_streams_writes_whole_predictions(self) -> None:
        argv = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *self.command(LEGACY_MODEL)]
        self.assertEqual(0, subprocess.run(argv, check=False).returncode)
        run = self.run_of(0, b"", b"")
        self.assertEqual(651, len(run.csvs[0].read_text().splitlines()))


if __name__ == "__main__":
    unittest.main()
