"""All broken models in one round, run by one worker, one after another: `make prove_warm` holds each outcome against
that of a run of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numerai_predict.cli import parse_or_exit
from numerai_predict.sandbox.users import USER_IDS
from tests import fault_examples
from tests.end_to_end.test_broken_models import FOLDER, SECRETS, commit, make, processes_of
from tests.harness import BENCHMARKS, LIVE, ROOT
from tests.outcomes import CONFINED, DELIVERED, FAULTS, NO_PICKLES, WARNINGS, Delivered, Fault, Warned

ROWS: Mapping[str, Fault | Warned | Delivered] = {**FAULTS, **NO_PICKLES, **WARNINGS, **DELIVERED, **CONFINED}


@dataclass(frozen=True)
class Ended:
    """How the round ended: the worker's exit status and log, the outcomes and CSVs by model, and what is left of it."""

    status: int
    log: str
    outcomes: dict[str, dict[str, Any]]
    csvs: dict[str, str]
    left: list[str]


def flags_of(row: Fault | Warned | Delivered) -> tuple[str, ...]:
    """The flags of predict.py that the row's run needs."""
    return () if isinstance(row, Warned) else row.flags


def write_round(place: Path, names: list[str]) -> None:
    """A round of these models on the sample data."""
    (place / "data").mkdir(parents=True)
    (place / "data/live.parquet").symlink_to(LIVE)
    (place / "data/live_benchmark_models.parquet").symlink_to(BENCHMARKS)
    (place / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows_of(place, names)))


def rows_of(place: Path, names: list[str]) -> Iterator[dict[str, Any]]:
    """The lines of the manifest; the models are written to folders of their own."""
    for name in names:
        row = ROWS[name]
        model = place / "models" / name / (row.file if isinstance(row, Fault) else "model.pkl")
        model.parent.mkdir(parents=True)
        make(FOLDER / f"{name}.py", model)
        args = parse_or_exit(["--model", str(model), "--output_dir", str(place), *flags_of(row)])
        yield {"id": name, "model": str(model), "time_limit": args.time_limit, "memory_limit": args.memory_limit}


def run_round(names: list[str]) -> Ended:
    """Run the round with one worker."""
    with tempfile.TemporaryDirectory(prefix="broken-models-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        temporary = folder / "temporary"
        temporary.mkdir(mode=0o755)
        write_round(folder / "round", names)
        done = subprocess.run(
            [sys.executable, "-m", "numerai_predict", "worker", str(folder / "round")],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(temporary), **SECRETS},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        left = [str(path.relative_to(folder)) for path in temporary.iterdir()]
        left += [*processes_of(temporary), *shared_memory()]
        outcomes = {path.stem: json.loads(path.read_bytes()) for path in (folder / "round/outcomes").iterdir()}
        csvs = {path.stem: path.read_text() for path in (folder / "round/predictions").glob("*.csv")}
    return Ended(done.returncode, done.stderr, outcomes, csvs, left)


def shared_memory() -> list[str]:
    """What users of models have in shared memory. Where root's models have none of their own, nobody knows whose."""
    return [str(path) for path in Path("/dev/shm").glob("*") if path.stat().st_uid in USER_IDS]


def said_of(report: dict[str, Any]) -> dict[str, str]:
    """The status, and the fault without what differs from run to run."""
    fault = report["fault"] or {}
    path = report["model"].get("path", "")
    said = {name: fault.get(name, "").replace(path, "MODEL") for name in ("code", "message", "hint")}
    return {"status": report["status"], **fault_examples.masked(said)}


def main() -> int:
    """Print where an outcome is not that of a run of its own; the exit status is 1 if there is one."""
    parser = argparse.ArgumentParser(prog="python -m tests.round.broken_models", description=__doc__)
    parser.add_argument("models", nargs="*", default=[*ROWS], help="default: all")
    names = parser.parse_args().models
    ended = run_round(names)
    with ThreadPoolExecutor(2) as pool:
        singles = dict(zip(names, pool.map(single_run, names), strict=True))
    different = 0
    for name in names:
        warm, own = said_of(ended.outcomes[name]), said_of(singles[name][0])
        if warm != own or ended.csvs.get(name) != singles[name][1]:
            different += 1
            print(f"{name}\n  in the round:  {warm}\n  by itself: {own}")
    launched = [outcome["runtime"].get("launch", {}) for outcome in ended.outcomes.values()]
    forked = sum(launch.get("how") == "fork" for launch in launched)
    print(f"{len(names)} models, {forked} of them in forks alone; {different} ended otherwise than by themselves")
    print(f"left behind: {ended.left or 'nothing'}")
    return 1 if different or ended.left or ended.status else 0


def single_run(name: str) -> tuple[dict[str, Any], str | None]:
    """The report of a run of its own, and its CSV."""
    row = ROWS[name]
    result = commit(name, flags_of(row), row.file if isinstance(row, Fault) else "model.pkl")
    return result.run.report, next(iter(result.csvs), None)


if __name__ == "__main__":
    sys.exit(main())
