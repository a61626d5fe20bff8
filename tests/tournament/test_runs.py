"""Runs of a round's pickles: real workers of this Python and real pickles; containers by a stand-in for docker."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd

from numerai_predict.api import OpenRound
from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import THIS_PYTHON, sha256
from numerai_predict.tournament import runs
from numerai_predict.tournament.round_folder import RoundFolder
from numerai_predict.tournament.runs import pickles_of, row_id, run_pickles
from numerai_predict.tournament.settings import TournamentModel
from tests.harness import BENCHMARKS, LEGACY_MODEL, LIVE, MODEL, ROOT, by_value, wait_until
from tests.round.test_prepare import OTHER_MODEL, OTHER_PYTHON
from tests.round.test_slots import DOCKER

OPENING = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)
# A start in a process of its own, which can be killed.
START = """
import sys
from pathlib import Path
from tests.tournament.test_runs import StillClock, pickles_of, run_pickles
from numerai_predict.tournament.round_folder import RoundFolder
from numerai_predict.tournament.settings import TournamentModel
models = [TournamentModel("slow", Path(sys.argv[2]))]
run_pickles(RoundFolder(Path(sys.argv[1])), pickles_of(models), StillClock(), 1, True, print)
"""


class StillClock:
    """Ten minutes before the deadline, in another year than this machine's."""

    def now(self) -> datetime:
        return OPENING + timedelta(minutes=50)

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits by this clock")


class LateClock(StillClock):
    def now(self) -> datetime:
        return OPENING + timedelta(minutes=60)


def ranks(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features.filter(like="feature_").mean(axis=1).rank(pct=True, method="first").to_frame("prediction")


def constant(live_features: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"prediction": 0.5}, index=live_features.index)


def waits_for(file: Path) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """A model that says that it has begun, and ends when the file is there."""

    def predict(live_features: pd.DataFrame) -> pd.DataFrame:
        import time

        while not file.exists():
            time.sleep(0.02)
        return live_features.filter(like="feature_").mean(axis=1).rank(pct=True, method="first").to_frame("prediction")

    return predict


class RunsTestCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.folder.chmod(0o755)  # Models run as users of their own.
        (self.folder / "models").mkdir()
        self.round = self.make_round(1342)
        self.ended: list[str] = []

    def make_round(self, number: int) -> RoundFolder:
        """A round's folder, with the sample data."""
        folder = RoundFolder.of(self.folder, OpenRound(number, OPENING, OPENING + timedelta(hours=1), 20261127))
        folder.live.parent.mkdir(parents=True, exist_ok=True)
        for source, place in ((LIVE, folder.live), (BENCHMARKS, folder.benchmarks)):
            place.write_bytes(source.read_bytes())
        return folder

    def model(self, name: str, content: Any, **more: Any) -> TournamentModel:
        """A slot with a pickle of its own."""
        path = self.folder / f"models/{name}.pkl"
        path.write_bytes(content if isinstance(content, bytes) else by_value(content))
        return TournamentModel(name, path, **more)

    def run_models(self, *models: TournamentModel, **more: Any) -> dict[str, str]:
        """Run them natively in one slot; how each row in any run ended, by "RUN/STEM"."""
        given = {"clock": StillClock(), "slots": 1, "native": True, "on_end": self.ended.append, **more}
        run_pickles(self.round, pickles_of(models), **given)
        return self.outcomes()

    def outcomes(self) -> dict[str, str]:
        found = {}
        for path in sorted(self.round.path.glob("runs/*/outcomes/*.json")):
            outcome = json.loads(path.read_bytes())
            code = outcome["fault"]["code"] if outcome["fault"] else "success"
            found[f"{path.parts[-3]}/{path.stem[:-13]}"] = code
        return found

    def manifest(self, run: int) -> dict[str, dict[str, Any]]:
        """The rows of a run by their stems."""
        lines = (self.round.path / f"runs/{run}/manifest.jsonl").read_bytes().splitlines()
        return {row["id"][:-13]: row for row in map(json.loads, lines)}


