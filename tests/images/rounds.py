"""A round of forty models for workers in containers, and what must have become of each of them."""

import dataclasses
import functools
import hashlib
import json
import shutil
import time
import unittest
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numerai_predict.faults import Code
from tests.images.engine import TESTS, VERSION
from tests.images.model_runs import Run, models_of, run_image

MODELS = 40
# What reads_secrets.py looks for.
SECRET = "S3CR3T-round"
SECRETS = ("--env", f"AWS_SECRET_ACCESS_KEY={SECRET}")
BROKEN_MODELS = ("returns_none", "reads_secrets")
SAMPLE_MODELS = {"sample": "model_{tag}.pkl", "legacy": "model_{tag}_legacy.pkl"}
# How each ends: its status, and its fault's code.
ENDINGS: dict[str, tuple[str, str | None]] = {
    "sample": ("success", None),
    "legacy": ("success", None),
    "reads_secrets": ("success", None),
    "returns_none": ("failed", Code.RETURNED_NOTHING.label),
}
# By the last digit of a model's number; the others alternate.
KINDS = {9: "returns_none", 4: "reads_secrets"}
LONGEST_S = 300


@dataclasses.dataclass(frozen=True)
class Results:
    """What lies in a round at the end: by the id of a model, its outcome and its CSV."""

    outcomes: Mapping[str, dict[str, Any]]
    csvs: Mapping[str, bytes]

    def of_worker(self, index: int) -> list[str]:
        """The models whose outcomes a worker of that index has written."""
        return [name for name, outcome in self.outcomes.items() if outcome["worker"]["index"] == index]


def kind_of(number: int) -> str:
    """Which model a row of the manifest has."""
    return KINDS.get(number % 10, ("sample", "legacy")[number % 2])


@functools.cache
def model_files() -> Path:
    """A folder with a pickle of each kind, which all tests of a module share."""
    folder = models_of(*BROKEN_MODELS)
    for kind, name in SAMPLE_MODELS.items():
        shutil.copy(TESTS / "models" / name.format(tag=VERSION.replace(".", "_")), folder / f"{kind}.pkl")
    unittest.addModuleCleanup(model_files.cache_clear)
    return folder


@functools.cache
def single_runs() -> dict[str, Run]:
    """A run of its own of each kind, which all tests of a module share."""
    unittest.addModuleCleanup(single_runs.cache_clear)
    return {kind: run_image(model_files(), kind, SECRETS) for kind in ENDINGS}


def write_round(folder: Path) -> None:
    """Write the manifest, the models and the sample data of a round into the folder."""
    shutil.copytree(
        TESTS / "data",
        folder / "data",
        ignore=lambda _, names: {*names} - {"live.parquet", "live_benchmark_models.parquet"},
    )
    (folder / "models").mkdir()
    for kind in ENDINGS:
        shutil.copy(model_files() / f"{kind}.pkl", folder / "models")
    rows = ({"id": f"m{n:02}", "model": f"models/{kind_of(n)}.pkl", "python": VERSION} for n in range(MODELS))
    (folder / "manifest.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def check_results(case: unittest.TestCase, results: Results) -> None:
    """Every model has its outcome, as a run of its own has, and the CSV of that run, byte for byte, if there is one."""
    case.assertEqual({f"m{number:02}" for number in range(MODELS)}, {*results.outcomes})
    for number, (name, outcome) in enumerate(sorted(results.outcomes.items())):
        alone = single_runs()[kind_of(number)]
        with case.subTest(name, kind=kind_of(number)):
            expected = ENDINGS[kind_of(number)]
            case.assertEqual((expected, expected), (ending(alone.report), ending(outcome)), outcome)
            csv = results.csvs.get(name)
            case.assertEqual([found.encode() for found in alone.csvs], [] if csv is None else [csv])
            digest = None if csv is None else hashlib.sha256(csv).hexdigest()
            case.assertEqual(digest, outcome.get("csv_sha256"))


def ending(report: dict[str, Any]) -> tuple[str, str | None]:
    """The status of a run report, and its fault's code."""
    return report["status"], (report.get("fault") or {}).get("code")


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that a round comes to, and fail if it takes too long."""
    until = time.monotonic() + LONGEST_S
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"{what}: not within {LONGEST_S} s")
        time.sleep(0.2)
