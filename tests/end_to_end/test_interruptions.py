"""Signals at the worst of moments, and streams that nobody reads: exit status and report stay right."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time
import unittest
from collections.abc import Callable
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


def ranks(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")


def prints_forever(live_features: pd.DataFrame) -> pd.DataFrame:
    while True:
        print("x" * 8000)


def prints_much(live_features: pd.DataFrame) -> pd.DataFrame:
    print("x" * 3_000_000, end="", file=sys.stderr)
    return ranks(live_features)


def opens(terminal: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def predict(live_features: pd.DataFrame) -> pd.DataFrame:
        for name in (terminal, "/dev/tty"):
            try:
                os.close(os.open(name, os.O_RDONLY | os.O_NOCTTY))
            except OSError:
                continue
            raise AssertionError(name)
        return ranks(live_features)

    return predict


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


def full_pipe() -> tuple[int, int]:
    """A pipe whose reader pauses."""
    reader, writer = os.pipe()
    os.write(writer, b"x" * fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096))
    return reader, writer


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

    def test_signal_ends_a_run_whose_log_nobody_reads(self) -> None:
        reader, writer = full_pipe()
        self.addCleanup(os.close, reader)
        command = self.command(self.pickle(sleeps))
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=writer) as process:
            os.close(writer)
            assert process.stdout is not None
            self.assertEqual(b"asleep\n", process.stdout.readline())
            process.terminate()
            self.check_interrupted(self.result(process))

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

    def test_readers_who_pause_hold_up_neither_the_time_limit_nor_the_end(self) -> None:
        reader, writer = full_pipe()
        self.addCleanup(os.close, reader)
        began = time.monotonic()
        command = [*self.command(self.pickle(prints_forever)), "--time_limit", "4"]
        done = subprocess.run(command, stdout=writer, stderr=writer, timeout=60, check=False)
        os.close(writer)
        self.assertLess(time.monotonic() - began, 4 + ENDS_WITHIN_S)
        self.assertEqual((1, "timeout"), (done.returncode, self.run_of(1, b"", b"").code))

    def test_reader_who_goes_on_reading_gets_the_end_and_how_much_he_missed(self) -> None:
        command = [*self.command(self.pickle(prints_much)), "--debug"]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
            assert process.stderr is not None
            while not self.is_saved():
                time.sleep(0.05)
            log = process.stderr.read().decode()
        self.assertEqual(0, process.returncode)
        self.assertRegex(log, r"\n\S+ \S+ WARNING [\d,]+ bytes that the model printed could not be shown")
        self.assertIn("\nSummary\n", log)

    def is_saved(self) -> bool:
        return bool(self.run_of(0, b"", b"").csvs)

    @unittest.skipUnless(sys.platform == "linux", "macOS keeps no output of a stopped terminal")
    def test_terminal_whose_output_is_stopped_holds_up_nothing_and_is_out_of_the_model_s_reach(self) -> None:
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        terminal = os.ttyname(theirs)
        termios.tcflow(theirs, termios.TCOOFF)
        program = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0)"
        program += "; os.execv(sys.argv[1], sys.argv[1:])"
        command = [*self.command(self.pickle(opens(terminal))), "--time_limit", "30"]
        done = subprocess.run([sys.executable, "-c", program, *command], stdin=theirs, stdout=theirs, stderr=theirs)
        termios.tcflow(theirs, termios.TCOON)
        os.close(theirs)
        self.assertEqual(0, done.returncode, self.run_of(0, b"", b"").report)

    def test_model_that_succeeds_without_standard_streams_writes_whole_predictions(self) -> None:
        argv = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *self.command(LEGACY_MODEL)]
        self.assertEqual(0, subprocess.run(argv, check=False).returncode)
        run = self.run_of(0, b"", b"")
        self.assertEqual(651, len(run.csvs[0].read_text().splitlines()))


if __name__ == "__main__":
    unittest.main()
