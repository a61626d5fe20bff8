"""Several runs at a time with one output folder: the same model, the same datasets, the same report."""

import json
import os
import subprocess
import sys
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import jsonschema
import pandas as pd

from numerai_predict import RunReport, RunRequest, run_model
from numerai_predict.report import schema
from tests.harness import BENCHMARKS, LIVE, MODEL, ROOT
from tests.servers import Answer
from tests.transfer.test_datasets import BENCHMARKS as BENCHMARKS_NAME
from tests.transfer.test_datasets import NAME, NumeraiTestCase

RUNS = 3
SECRET = "5ec2e75ec2e7"


class ConcurrentRunsTest(NumeraiTestCase):
    """The API names the same address for both datasets, so the one file in the storage has to do as either."""

    def setUp(self) -> None:
        super().setUp()
        both = pd.read_parquet(LIVE).join(pd.read_parquet(BENCHMARKS))
        both.to_parquet(self.folder / "both.parquet")
        self.expected = pd.read_pickle(MODEL)(both, both).to_csv()
        self.offer(*self.spread((self.folder / "both.parquet").read_bytes()))
        self.model = self.server.queue("/model.pkl", *self.spread(MODEL.read_bytes())) + f"?signature={SECRET}"
        self.report = self.output_dir / "report.json"

    def spread(self, body: bytes) -> list[Answer]:
        """The same for all who ask, each after another time."""
        return [Answer(body=body, wait_s=0.3 * (number % 3)) for number in range(3 * RUNS)]

    def check_folder(self) -> None:
        """That each run left its predictions, all that of a download stays, and nothing else."""
        left = sorted(str(path.relative_to(self.output_dir)) for path in self.output_dir.rglob("*") if path.is_file())
        csvs = [name for name in left if name.startswith("live_predictions-")]
        self.assertEqual([self.expected] * RUNS, [(self.output_dir / name).read_text() for name in csvs])
        stay = [name for path in (NAME, BENCHMARKS_NAME) for name in (path, str(mark_of(path)))]
        self.assertEqual(sorted(stay), [name for name in left if name not in (*csvs, "report.json")])
        self.assertEqual(["v5.3"], [path.name for path in self.output_dir.iterdir() if path.is_dir()])

    def test_processes_do_not_disturb_each_other_and_leave_one_whole_report(self) -> None:
        argv = [sys.executable, str(ROOT / "predict.py"), "--model", self.model, "--report", str(self.report)]
        argv += ["--output_dir", str(self.output_dir)]  # The datasets are those of the platform.
        runs = [
            subprocess.Popen(argv, cwd=self.folder, env={**os.environ, **self.env}, stderr=subprocess.PIPE)
            for _ in range(RUNS)
        ]
        ended = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            seen = pool.submit(self.read_reports, ended)
            said = [run.communicate(timeout=100)[1].decode() for run in runs]
            ended.set()
            seen.result()
        self.assertEqual([0] * RUNS, [run.returncode for run in runs], said)
        jsonschema.validate(json.loads(self.report.read_text()), schema())
        self.check_folder()

    def read_reports(self, ended: threading.Event) -> None:
        """Read the report again and again: whoever wrote it, it is whole."""
        while not ended.wait(0.005):
            if self.report.exists():
                self.assertEqual("success", json.loads(self.report.read_text())["status"])

    def test_threads_of_one_process_do_not_disturb_each_other(self) -> None:
        request = RunRequest(self.model, output_dir=self.output_dir)

        def run() -> RunReport:
            report = run_model(request)
            report.write(self.report)
            return report

        with mock.patch.dict(os.environ, self.env), ThreadPoolExecutor(RUNS) as pool:
            reports = [future.result() for future in [pool.submit(run) for _ in range(RUNS)]]
        self.assertEqual([None] * RUNS, [report.fault for report in reports])
        self.assertEqual(RUNS, len({report.delivery.saved.path for report in reports if report.delivery.saved}))
        jsonschema.validate(json.loads(self.report.read_text()), schema())
        self.check_folder()


def mark_of(name: str) -> Path:
    """The file in which a download is noted."""
    return Path(name).with_name(f".{Path(name).name}.downloaded")


if __name__ == "__main__":
    unittest.main()
