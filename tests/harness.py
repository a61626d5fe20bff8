"""What the tests share: running predict.py as a user does, and making pickles."""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
import jsonschema

from numerai_predict.report import schema

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
LIVE = TESTS / "data/live.parquet"
BENCHMARKS = TESTS / "data/live_benchmark_models.parquet"
# The Pythons that there are folders of, the oldest first.
VERSIONS = [f"3.{minor}" for minor in sorted(int(folder.suffix[1:]) for folder in ROOT.glob("py3.*"))]
PYTHON_TAG = f"{sys.version_info.major}_{sys.version_info.minor}"
MODEL = TESTS / f"models/model_{PYTHON_TAG}.pkl"
LEGACY_MODEL = TESTS / f"models/model_{PYTHON_TAG}_legacy.pkl"
LONGEST_WAIT_S = 120.0
_REGISTRY = threading.Lock()


@dataclass(frozen=True)
class Run:
    """One finished run of predict.py: exit status, output, report (empty if none was written) and CSVs."""

    status: int
    stdout: str
    stderr: str
    report: dict[str, Any]
    csvs: list[Path]

    @property
    def code(self) -> str | None:
        """The code of the fault that the report names."""
        fault = self.report.get("fault")
        return fault["code"] if fault else None

    @property
    def notices(self) -> list[str]:
        """What the report says of the predictions."""
        return without_container(self.report["predictions"]["notices"])


def wait_until(condition: Callable[[], object]) -> None:
    """Wait until it holds, which it must soon."""
    enough = time.monotonic() + LONGEST_WAIT_S
    while not condition():
        if time.monotonic() > enough:
            raise AssertionError("it never came")
        time.sleep(0.02)


def without_container(notices: list[str]) -> list[str]:
    """The notices but for what only a container adds, in which the tests may run: that the file goes with it."""
    return [notice for notice in notices if " is inside the container, " not in notice]


class PredictTestCase(unittest.TestCase):
    """A test with a folder of its own, in which predict.py writes its output."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.output_dir = self.folder / "output"
        self.output_dir.mkdir()

    def predict(self, model: str | Path, *flags: str | Path, env: dict[str, str] | None = None) -> Run:
        """Run predict.py on `model` and the sample data; later flags win."""
        report = self.folder / "report.json"
        sample = ("--dataset", LIVE, "--benchmarks", BENCHMARKS)
        return self.run_command(
            "--model", model, *sample, "--output_dir", self.output_dir, "--report", report, *flags, env=env
        )

    def run_command(self, *flags: str | Path, env: dict[str, str] | None = None) -> Run:
        """Run predict.py with just these flags, in the test's folder."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "predict.py"), *map(str, flags)],
            capture_output=True,
            cwd=self.folder,
            env=dict(os.environ, **(env or {})),
            timeout=120,
            check=False,
        )
        return self.run_of(done.returncode, done.stdout, done.stderr)

    def run_of(self, status: int, stdout: bytes, stderr: bytes) -> Run:
        """A run that has ended so, with the report and CSVs that are there."""
        path = self.folder / "report.json"
        report = json.loads(path.read_text()) if path.exists() else {}
        if report:
            jsonschema.validate(report, schema())
        return Run(
            status=status,
            stdout=stdout.decode(errors="replace"),
            stderr=stderr.decode(errors="replace"),
            report=report,
            csvs=sorted(self.output_dir.glob("live_predictions-*.csv")),
        )

    def pickle(self, model: Any, name: str = "model.pkl") -> Path:
        """Write `model` with cloudpickle, functions and classes of test modules by value."""
        path = self.folder / name
        path.write_bytes(by_value(model))
        return path


def by_value(model: Any, protocol: int | None = None) -> bytes:
    """`model` as cloudpickle writes it from a user's script: what its module defines is carried inside."""
    # The registry is one for all threads, and modules of tests that stay in it change how other tests pickle.
    with _REGISTRY:
        names = [name for name in list(sys.modules) if name.startswith(("tests.", "broken_model_"))]
        modules = [sys.modules[name] for name in names if name not in cloudpickle.list_registry_pickle_by_value()]
        for module in modules:
            cloudpickle.register_pickle_by_value(module)
        try:
            return bytes(cloudpickle.dumps(model, protocol))
        finally:
            for module in modules:
                cloudpickle.unregister_pickle_by_value(module)


def load_source(path: Path) -> ModuleType:
    """Execute a Python file as a module of its own."""
    name = f"broken_model_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def command_lines() -> list[list[str]]:
    """The command line of every process on this machine, but for those in containers."""
    found = []
    here = os.readlink("/proc/self/ns/pid")
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # It may have ended meanwhile, or be another user's.
            if os.readlink(process / "ns/pid") == here:
                found.append((process / "cmdline").read_text(errors="replace").split("\0")[:-1])
    return found