class RunModelsTest(RunsTestCase):
    def test_models_are_run_by_the_rules_of_the_platform_each_pickle_once(self) -> None:
        alice = self.model("alice", MODEL.read_bytes())
        models = (
            alice,
            TournamentModel("bob", alice.pickle),
            self.model("carol", constant),
            self.model("dave", ranks, time_limit=60, memory_limit=1 << 30),
        )
        with self.assertLogs(runs.__name__, "INFO") as logs:
            found = self.run_models(*models)
        self.assertEqual({"1/alice": "success", "1/carol": "constant_predictions", "1/dave": "success"}, found)
        expected = sorted(row_id(model.pickle, sha256(model.pickle)) for model in (alice, *models[2:]))
        self.assertEqual(expected, sorted(self.ended))
        said = "\n".join(record.getMessage() for record in logs.records)
        self.assertRegex(said, r"(?m)^alice, bob: success, \d+\.\d s$")
        self.assertRegex(said, r"(?m)^carol: failed, \d+\.\d s, constant_predictions: ")
        rows = self.manifest(1)
        self.assertEqual((60, 1 << 30), (rows["dave"]["time_limit"], rows["dave"]["memory_limit"]))
        self.assertTrue(all(row["strict"] and row["python"] == THIS_PYTHON for row in rows.values()))
        self.assertTrue((self.round.path / f"runs/1/predictions/{expected[0]}.csv").is_file())

    def test_second_start_runs_nothing_and_passes_on_what_has_ended(self) -> None:
        models = self.model("a", ranks), self.model("b", constant)
        self.run_models(*models)
        first, before = sorted(self.ended), list(self.round.path.rglob("*"))
        self.ended.clear()
        self.run_models(*models)
        self.assertEqual(first, sorted(self.ended))
        self.assertEqual(before, list(self.round.path.rglob("*")))

    def test_pickle_that_has_changed_is_run_and_no_other(self) -> None:
        models = self.model("a", constant), self.model("b", ranks)
        self.run_models(*models)
        self.model("a", LEGACY_MODEL.read_bytes())
        found = self.run_models(*models)
        self.assertEqual({"1/a": "constant_predictions", "1/b": "success", "2/a": "success"}, found)

    def test_again_runs_a_model_whatever_became_of_it(self) -> None:
        models = self.model("a", constant), self.model("b", ranks)
        self.run_models(*models)
        self.ended.clear()
        found = self.run_models(*models, again=True)
        self.assertEqual(["1/a", "1/b", "2/a", "2/b"], sorted(found))
        self.assertEqual(2, len(self.ended))

    def test_model_that_something_else_kept_is_run_again(self) -> None:
        model = self.model("a", ranks)
        self.run_models(model)
        (path,) = self.round.path.glob("runs/1/outcomes/*.json")
        outcome = json.loads(path.read_bytes())
        outcome |= {"status": "error", "fault": {"code": "internal_error", "message": "It broke.", "hint": ""}}
        path.write_text(json.dumps(outcome))
        self.ended.clear()
        self.assertEqual({"1/a": "internal_error", "2/a": "success"}, self.run_models(model))
        self.assertEqual([path.stem], self.ended)

    def test_start_that_was_killed_is_continued_in_its_run(self) -> None:
        go = self.folder / "go"
        slow = self.model("slow", waits_for(go))
        argv = [sys.executable, "-c", START, str(self.round.path), str(slow.pickle)]
        killed = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL)
        wait_until(lambda: list(self.round.path.glob("runs/1/claims/*")))
        killed.kill()
        killed.wait()
        go.touch()
        found = self.run_models(slow)
        self.assertEqual({"1/slow": "success"}, found)
        self.assertEqual(1, len(self.ended))

    def test_run_with_other_limits_than_a_start_that_was_killed_is_a_new_one(self) -> None:
        model = self.model("a", ranks)
        with mock.patch.object(runs, "run_here"):  # As if it was killed before its first worker.
            self.run_models(model)
        self.assertEqual({"2/a": "success"}, self.run_models(self.model("a", ranks, time_limit=60)))

    def test_run_that_was_not_made_whole_is_made(self) -> None:
        (self.round.path / "runs/1/data").mkdir(parents=True)
        self.assertEqual({"1/a": "success"}, self.run_models(self.model("a", ranks)))

    def test_deadline_is_that_of_the_clock_and_ends_models(self) -> None:
        class NearClock(StillClock):
            def now(self) -> datetime:
                return OPENING + timedelta(minutes=59, seconds=42)

        began = time.monotonic()
        self.assertEqual({}, self.run_models(self.model("a", waits_for(self.folder / "go")), clock=NearClock()))
        self.assertLess(time.monotonic() - began, 40)
        self.assertEqual(1, len(list(self.round.path.glob("runs/1/claims/a-*"))))
        self.assertEqual([], self.ended)

    def test_after_the_deadline_nothing_is_run_but_what_has_ended_is_passed_on(self) -> None:
        a = self.model("a", ranks)
        self.run_models(a)
        self.ended.clear()
        self.assertEqual({"1/a": "success"}, self.run_models(a, self.model("b", ranks), clock=LateClock()))
        self.assertEqual(1, len(self.ended))
        self.assertFalse((self.round.path / "runs/2").exists())

    def test_model_of_a_python_without_workers_waits_and_is_named_with_the_remedy(self) -> None:
        models = self.model("a", ranks), self.model("other", OTHER_MODEL.read_bytes())
        with self.assertLogs(runs.__name__, "WARNING") as logs:
            self.assertEqual({"1/a": "success"}, self.run_models(*models))
        (said,) = [record.getMessage() for record in logs.records]
        expected = f"other cannot be run here, where there is Python {THIS_PYTHON} only: Python {OTHER_PYTHON} needed. "
        self.assertEqual(expected + "Start without --native, or with that Python.", said)

    def test_python_of_the_settings_is_before_that_of_the_pickle(self) -> None:
        model = self.model("other", OTHER_MODEL.read_bytes(), python=THIS_PYTHON)
        self.assertEqual({"1/other": "python_version_mismatch"}, self.run_models(model))

    def test_longest_models_of_the_round_before_come_first(self) -> None:
        models = self.model("a", ranks), self.model("b", ranks)
        self.run_models(*models)
        self.round = self.make_round(1344)
        self.model("b", LEGACY_MODEL.read_bytes())
        self.run_models(*models, self.model("new", ranks))
        rows = self.manifest(1)
        self.assertEqual([True, True, False], ["cpu_s" in rows[name] for name in ("a", "b", "new")])

    def test_damaged_round_of_the_past_keeps_nobody(self) -> None:
        damaged = self.make_round(1341).path / "runs/1"
        damaged.mkdir(parents=True)
        (damaged / "manifest.jsonl").write_text("{")
        self.assertEqual({"1/a": "success"}, self.run_models(self.model("a", ranks)))

    def test_slots_that_want_one_pickle_in_two_ways_are_a_fault(self) -> None:
        alice = self.model("alice", ranks)
        for more in ({"time_limit": 30}, {"memory_limit": 1 << 30}, {"python": "3.12"}):
            with self.subTest(more), self.assertRaises(Fault) as caught:
                self.run_models(alice, TournamentModel("bob", alice.pickle, **more))
            self.assertIs(Code.USAGE, caught.exception.code)
            self.assertIn("alice and bob use alice.pkl with different python or limits", caught.exception.message)

    def test_end_is_passed_on_while_others_still_run(self) -> None:
        go = self.folder / "go"
        models = self.model("quick", ranks), self.model("slow", waits_for(go))
        ended = threading.Event()

        def on_end(row: str) -> None:
            if row.startswith("quick-"):
                self.assertFalse(go.exists())
                ended.set()
                go.touch()

        self.assertEqual({"1/quick": "success", "1/slow": "success"}, self.run_models(*models, slots=2, on_end=on_end))
        self.assertTrue(ended.is_set())

    def test_ids_are_such_as_a_round_takes_and_are_of_the_content(self) -> None:
        for name, expected in (("m.v2.pkl", "m.v2-"), ("a b.pkl.gz", "a_b-"), (f"{'x' * 120}.pkl", f"{'x' * 80}-")):
            with self.subTest(name):
                self.assertEqual(f"{expected}0123456789ab", row_id(Path("models", name), "0123456789abcdef"))


