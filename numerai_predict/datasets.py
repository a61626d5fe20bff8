"""Numerai's datasets: downloaded with numerapi, whole or not at all, and never taken from an earlier round."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, cast

from numerai_predict.faults import Code, Fault

ROOT = Path(__file__).resolve().parent.parent
# A live file is some 10 MB. numerapi itself would wait for its API without end.
DEADLINE_SECONDS = 300

_under_way: set["subprocess.Popen[str]"] = set()


def is_stale(path: Path) -> bool:
    """Whether the file is one that an earlier run downloaded, and nobody has replaced since."""
    try:
        return _mark_of(path).read_text() == _fingerprint(path)
    except OSError:
        return False


def download(name: str, output_dir: Path) -> Path:
    """Download the dataset `name` (v5.3/live.parquet) to `output_dir`/`name`, replacing what is there.

    The file appears only when it is a whole parquet file with rows. Raises Fault otherwise.
    """
    target = output_dir / name
    if not target.resolve().is_relative_to(output_dir.resolve()) or target.resolve() == output_dir.resolve():
        raise Fault(Code.DATASET_NOT_FOUND, f"{name} is neither a file nor the name of a Numerai dataset.")
    try:
        # numerapi resumes what it finds under the same name, of whatever round: a fresh folder holds nothing to find.
        with tempfile.TemporaryDirectory(dir=output_dir, prefix=".download-") as folder:
            fresh = Path(folder) / "dataset.parquet"
            _run_numerapi(name, fresh)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(fresh, target)
        _mark_of(target).write_text(_fingerprint(target))
    except OSError as error:
        raise Fault(Code.OUTPUT_NOT_WRITTEN, f"{target} cannot be written: {error.strerror or error}.") from error
    return target


def abandon() -> None:
    """End the downloads that are under way."""
    for process in list(_under_way):
        process.kill()


def _run_numerapi(name: str, target: Path) -> None:
    """numerapi imports pandas and can hang, so it runs in a process of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "numerai_predict.numerapi_download", name, str(target.resolve())],
        cwd=ROOT,
        stdin=subprocess.PIPE,  # Its end tells the downloader that we are gone.
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        _under_way.add(process)
        try:
            process.wait(DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            problem = f"The download of {name} was not complete after {DEADLINE_SECONDS} seconds."
            raise Fault(Code.DATASET_NOT_DOWNLOADED, problem) from None
        finally:
            _under_way.discard(process)
        said = cast(IO[str], process.stdout).read()
    _raise_what_it_said(name, said, process.returncode)


def _raise_what_it_said(name: str, said: str, status: int) -> None:
    try:
        result = json.loads(said)
    except ValueError:
        result = {"problem": f"the downloader ended with status {status}"}
    if problem := result.get("problem"):
        code = Code.UNREADABLE_DATASET if result.get("damaged") else Code.DATASET_NOT_DOWNLOADED
        raise Fault(code, f"{name} could not be downloaded from Numerai: {problem}.", _hint(name))


def _hint(name: str) -> str:
    flag = "--benchmarks" if "benchmark" in name else "--dataset"
    return f"Check the network and try again, or give a local file with {flag}."


def _mark_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.downloaded")


def _fingerprint(path: Path) -> str:
    facts = path.stat()
    return f"{facts.st_size} {facts.st_mtime_ns}"
