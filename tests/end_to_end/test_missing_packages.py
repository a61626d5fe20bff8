"""predict.py under a Python that lacks the packages: one line that names them and what to run instead."""

import gzip
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar
from unittest import mock

import pandas as pd

from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import remedies
from numerai_predict.runner import get_data
from numerai_predict.transfer import DatasetDownloads
from tests.harness import BENCHMARKS, LIVE, ROOT, by_value


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features.mean(axis=1).rank(pct=True).to_frame("prediction")


class MissingPackagesTest(unittest.TestCase):
    folder: ClassVar[Path]
    python: ClassVar[str]

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.python = str(cls.folder / "bare/bin/python")
        # Of the interpreter below a venv: the packages of this one must not be seen.
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(cls.folder / "bare")], check=True)
        (cls.folder / "model.pkl").write_bytes(by_value(predict))
        (cls.folder / "model.pkl.gz").write_bytes(gzip.compress(by_value(predict)))

    def run_bare(self, program: tuple[str, ...], *flags: str, model: str = "model.pkl") -> tuple[int, list[str]]:
        """The exit status, and the lines that are said but for the log."""
        data = ("--dataset", str(LIVE), "--benchmarks", str(BENCHMARKS), "--output_dir", str(self.folder))
        where = model if "://" in model else str(self.folder / model)
        done = subprocess.run(
            [self.python, *program, "--model", where, *data, *flags],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, [line for line in done.stderr.splitlines() if " INFO " not in line]

    def check_line(self, lines: list[str], *packages: str) -> None:
        (line,) = lines
        self.assertIn(f"error: missing_packages: This Python ({self.python}, ", line)
        self.assertIn(f" does not have {' and '.join(filter(None, (', '.join(packages[:-1]), packages[-1])))}.", line)
        self.assertRegex(line, r"Run it with \S+/predict/bin/python, .* or in the image numerai_predict_py_3_\d+\.$")

    def test_run_ends_with_one_line_and_exit_status_2(self) -> None:
        for program in (("predict.py",), ("-m", "numerai_predict", "run")):
            with self.subTest(program):
                status, lines = self.run_bare(program)
                self.assertEqual(2, status)
                self.check_line(lines, "pandas", "pyarrow", "numpy", "cloudpickle")

    def test_report_names_the_fault(self) -> None:
        report = self.folder / "report.json"
        self.run_bare(("predict.py",), "--report", str(report))
        written = json.loads(report.read_text())
        self.assertEqual(("error", "missing_packages"), (written["status"], written["fault"]["code"]))

    def test_what_uploads_and_downloads_is_asked_for_before_the_model_runs(self) -> None:
        post = ("--post_url", "http://127.0.0.1:9/", "--post_data", "key=value")
        for model, flags in (("http://127.0.0.1:9/model.pkl", ()), ("model.pkl", post)):
            with self.subTest(model):
                status, lines = self.run_bare(("predict.py",), *flags, model=model)
                self.assertEqual(2, status)
                here = ("pandas", "pyarrow", "numpy", "cloudpickle", "requests", "tenacity", "tqdm", "urllib3")
                self.check_line(lines, *here)

    def test_what_downloads_datasets_is_asked_for_where_one_is_downloaded(self) -> None:
        without = mock.patch.object(remedies, "is_here", side_effect=lambda name: name != "numerapi")
        with without, self.assertRaises(Fault) as raised:
            get_data("v5.3/live.parquet", self.folder, DatasetDownloads())
        self.assertIs(Code.MISSING_PACKAGES, raised.exception.code)
        self.assertIn("does not have numerapi.", raised.exception.message)

    def test_dependency_of_the_runtime_itself_is_named_too(self) -> None:
        for program in (("predict.py", "--inspect"), ("-m", "numerai_predict", "inspect")):
            with self.subTest(program):
                status, lines = self.run_bare(program, model="http://127.0.0.1:9/model.pkl")
                self.assertEqual(2, status)
                self.check_line(lines, "tenacity")

    def test_inspection_needs_none_of_them_and_blames_the_environment(self) -> None:
        report = self.folder / "inspection.json"
        status, lines = self.run_bare(("predict.py", "--inspect"), "--report", str(report))
        self.assertEqual(1, status)
        problems = json.loads(report.read_text())["model"]["problems"]
        self.assertEqual({"missing_module"}, {problem["code"] for problem in problems})
        self.assertIn("The platform has cloudpickle ", problems[0]["hint"])
        for wrong in ("NumPy arrays", "own file", "does not have"):
            self.assertNotIn(wrong, "\n".join(lines))

    def test_inspection_of_what_pandas_unpacks_names_pandas(self) -> None:
        status, lines = self.run_bare(("predict.py", "--inspect"), model="model.pkl.gz")
        self.assertEqual(2, status)
        self.check_line(lines, "pandas")

    def test_help_needs_none_of_them(self) -> None:
        done = subprocess.run([self.python, "predict.py", "--help"], cwd=ROOT, capture_output=True, check=False)
        self.assertEqual(0, done.returncode, done.stderr)