class ContainersTest(RunsTestCase):
    def test_workers_are_containers_that_see_the_run_and_the_models(self) -> None:
        docker = self.folder / "bin/docker"
        docker.parent.mkdir()
        docker.write_text(DOCKER)
        docker.chmod(0o755)
        model = self.model("other", OTHER_MODEL.read_bytes())
        with mock.patch.dict(os.environ, {"DOCKER": str(docker)}):
            self.assertEqual({}, self.run_models(model, native=False))
        calls = [json.loads(line) for line in (docker.parent / "calls.jsonl").read_text().splitlines()]
        words = next(call for call in calls if call[0] == "run")
        mounts = [word for word in words if word.startswith("type=bind")]
        place = self.round.path / "runs/1"
        self.assertIn(f"type=bind,source={place},target={place}", mounts)
        self.assertIn(f"type=bind,source={self.folder / 'models'},target={self.folder / 'models'},readonly", mounts)
        self.assertTrue(any(f"_py_{OTHER_PYTHON.replace('.', '_')}" in word for word in words))

    def test_engine_that_does_not_answer_is_a_fault_that_names_native(self) -> None:
        with mock.patch.dict(os.environ, {"DOCKER": "/nowhere/docker"}), self.assertRaises(Fault) as caught:
            self.run_models(self.model("a", ranks), native=False)
        self.assertIn("--native", caught.exception.message)


if __name__ == "__main__":
    unittest.main()
