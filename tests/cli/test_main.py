"""`numerai-predict` and `python -m numerai_predict`: commands, their flags and their exit status."""

import subprocess
import sys
from pathlib import Path

from tests.harness import LEGACY_MODEL, LIVE, ROOT, PredictTestCase, Run


class CommandsTest(PredictTestCase):
    def command(self, *words: str | Path) -> Run:
        argv = [sys.executable, "-m", "numerai_predict", *map(str, words)]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, check=False)
        return self.run_of(done.returncode, done.stdout, done.stderr)

    def on_sample_data(self) -> list[str | Path]:
        report = self.folder / "report.json"
        return ["--model", LEGACY_MODEL, "--dataset", LIVE, "--output_dir", self.output_dir, "--report", report]

    def test_run_delivers_predictions_and_a_report_as_predict_does(self) -> None:
        run = self.command("run", *self.on_sample_data(), "--debug")
        self.assertEqual((0, "success", 1), (run.status, run.report["status"], len(run.csvs)), run.stderr)
        self.assertIn("Summary", run.stderr)
        expected = self.predict(LEGACY_MODEL)
        self.assertEqual(*(csv.read_text() for csv in expected.csvs))

    def test_inspect_prints_what_is_in_the_pickle_and_runs_nothing(self) -> None:
        run = self.command("inspect", *self.on_sample_data())
        self.assertEqual((0, []), (run.status, run.csvs), run.stderr)
        self.assertIn("can be expected to run here", run.stdout)

    def test_failure_has_the_exit_status_of_its_blame(self) -> None:
        page = self.folder / "page.pkl"
        page.write_text("<html>")
        self.assertEqual(1, self.command("run", *self.on_sample_data(), "--model", page).status)
        self.assertEqual(1, self.command("inspect", *self.on_sample_data(), "--model", page).status)
        self.assertEqual(3, self.command("run", *self.on_sample_data(), "--model", "/nowhere/model.pkl").status)

    def test_wrong_flag_is_refused_in_one_line_that_names_the_command(self) -> None:
        for name in ("run", "inspect"):
            with self.subTest(name):
                run = self.command(name, *self.on_sample_data(), "--time_limit", "-1")
                self.assertEqual((2, "usage"), (run.status, run.code))
                self.assertRegex(run.stderr, rf"\Anumerai-predict {name}: error: argument --time_limit: .*\n\Z")

    def test_command_that_does_not_exist_is_refused_and_help_lists_those_that_do(self) -> None:
        run = self.command("submit")
        self.assertEqual(2, run.status)
        self.assertIn("invalid choice: 'submit'", run.stderr)
        for words in ((), ("--help",)):
            with self.subTest(words):
                run = self.command(*words)
                self.assertEqual(0, run.status)
                self.assertIn("{run,inspect,presign,round,worker,tournament}", run.stdout)

    def test_help_of_a_command_shows_its_flags(self) -> None:
        for name, flag in {"run": "--model", "inspect": "--memory_limit", "presign": "--bucket"}.items():
            with self.subTest(name):
                run = self.command(name, "--help")
                self.assertEqual(0, run.status)
                self.assertIn(f"usage: numerai-predict {name}", run.stdout)
                self.assertIn(flag, run.stdout)
