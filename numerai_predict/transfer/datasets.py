"""Numerai's datasets: downloaded with numerapi, whole or not at all, and never taken from an earlier round."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, cast

from numerai_predict.faults import Code, Fault
from numerai_predict.files import open_file
from numerai_predict.redaction import hide_queries
from numerai_predict.transfer.routes import has_route

ROOT = Path(__file__).resolve().parents[2]
# A live file is some 10 MB.
DEADLINE_SECONDS = 300.0
# Only the downloader knows what went wrong last: so much earlier it has to end by itself.
FAREWELL_SECONDS = 5.0


def is_stale(path: Path) -> bool:
    """Whether the file is one that an earlier run downloaded, and nobody has replaced since."""
    try:
        with open_file(_marks_of(path)) as marks:
            return f"{_fingerprint(path)}\n".encode() in marks
    except OSError:
        return False


class DatasetDownloads:
    """The datasets that one run downloads, side by side, until it abandons them."""

    def __init__(self) -> None:
        self._under_way: set[subprocess.Popen[str]] = set()
        self._abandoned = False
        self._starting = threading.Lock()

    def download(self, name: str, output_dir: Path, round_number: int | None = None) -> Path:
        """Download the dataset `name` (v5.3/live.parquet) of a round (None: the current one) to `output_dir`/`name`,
        replacing what is there.

        The file appears only when it is a whole parquet file with rows. Raises Fault otherwise.
        """
        target = output_dir / name
        shown = hide_queries(name)
        if not target.resolve().is_relative_to(output_dir.resolve()) or target.resolve() == output_dir.resolve():
            raise Fault(Code.DATASET_NOT_FOUND, f"{shown} is neither a file nor the name of a Numerai dataset.")
        try:
            with tempfile.TemporaryDirectory(dir=output_dir, prefix=".download-") as folder:
                fresh = Path(folder) / "dataset.parquet"
                self._run_downloader(name, fresh, round_number)
                target.parent.mkdir(parents=True, exist_ok=True)
                _mark(target, fresh)
                os.replace(fresh, target)
        except OSError as error:
            problem = f"{output_dir / shown} cannot be written: {error.strerror or error}."
            raise Fault(Code.OUTPUT_NOT_WRITTEN, problem) from error
        return target

    def abandon(self) -> None:
        """End the downloads that are under way, and refuse those that have yet to begin: the run is over."""
        with self._starting:
            self._abandoned = True
            for process in self._under_way:
                process.kill()

    def _run_downloader(self, name: str, target: Path, round_number: int | None) -> None:
        """numerapi imports pandas and can hang, so it runs in a process of its own."""
        with self._start(name, target, round_number) as process:
            try:
                process.wait(DEADLINE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise _failure(name, f"it was not complete after {DEADLINE_SECONDS:g} seconds") from None
            finally:
                with self._starting:
                    self._under_way.discard(process)
            result = cast(IO[str], process.stdout).read()
        _raise_problem(name, result, process.returncode)

    def _start(self, name: str, target: Path, round_number: int | None) -> "subprocess.Popen[str]":
        # All processes of a Linux machine share this clock.
        until = time.monotonic() + DEADLINE_SECONDS - FAREWELL_SECONDS
        program = [sys.executable, "-m", "numerai_predict.transfer.numerapi_download"]
        of_round = [] if round_number is None else [str(round_number)]
        with self._starting:
            if self._abandoned:
                raise _failure(name, "the run is over")
            process = subprocess.Popen(
                [*program, name, str(target.resolve()), str(until), *of_round],
                cwd=ROOT,
                stdin=subprocess.PIPE,  # Its end shows the downloader that we are gone.
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,  # Ctrl-C is ours to answer.
            )
            self._under_way.add(process)
        return process


def _raise_problem(name: str, result: str, status: int) -> None:
    try:
        outcome = json.loads(result)
    except ValueError:
        outcome = {"problem": f"the downloader ended with status {status}"}
    if errno := outcome.get("errno"):
        raise OSError(errno, os.strerror(errno))
    if problem := outcome.get("problem"):
        code = Code.UNREADABLE_DATASET if outcome.get("damaged") else Code.DATASET_NOT_DOWNLOADED
        raise _failure(name, problem, code)


def _failure(name: str, problem: str, code: Code = Code.DATASET_NOT_DOWNLOADED) -> Fault:
    flag = "--benchmarks" if "benchmark" in name else "--dataset"
    hint = f"Check the network and try again, or give a local file with {flag}."
    if not has_route():
        hint = f"No network is connected here: download the file elsewhere, and give it with {flag}."
    return Fault(code, f"{hide_queries(name)} could not be downloaded from Numerai: {problem}.", hint)


def _mark(target: Path, fresh: Path) -> None:
    """Note that `fresh`, once it is renamed to `target`, is ours. Earlier notes stay: until then the file of an earlier
    run is still there.
    """
    with open(_marks_of(target), "a") as marks:
        marks.write(f"{_fingerprint(fresh)}\n")


def _marks_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.downloaded")


def _fingerprint(path: Path) -> str:
    facts = path.stat()
    return f"{facts.st_size} {facts.st_mtime_ns}"
