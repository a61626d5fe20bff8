"""What the runtime's own process imports for a run: every module costs its time, and some of them megabytes."""

import importlib.util
import json
import subprocess
import sys
import unittest
from pathlib import Path

from tests.harness import BENCHMARKS, LIVE, MODEL, ROOT, PredictTestCase

# Of others: what only downloads, uploads and the model's process need.
OF_OTHERS = (
    *("requests", "urllib3", "tenacity", "tqdm", "numerapi", "boto3"),
    *("pandas", "pyarrow", "numpy", "cloudpickle", "lightgbm"),
)
# Of Python: each takes a millisecond or more, or (hashlib) loads a library of megabytes.
OF_PYTHON = (
    *("asyncio", "datetime", "decimal", "email", "hashlib", "html", "http.client", "importlib.metadata"),
    *("multiprocessing", "pickle", "pickletools", "secrets", "ssl", "unittest", "urllib.request", "xml"),
)
# Of ours: what a run needs that fails, that has a URL, or that shows what it found; and what the model's process needs.
OF_OURS = (
    *("child.checks", "child.load", "child.main", "cli.presign"),
    *("diagnosis.crash", "diagnosis.exceptions", "diagnosis.exhausted", "diagnosis.modules"),
    *("inspection.arity", "inspection.bytecode", "inspection.compatibility", "inspection.fingerprints"),
    *("inspection.inspect", "inspection.model_signature", "inspection.stub_unpickler"),
    *("report.inspection_text", "report.reproduction", "report.summary"),
    *("sandbox.confine", "sandbox.landlock", "sandbox.network_attempts", "sandbox.seccomp"),
    *("transfer.download", "transfer.http", "transfer.retry", "transfer.s3", "transfer.upload"),
)
# What only reads what the model's process has found: it is imported while that computes.
LATER = ("inspection.preflight", "runner.acceptance", "runner.answer_schema", "runner.csv_form")

# Prints the modules when the model's process is started, and when the run is over, one JSON list a line.
PROGRAM = """
import json, sys
stages = []
sys.addaudithook(lambda event, _: stages.append([*sys.modules]) if event == "subprocess.Popen" else None)
import predict
status = predict.main(predict.parse_args())
print(json.dumps([*stages, [*sys.modules]]))
sys.exit(status)
"""


def ours(*names: str) -> list[str]:
    """The whole names of modules of the package."""
    return [f"numerai_predict.{name}" for name in names]


class ImportsTest(PredictTestCase):
    def stages(self, *flags: str | Path) -> list[set[str]]:
        """The modules when the model's process starts, and in the end, of a run that succeeds."""
        argv = ["--model", MODEL, "--dataset", LIVE, "--benchmarks", BENCHMARKS, "--output_dir", self.output_dir]
        program = [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{PROGRAM}"]
        done = subprocess.run([*program, *map(str, [*argv, *flags])], cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(0, done.returncode, done.stderr)
        return [set(modules) for modules in json.loads(done.stdout.splitlines()[-1])]

    def test_run_of_local_files_imports_nothing_that_it_does_not_need(self) -> None:
        *_, end = self.stages()
        self.assertEqual(set(), end & {*OF_OTHERS, *OF_PYTHON, *ours(*OF_OURS)})

    def test_what_reads_an_answer_is_imported_when_the_process_that_gives_it_runs(self) -> None:
        start, end = self.stages()
        later = {*ours(*LATER)}
        self.assertEqual((set(), later), (start & later, end & later))

    def test_run_with_a_report_imports_what_the_digest_needs_and_no_more(self) -> None:
        *_, end = self.stages("--report", self.folder / "report.json")
        self.assertEqual({"hashlib"}, end & {*OF_OTHERS, *OF_PYTHON, *ours(*OF_OURS)})

    def test_modules_that_are_not_needed_are_there(self) -> None:
        for name in (*OF_PYTHON, *ours(*OF_OURS)):
            with self.subTest(name):
                self.assertIsNotNone(importlib.util.find_spec(name))


if __name__ == "__main__":
    unittest.main()
