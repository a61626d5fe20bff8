"""What the tests of workers share: rounds in folders, and worker processes that can be made to fail."""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import BENCHMARKS, LIVE, ROOT, by_value, wait_until

LIMIT_S = 120
# A worker whose leases, pauses and last models the tests can wait for; `more` is code that changes it further.
PROGRAM = """
import sys
from numerai_predict.held_signals import hold_signals
hold_signals()
from numerai_predict import cli
from numerai_predict.cli import worker
from numerai_predict.round import queue, retries
retries.BACKOFF_S = (0.1, 0.1)
queue.MARGIN_S, queue.DELIVERY_S, queue.LONGEST_PAUSE_S = 2.0, 1.0, 0.2
{more}
cli.enter(lambda: worker.main(sys.argv[1:], lease_s=1.0))
"""


@dataclass(frozen=True)
class Ended:
    """A worker process that has ended, with what it logged."""

    status: int
    log: str


class Worker:
    """A worker process; its log is read while it runs."""

    def __init__(self, argv: list[str], environment: dict[str, str], folder: Path) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            argv, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as log:
            self.lines.extend(log)

    def says(self, words: str) -> bool:
        """Whether the log has these words."""
        return any(words in line for line in self.lines)

    def end(self) -> Ended:
        """Wait for its end."""
        status = self.process.wait(LIMIT_S)
        self._reader.join()
        return Ended(status, "".join(self.lines))

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()
        self._reader.join()


class WorkerTestCase(unittest.TestCase):
    """A test with a round in a folder, and a temporary folder for its workers, in which nothing may be left."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.folder.chmod(0o755)  # Models run as users of their own.
        self.temporary = self.folder / "temporary"
        self.round = self.folder / "round"
        self.go = self.folder / "go"
        for made in (self.temporary, self.round, self.round / "data", self.round / "models"):
            made.mkdir()
        (self.round / "data/live.parquet").symlink_to(LIVE)
        (self.round / "data/live_benchmark_models.parquet").symlink_to(BENCHMARKS)

    def add(self, name: str, content: Any = None, **row: Any) -> None:
        """Add a model to the round: its object, or the bytes of its file, or None for a file that is not there."""
        if content is not None and not isinstance(content, bytes):
            content = by_value(content)
        if content is not None:
            (self.round / f"models/{name}.pkl").write_bytes(content)
        with (self.round / "manifest.jsonl").open("a") as manifest:
            manifest.write(json.dumps({"id": name, "model": f"models/{name}.pkl", **row}) + "\n")

    def start(self, *flags: str, more: str = "", env: dict[str, str] | None = None) -> Worker:
        """Start a worker, with code that changes it if given."""
        return self._started([sys.executable, "-c", PROGRAM.format(more=more), str(self.round), *flags], env or {})

    def run_command(self, *argv: str | Path, env: dict[str, str] | None = None) -> Ended:
        """Run a Python command to its end."""
        return self._started([sys.executable, *map(str, argv)], env or {}).end()

    def _started(self, argv: list[str], environment: dict[str, str]) -> Worker:
        given = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary), **environment}
        worker = Worker(argv, given, self.folder)
        self.addCleanup(worker.kill)
        return worker

    def work(self, *flags: str, more: str = "", env: dict[str, str] | None = None) -> Ended:
        """A worker from its start to its end."""
        return self.start(*flags, more=more, env=env).end()

    def wait_until(self, worker: Worker, words: str) -> None:
        """Wait until the worker's log has these words."""
        wait_until(lambda: worker.says(words))

    def wait_for_model(self, name: str) -> None:
        """Wait until a worker has claimed the model, and its model's process says that it has begun."""
        wait_until(lambda: self.claim(name).get("state") == "running" and any(self.temporary.glob("*/model-*/begun")))

    def claim(self, name: str) -> dict[str, Any]:
        """The model's claim; empty if there is none."""
        with contextlib.suppress(FileNotFoundError):
            return dict(json.loads((self.round / f"claims/{name}").read_bytes()))
        return {}

    def outcome(self, name: str) -> dict[str, Any]:
        """The model's outcome."""
        return dict(json.loads((self.round / f"outcomes/{name}.json").read_bytes()))

    def codes(self) -> dict[str, str]:
        """The code of each outcome, or "success"."""
        outcomes = {path.stem: self.outcome(path.stem) for path in (self.round / "outcomes").glob("*.json")}
        return {name: found["fault"]["code"] if found["fault"] else "success" for name, found in outcomes.items()}

    def csv(self, name: str) -> bytes:
        """The model's predictions."""
        return (self.round / f"predictions/{name}.csv").read_bytes()

    def check_nothing_left(self) -> None:
        """No temporary file, of a model or of a worker."""
        enough = time.monotonic() + LIMIT_S
        while (left := list(self.temporary.rglob("*"))) and time.monotonic() < enough:
            time.sleep(0.02)
        self.assertEqual([], left)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def files_in(folder: Path) -> Iterator[Path]:
    """All files below it."""
    return (path for path in folder.rglob("*") if path.is_file())
