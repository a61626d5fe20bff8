"""Models of the platform's packages, one after another by one worker, forked from the template of their family.

Needs nothing but Python and a Docker engine. What the other broken models do in a round is seen without a container
(tests.round.test_broken_models): these need packages, or the figures of a container.
"""

import json
import re
import shutil
import unittest
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numerai_predict.cli import parse_or_exit
from tests.images.engine import IMAGE, MOST_TESTED, TESTS, VERSION, docker
from tests.images.model_runs import models_of
from tests.outcomes import CONTAINED, PLATFORM, Delivered, Fault

ROWS = {name: row for name, row in {**PLATFORM, **CONTAINED}.items() if not row.engine}
DATA = ("live.parquet", "live_benchmark_models.parquet")
# As a worker has them wherever it runs.
LIMITS = ("--network", "none", "--cpus", "1", "--memory", "5g")


@cache
def outcomes() -> dict[str, dict[str, Any]]:
    """What became of every model in the one round that all tests look at; "" is the worker: its status and its log."""
    folder = models_of(*ROWS)
    unittest.addModuleCleanup(outcomes.cache_clear)
    (folder / "data").mkdir()
    for name in DATA:
        shutil.copy(TESTS / "data" / name, folder / "data")
    (folder / "manifest.jsonl").write_text("".join(f"{json.dumps(line_of(name))}\n" for name in ROWS))
    done = docker("run", "--rm", *LIMITS, "--volume", f"{folder}:/round", IMAGE, "worker", "/round")
    found = {path.stem: json.loads(path.read_bytes()) for path in (folder / "outcomes").glob("*.json")}
    return {**found, "": {"status": done.returncode, "log": done.stderr}}


def line_of(name: str) -> dict[str, Any]:
    """A line of the manifest, with the limits that the model's row has as flags."""
    args = parse_or_exit(["--model", f"{name}.pkl", "--output_dir", str(Path(__file__).parent), *ROWS[name].flags])
    return {"id": name, "model": f"{name}.pkl", "time_limit": args.time_limit, "memory_limit": args.memory_limit}


class WarmModelsTest(unittest.TestCase):
    """A test for each row, and what is so of all."""

    def test_every_model_has_an_outcome_and_no_template_was_lost(self) -> None:
        worker = outcomes()[""]
        self.assertEqual(0, worker["status"], worker["log"])
        self.assertEqual({"", *ROWS}, {*outcomes()})
        self.assertNotRegex(worker["log"], "does not come up|is started again")


def ends(name: str, row: Fault | Delivered) -> Callable[[WarmModelsTest], None]:
    def test(case: WarmModelsTest) -> None:
        outcome = outcomes()[name]
        fault = outcome["fault"] or {}
        expected = (row.code.blame.status, row.code.label) if isinstance(row, Fault) else ("success", None)
        case.assertEqual(expected, (outcome["status"], fault.get("code")), fault)
        case.assertEqual({"how": "fork", "reason": ""}, outcome["runtime"]["launch"])
        case.assertEqual([], outcome["runtime"]["confinement"]["broken"])
        if isinstance(row, Fault):
            case.assertRegex(fault["message"], re.compile(row.says, re.DOTALL))
            case.assertRegex(fault["hint"], row.hint)

    return test


for _name, _row in ROWS.items():
    setattr(WarmModelsTest, f"test_{_name}_ends_as_by_itself", ends(_name, _row))


def load_tests(loader: unittest.TestLoader, _tests: unittest.TestSuite, _pattern: str | None) -> unittest.TestSuite:
    """One version has all the packages, and is enough."""
    return unittest.TestSuite([loader.loadTestsFromTestCase(WarmModelsTest)] if VERSION == MOST_TESTED else [])


if __name__ == "__main__":
    unittest.main()
