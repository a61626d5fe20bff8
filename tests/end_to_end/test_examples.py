"""Each script of examples/, from a user's command to the CSV: its model runs, is portable and has learned something."""

import functools
import importlib
import inspect
import shlex
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import ClassVar
from unittest import mock

import cloudpickle
import numpy as np
import pandas as pd

from tests.harness import BENCHMARKS, LIVE, ROOT, TESTS, PredictTestCase, load_source

DATA = TESTS / "data"
SCRIPTS = {path.stem: path for path in sorted((ROOT / "examples").glob("*.py"))}
PORTABLE = {"cloudpickle", "lightgbm", "numpy", "pandas", "sklearn"}


def imported(name: str) -> ModuleType:
    """The script as a module of that name."""
    with mock.patch.object(sys, "path", [str(ROOT / "examples"), *sys.path]):
        return importlib.import_module(name)


@functools.cache
def trained(name: str) -> Callable[..., pd.DataFrame]:
    """The script's own predict function, trained in this process."""
    predict: Callable[..., pd.DataFrame] = imported(name).train_model(DATA)
    return predict


def predictions(name: str, live_features: pd.DataFrame, live_benchmark_models: pd.DataFrame) -> "pd.Series[float]":
    """What the script's own function predicts, which may take the benchmark models or not."""
    predict = trained(name)
    frames = (live_features, live_benchmark_models)[: len(inspect.signature(predict).parameters)]
    return predict(*frames)["prediction"]


class ExamplesTest(PredictTestCase):
    folder_of_models: ClassVar[Path]
    printed: ClassVar[dict[str, list[str]]]
    live: ClassVar[pd.DataFrame]
    benchmarks: ClassVar[pd.DataFrame]

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="my models ")
        cls.addClassCleanup(folder.cleanup)
        cls.folder_of_models = Path(folder.name)
        cls.printed = {name: cls.run_script(path, cls.folder_of_models) for name, path in SCRIPTS.items()}
        cls.live, cls.benchmarks = pd.read_parquet(LIVE), pd.read_parquet(BENCHMARKS)

    @staticmethod
    def run_script(path: Path, folder: Path) -> list[str]:
        """The predict.py commands that the script prints when a user runs it in that folder."""
        command = [sys.executable, str(path), "--output", str(folder / f"{path.stem}.pkl")]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.splitlines() if "predict.py" in line]

    def test_printed_commands_work_as_pasted_where_no_python_is_on_the_path(self) -> None:
        for name, commands in self.printed.items():
            self.assertEqual(2, len(commands))
            for command in commands:
                with self.subTest(name, command=command):
                    pasted = f"{command} --output_dir {self.output_dir}"
                    done = subprocess.run(
                        ["/bin/sh", "-c", pasted],
                        cwd=self.folder_of_models,
                        env={"PATH": "/nowhere"},
                        capture_output=True,
                        text=True,
                        timeout=120,
                        check=False,
                    )
                    self.assertEqual(0, done.returncode, done.stderr)

    def test_printed_commands_succeed_without_a_warning_and_predict_as_the_scripts_function(self) -> None:
        for name, commands in self.printed.items():
            look, run = (shlex.split(command)[2:] for command in commands)
            with self.subTest(name):
                self.assertIn("--inspect", look)
                report = ("--report", self.folder / "report.json")
                looked = self.run_command(*look, "--output_dir", self.output_dir, *report)
                done = self.run_command(*run, "--output_dir", self.output_dir, *report)
                for ended in (looked, done):
                    self.assertEqual(0, ended.status, ended.stderr)
                    self.assertEqual(([], []), (ended.report["model"]["problems"], ended.report["model"]["warnings"]))
                    self.assertLessEqual({module["name"] for module in ended.report["model"]["modules"]}, PORTABLE)
                found = done.report["predictions"]
                self.assertEqual(([], []), (found["failures"], found["warnings"]))
                self.check_csv(name, done.csvs)

    def check_csv(self, name: str, csvs: list[Path]) -> None:
        """The one CSV is what the script's own function predicts; it makes room for the next."""
        (csv,) = csvs
        written = pd.read_csv(csv, index_col="id")["prediction"]
        csv.unlink()
        pd.testing.assert_series_equal(predictions(name, self.live, self.benchmarks), written, rtol=0, atol=1e-12)

    def test_model_pickled_from_an_imported_script_needs_no_import_of_it(self) -> None:
        for name in SCRIPTS:
            with self.subTest(name):
                path = self.folder / f"{name}.pkl"
                path.write_bytes(cloudpickle.dumps(trained(name)))
                done = self.predict(path, "--inspect")
                self.assertEqual(0, done.status, done.stdout)
                self.assertLessEqual({module["name"] for module in done.report["model"]["modules"]}, PORTABLE)

    def test_predictions_on_unseen_rows_follow_the_signal_of_the_sample_data(self) -> None:
        make_data = load_source(DATA / "make_data.py")
        rng = np.random.default_rng(20)
        live = make_data.make_live(rng, len(self.live), 42)
        pd.testing.assert_frame_equal(self.live, live)
        signal = make_data.make_signal(rng, 42).of(live.filter(like="feature_"))
        for name in SCRIPTS:
            with self.subTest(name):
                found = predictions(name, self.live, self.benchmarks)
                self.assertGreater(np.corrcoef(found, signal)[0, 1], 0.7)

    def test_predictions_are_ranks_within_each_era(self) -> None:
        halves = self.live.assign(era=np.where(np.arange(len(self.live)) < 200, "1000", "1001"))
        for name in SCRIPTS:
            with self.subTest(name):
                eras = predictions(name, halves, self.benchmarks).groupby(halves["era"])
                self.assertEqual([1, 1], list(eras.max()))
                self.assertTrue((eras.min() > 0).all())
                np.testing.assert_allclose(eras.mean(), [0.5, 0.5], atol=0.01)

    def test_predictions_do_not_depend_on_the_order_of_columns_and_benchmark_ids(self) -> None:
        for name in SCRIPTS:
            with self.subTest(name):
                expected = predictions(name, self.live, self.benchmarks)
                found = predictions(name, self.live.iloc[:, ::-1], self.benchmarks.sort_index())
                pd.testing.assert_series_equal(expected, found)

    def test_gaps_in_the_live_data_leave_no_gap_in_the_predictions(self) -> None:
        gaps = self.live.astype(dict.fromkeys(self.live.filter(like="feature_"), float))
        gaps.iloc[:50, 2:] = np.nan
        for name in SCRIPTS:
            with self.subTest(name):
                found = predictions(name, gaps, self.benchmarks.iloc[50:])
                self.assertFalse(found.isna().any())
                self.assertEqual(list(self.live.index), list(found.index))


class SampleDataTest(unittest.TestCase):
    def test_made_again_the_sample_data_is_the_same(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            load_source(DATA / "make_data.py").write_data(Path(folder), rows=650, features=42, seed=20)
            self.assertEqual((DATA / "features.json").read_text(), (Path(folder) / "features.json").read_text())
            for path in sorted(DATA.glob("*.parquet")):
                with self.subTest(path.name):
                    pd.testing.assert_frame_equal(pd.read_parquet(path), pd.read_parquet(Path(folder) / path.name))
