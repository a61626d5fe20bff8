"""`numerai-predict round` and `round status` as a person types them: real workers of this Python, a real terminal."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from numerai_predict.round import alone_on_this_machine
from tests.harness import BENCHMARKS, LEGACY_MODEL, LIVE, MODEL, ROOT, PredictTestCase, by_value, wait_until
from tests.round.s3_stores import environment_of
from tests.round.test_prepare import OTHER_MODEL, OTHER_PYTHON
from tests.round.test_progress import Terminal
from tests.s3 import serving_stand_in

COMMAND = (sys.executable, "-m", "numerai_predict", "round")
LONGEST_S = 120.0


def sleepy(seconds: float) -> Any:
    """A model that takes so long."""

    def predict(live_features: pd.DataFrame) -> pd.DataFrame:
        time.sleep(seconds)
        return live_features.filter(like="feature_").mean(axis=1).rank(pct=True, method="first").to_frame("prediction")

    return predict


def raises(live_features: pd.DataFrame) -> pd.DataFrame:
    raise ValueError("no such era")


def children_of(pid: int) -> list[int]:
    """The processes that it has started and that are there still: of the command, its workers."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def is_alive(pid: int) -> bool:
    """Whether it has not ended, also where nobody waits for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)


class RoundTestCase(PredictTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.models = self.folder / "models"
        self.models.mkdir()
        self.round: Any = self.folder / "round"
        self.environment = {"PATH": os.environ["PATH"], "DOCKER": "/nowhere/docker"}

    def words(self, *more: str | Path) -> list[str]:
        """Of a round on the sample data, with one slot."""
        data = ("--dataset", LIVE, "--benchmarks", BENCHMARKS)
        words = (self.round, "--models", self.models, *data, "--native", "--slots", "1", *more)
        return [*COMMAND, *map(str, words)]

    def command(self, *words: str | Path) -> "subprocess.CompletedProcess[str]":
        """`numerai-predict round` with these words."""
        return self.done([*COMMAND, *map(str, words)])

    def done(self, argv: list[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            argv, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=LONGEST_S, check=False
        )

    def start(self, *more: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            self.words(*more), cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def model(self, name: str, function: Any) -> None:
        (self.models / f"{name}.pkl").write_bytes(by_value(function))

    def outcome(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.round / f"outcomes/{name}.json").read_bytes())
        return found

    def is_running(self, name: str) -> bool:
        """Whether the model has been claimed, and given to a process."""
        log = self.round / "logs/worker-0.log"
        return (self.round / f"claims/{name}").exists() and bool(log.exists() and self.models_of_round())

    def models_of_round(self) -> list[str]:
        """The temporary folders of models that run."""
        return [str(path) for path in (self.folder / "temporary").glob("*/model-*")]


class RoundCommandTest(RoundTestCase):
    def test_models_of_a_folder_are_run_and_the_summary_says_how_they_ended(self) -> None:
        for name, model in (("one", LEGACY_MODEL), ("two", MODEL)):
            (self.models / f"{name}.pkl").write_bytes(model.read_bytes())
        self.model("raises", raises)
        done = self.done(self.words("--prom", str(self.folder / "prom")))
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertIn("3 of 3 models: 2 delivered, 1 failed (model_raised 1), 0 running", done.stderr)
        self.assertIn(f"Round {self.round}: 3 of 3 models", done.stdout)
        self.assertRegex(done.stdout, r"\n  raises  model_raised  .*no such era")
        self.assertIn('numerai_round_models{state="delivered"} 2\n', (self.folder / "prom").read_text())
        single = self.predict(LEGACY_MODEL)
        self.assertEqual(single.csvs[0].read_bytes(), (self.round / "predictions/one.csv").read_bytes())
        with self.subTest("The same command again runs nothing, and says the same"):
            before = {path: path.stat().st_mtime_ns for path in self.round.glob("[op]*/*")}
            again = self.done(self.words())
            self.assertEqual(1, again.returncode, again.stderr)
            self.assertEqual(before, {path: path.stat().st_mtime_ns for path in self.round.glob("[op]*/*")})
        with self.subTest("Its status is the same from anywhere"):
            status = self.command("status", self.round, "--prom", self.folder / "prom2")
            self.assertEqual(1, status.returncode, status.stderr)
            self.assertIn("  delivered         2\n  failed            1 (model_raised 1)\n", status.stdout)
            self.assertIn('numerai_round_models{state="failed"} 1\n', (self.folder / "prom2").read_text())

    def test_round_of_models_that_all_predict_ends_with_status_0(self) -> None:
        self.model("a", sleepy(0))
        done = self.done(self.words())
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertNotIn("Failed", done.stdout)

    def test_model_of_a_python_without_workers_is_said_and_left_and_the_status_is_3(self) -> None:
        self.model("a", sleepy(0))
        self.model("raises", raises)
        (self.models / "other.pkl").write_bytes(OTHER_MODEL.read_bytes())
        done = self.done(self.words())
        self.assertEqual(3, done.returncode, done.stderr)
        self.assertIn(f"1 models cannot be run here: they need Python {OTHER_PYTHON}", done.stderr)
        self.assertIn(f"Without an outcome\n  Python {OTHER_PYTHON}: other\n", done.stdout)
        self.assertEqual(3, self.command("status", self.round).returncode)

    def test_wrong_command_line_is_refused_in_one_line_with_status_2(self) -> None:
        self.model("a", sleepy(0))
        for words, said in (
            ((self.round,), "has no manifest.jsonl yet"),
            ((self.round, "--models", self.folder / "none"), "cannot be read"),
            ((self.round, "--slots", "0"), "argument --slots: '0' is not a number of workers"),
            ((self.round, "--prom", "/nowhere/prom"), "argument --prom: '/nowhere/prom' is not a file"),
            (("ftp://host/round", "--models", self.models), "not at ftp://"),
            ((LIVE, "--models", self.models), "cannot be made"),
            ((), "the following arguments are required: ROUND"),
            (("status", self.folder / "nowhere"), "does not exist"),
            (("status", self.models), "there is no manifest.jsonl"),
        ):
            with self.subTest(words):
                done = self.command(*words)
                self.assertEqual((2, ""), (done.returncode, done.stdout), done.stderr)
                self.assertIn(said, done.stderr)
                self.assertRegex(done.stderr, r"\Anumerai-predict round( status)?: error: .* \(see --help\)\n\Z")

    def test_round_that_another_command_runs_here_is_refused(self) -> None:
        with alone_on_this_machine(str(self.round)), alone_on_this_machine(f"{self.round}-2"):
            ended = self.command(self.round, "--native")
        self.assertEqual(2, ended.returncode)
        self.assertIn("another command runs", ended.stderr)

    def test_without_an_engine_native_is_named(self) -> None:
        self.model("a", sleepy(0))
        words = (self.round, "--models", self.models, "--dataset", LIVE, "--benchmarks", BENCHMARKS)
        done = self.command(*words)
        self.assertEqual(2, done.returncode)
        self.assertRegex(done.stderr, r"no container engine answers \(.*/nowhere/docker.*\): .* --native")

    def test_help_shows_the_flags(self) -> None:
        for words, flag in ((("--help",), "--models"), (("status", "--help"), "--prom")):
            with self.subTest(words):
                done = self.command(*words)
                self.assertEqual(0, done.returncode)
                self.assertIn(flag, done.stdout)


class RoundInS3Test(RoundTestCase):
    def test_models_are_uploaded_and_their_predictions_are_in_the_bucket(self) -> None:
        self.model("a", sleepy(0))
        self.model("raises", raises)
        with serving_stand_in() as bucket:
            self.environment.update(environment_of(bucket), TMPDIR=str(self.folder))
            self.round = f"s3://{bucket.name}/rounds/1"
            done = self.done(self.words())
            self.assertEqual(1, done.returncode, done.stderr)
            self.assertIn(f"  predictions in    {self.round}/predictions\n", done.stdout)
            self.assertTrue((bucket.get("rounds/1/predictions/a.csv") or b"").startswith(b"id,prediction\n"))
            self.assertEqual((self.models / "a.pkl").read_bytes(), bucket.get("rounds/1/models/a.pkl"))
            self.assertEqual(1, self.command("status", self.round).returncode)
            self.assertNotIn(bucket.secret_key, done.stdout + done.stderr)
        self.assertEqual([], list(self.folder.glob("round-logs-*")))


class InterruptedRoundTest(RoundTestCase):
    def setUp(self) -> None:
        super().setUp()
        (self.folder / "temporary").mkdir()
        (self.folder / "temporary").chmod(0o1777)
        self.folder.chmod(0o755)
        self.environment["TMPDIR"] = str(self.folder / "temporary")

    def test_ctrl_c_lets_go_what_runs_leaves_no_process_and_the_same_command_goes_on(self) -> None:
        self.model("a", sleepy(0))
        self.model("b", sleepy(60))
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal.Signals(number).name):
                process = self.start()
                wait_until(lambda: (self.round / "outcomes/a.json").exists() and self.is_running("b"))
                workers = children_of(process.pid)
                self.assertEqual(1, len(workers))
                process.send_signal(number)
                output, errors = process.communicate(timeout=LONGEST_S)
                self.assertEqual(3, process.returncode, errors)
                self.assertRegex(errors, r"Stopped by SIG\w+: the same command goes on where it was")
                self.assertIn("1 of 2 models", output)
                self.assertFalse(is_alive(workers[0]))
                self.assertEqual([], list((self.folder / "temporary").iterdir()))
                claim = json.loads((self.round / "claims/b").read_bytes())
                self.assertEqual(("free", 0), (claim["state"], claim["lost"]))
        first = (self.round / "outcomes/a.json").read_bytes()
        self.model("b", sleepy(0))
        done = self.done(self.words())
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(first, (self.round / "outcomes/a.json").read_bytes())
        self.assertEqual("success", self.outcome("b")["status"])

    def test_worker_that_is_killed_is_started_again_and_its_model_is_run(self) -> None:
        self.model("b", sleepy(4))
        process = self.start()
        wait_until(lambda: self.is_running("b"))
        for worker in children_of(process.pid):
            os.kill(worker, signal.SIGKILL)
        _, errors = process.communicate(timeout=LONGEST_S)
        self.assertEqual(0, process.returncode, errors)
        self.assertIn("was ended by signal 9 and is started again", errors)
        self.assertEqual("success", self.outcome("b")["status"])

    def test_keys_of_the_environment_are_in_no_process_that_a_model_could_read(self) -> None:
        self.environment["AWS_SECRET_ACCESS_KEY"] = "S3CR3T-of-the-bucket"
        self.model("b", sleepy(3))
        process = self.start()
        wait_until(lambda: self.is_running("b"))
        for pid in (process.pid, *children_of(process.pid)):
            for name in ("environ", "cmdline"):
                with contextlib.suppress(PermissionError):  # In a container, to root too.
                    self.assertNotIn(b"S3CR3T", Path(f"/proc/{pid}/{name}").read_bytes())
        process.communicate(timeout=LONGEST_S)
        self.assertEqual(0, process.returncode)

    def test_workers_end_when_the_command_is_killed(self) -> None:
        self.model("b", sleepy(3 * LONGEST_S))
        process = self.start()
        wait_until(lambda: self.is_running("b"))
        (worker,) = children_of(process.pid)
        self.addCleanup(end, worker)
        process.kill()
        process.wait()
        wait_until(lambda: not is_alive(worker))
        wait_until(lambda: not self.models_of_round())


class TerminalTest(RoundTestCase):
    def run_in_terminal(self, *more: str, then: Callable[[int, int], None] | None = None) -> tuple[int, str]:
        """The exit status, and all that a person's terminal was sent."""
        argv = self.words(*more)
        pid, person = pty.fork()
        if not pid:
            os.chdir(ROOT)
            os.execve(argv[0], argv, self.environment)
        shown = b""
        with contextlib.suppress(OSError):  # Linux's way to say that nobody is at the other end any more.
            while some := os.read(person, 1 << 16):
                shown += some
                if then and b"running" in shown and b"slow" in shown:
                    then(pid, person)
                    then = None
        os.close(person)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()

    def test_live_table_is_redrawn_in_place_and_gone_at_the_end(self) -> None:
        self.model("slow", sleepy(3))
        self.model("raises", raises)
        status, shown = self.run_in_terminal()
        self.assertEqual(1, status, shown)
        self.assertGreater(shown.count("] 0 of 2") + shown.count("] 1 of 2"), 2, shown)
        screen = Terminal()
        screen.feed(shown)
        self.assertEqual([], [line for line in screen.lines if line.startswith("  [")])
        self.assertEqual(1, sum(line.startswith("Round ") for line in screen.lines), screen.lines)
        self.assertIn("Failed by their own fault", screen.lines)

    def test_ctrl_c_typed_in_the_terminal_reaches_the_workers_through_the_command_only(self) -> None:
        self.model("slow", sleepy(60))
        workers: list[int] = []

        def type_ctrl_c(pid: int, person: int) -> None:
            workers.extend(children_of(pid))
            self.assertEqual(workers, [os.getsid(worker) for worker in workers])
            os.write(person, b"\x03")

        status, shown = self.run_in_terminal(then=type_ctrl_c)
        self.assertEqual(3, status, shown)
        screen = Terminal()
        screen.feed(shown.replace("^C", ""))
        said = "Stopped by SIGINT: the same command goes on where it was"
        self.assertTrue(any(line.endswith(said) for line in screen.lines), screen.lines)
        self.assertNotIn("is started again", shown)
        self.assertEqual([False], [is_alive(worker) for worker in workers])
