"""The check of the evening before: against the stand-in of the API, with real pickles and workers of this Python."""

import contextlib
import json
import os
import shutil
import tempfile
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd

from numerai_predict.api import ApiKeys, NumeraiApi, OpenRound
from numerai_predict.api import numerai as numerai_module
from numerai_predict.inspection import THIS_PYTHON, is_here
from numerai_predict.tournament.check import Finding, check_tournament
from numerai_predict.tournament.round_folder import RoundFolder
from numerai_predict.tournament.settings import Channels, Settings, TournamentModel
from tests.api.stand_in import ALL_SCOPES, Failure, StandInRound, StandInSlot, standing_in
from tests.end_to_end.test_broken_models import make
from tests.harness import BENCHMARKS, LIVE, MODEL, TESTS, by_value
from tests.round.test_prepare import OTHER_MODEL, OTHER_PYTHON
from tests.round.test_slots import DOCKER

PUBLIC, SECRET = "PUBLICID", "S3CR3TKEYOFTHEACCOUNT"
OPENING = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)


def constant(live_features: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"prediction": 0.5}, index=live_features.index)


def may_do_without(live_features: pd.DataFrame) -> pd.DataFrame:
    if live_features.empty:
        import no_such_package  # type: ignore[import-not-found]

        live_features = no_such_package.fill(live_features)
    return live_features.filter(like="feature_").mean(axis=1).rank(pct=True, method="first").to_frame("prediction")


def needs_einops(live_features: pd.DataFrame) -> pd.DataFrame:
    import einops  # type: ignore[import-not-found]

    return einops.of(live_features)


class CheckTestCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.folder.chmod(0o755)
        (self.folder / "models").mkdir()
        until_end = contextlib.ExitStack()
        self.addCleanup(until_end.close)
        self.stand_in = until_end.enter_context(standing_in())
        self.stand_in.scopes[f"{PUBLIC}${SECRET}"] = set(ALL_SCOPES)
        self.docker = self.folder / "bin/docker"
        self.docker.parent.mkdir()
        self.docker.write_text(DOCKER)
        self.docker.chmod(0o755)
        # No download goes anywhere else.
        environment = {"DOCKER": str(self.docker), "NUMERAI_API_URL": self.stand_in.url}
        until_end.enter_context(mock.patch.dict(os.environ, environment))
        self.models: list[TournamentModel] = []
        self.found: list[Finding] = []

    def add(self, name: str, content: Any = None, file: str = "", **more: Any) -> TournamentModel:
        """A slot with its pickle: bytes, a function, the name of a broken model, or the sample model."""
        path = self.folder / "models" / (file or f"{name}.pkl")
        if isinstance(content, str):
            make(TESTS / f"broken_models/{content}.py", path)
        elif content is None:
            shutil.copy(MODEL, path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else by_value(content))
        self.models.append(TournamentModel(name, path, **more))
        return self.models[-1]

    def slots(self, *names: str, **more: Any) -> None:
        """Models of the account."""
        self.stand_in.slots += [StandInSlot(f"id-{name}", name, **more) for name in names]

    def check(self, native: bool = True, run: bool = False, secret: str = SECRET) -> int:
        self.found.clear()
        api = NumeraiApi(ApiKeys(PUBLIC, secret), self.stand_in.url)
        settings = Settings(self.folder, self.models, Channels())
        status = check_tournament(api, settings, native, run, self.found.append)
        self.assertEqual([], self.stand_in.sent)
        self.assertEqual([], self.stand_in.violations)
        self.assertNotIn(SECRET, repr(self.found))
        self.assertEqual(status, max(finding.exit_status for finding in self.found))
        return status

    def said(self, about: str, status: int | None = None) -> str:
        """The messages and hints about it, of findings that lead to that exit status."""
        of_it = [one for one in self.found if one.about == about and status in (None, one.exit_status)]
        return "\n".join(f"{one.message} {one.hint}".strip() for one in of_it)

    def keep_round(self, number: int) -> RoundFolder:
        """A round of the past, with the sample data."""
        folder = RoundFolder.of(self.folder, OpenRound(number, OPENING, OPENING + timedelta(hours=1)))
        folder.live.parent.mkdir(parents=True)
        shutil.copy(LIVE, folder.live)
        shutil.copy(BENCHMARKS, folder.benchmarks)
        return folder


class AccountTest(CheckTestCase):
    def test_good_keys_slots_and_pickles_lead_to_0_in_the_order_in_which_they_are_known(self) -> None:
        self.add("alice")
        self.slots("alice")
        self.assertEqual(0, self.check())
        self.assertEqual(["keys", "alice", "alice"], [finding.about for finding in self.found])
        self.assertEqual("They are good, and allow to submit and to read back.", self.said("keys"))
        self.assertIn(f"alice.pkl runs with Python {THIS_PYTHON}, which this is.", self.said("alice"))
        self.assertEqual("", "".join(finding.hint for finding in self.found))

    def test_each_scope_that_is_missing_is_named_and_leads_to_2(self) -> None:
        self.add("alice")
        self.slots("alice")
        for scope in sorted(ALL_SCOPES):
            with self.subTest(scope):
                self.stand_in.scopes[f"{PUBLIC}${SECRET}"] = set(ALL_SCOPES) - {scope}
                self.assertEqual(2, self.check())
                self.assertTrue(
                    self.said("keys", 2).startswith(f"They do not allow {scope}. Make a new key at https://")
                )
                self.assertIn("alice.pkl runs with", self.said("alice", 0))

    def test_wrong_keys_lead_to_2_and_pickles_are_looked_into_all_the_same(self) -> None:
        self.add("alice", "names_utils")
        self.assertEqual(2, self.check(secret="WRONGKEYWRONGKEY"))
        self.assertRegex(self.said("keys", 2), "Numerai refuses the keys: .*https://numer.ai/account")
        self.assertIn("missing_module", self.said("alice", 1))

    def test_api_that_is_down_leads_to_3(self) -> None:
        self.add("alice")
        self.stand_in.failures.append(Failure("*", times=99, status=503))
        with mock.patch.object(numerai_module, "QUESTION_S", 0.2):
            self.assertEqual(3, self.check())
        self.assertIn("503", self.said("account", 3))
        self.assertIn("Check the network", self.said("account", 3))

    def test_slot_that_the_account_does_not_have_is_said_with_similar_names(self) -> None:
        self.add("Integration_tset")
        self.add("zzz")
        self.slots("integration_test", "other")
        self.assertEqual(1, self.check())
        self.assertIn("no model of that name. Make it at", self.said("Integration_tset", 1))
        self.assertIn("rename the pickle: there is integration_test.", self.said("Integration_tset", 1))
        self.assertIn("rename the pickle.", self.said("zzz", 1))

    def test_slot_with_an_uploaded_pickle_takes_no_submissions(self) -> None:
        self.add("alice")
        self.slots("alice", has_pickle=True)
        self.assertEqual(1, self.check())
        self.assertRegex(
            self.said("alice", 1), "takes no submissions. Remove the upload at .*, or alice.pkl from models/"
        )

    def test_models_without_a_pickle_are_pointed_out_in_one_line(self) -> None:
        self.add("alice")
        self.slots("alice", "dave", "carol")
        self.slots("uploaded", has_pickle=True)
        self.slots("signals", tournament=11)
        self.assertEqual(0, self.check())
        self.assertEqual(
            "models/ has no pickle for carol, dave: nothing is submitted for them.", self.said("account", 0)
        )


class PicklesTest(CheckTestCase):
    def check_pickles(self, **more: Any) -> int:
        self.slots(*(model.name for model in self.models))
        return self.check(**more)

    def test_problems_that_a_look_shows_are_said_with_code_and_hint(self) -> None:
        self.add("alice")
        self.add("bob", "names_main")
        self.add("carol", b"<html>")
        self.assertEqual(1, self.check_pickles())
        self.assertEqual("", self.said("alice", 1))
        self.assertRegex(self.said("bob", 1), "bob.pkl fails: missing_attribute: The pickle only names .* cloudpickle")
        self.assertRegex(self.said("carol", 1), "carol.pkl fails: not_a_pickle: .* Write the predict function")

    def test_pickle_of_two_slots_is_looked_into_once(self) -> None:
        alice = self.add("alice")
        self.models.append(TournamentModel("bob", alice.pickle))
        self.assertEqual(0, self.check_pickles())
        self.assertIn("alice.pkl runs with", self.said("alice, bob"))

    def test_pickle_that_cannot_be_read_keeps_no_other_from_being_looked_into(self) -> None:
        self.add("alice").pickle.unlink()
        self.add("bob")
        self.assertEqual(1, self.check_pickles())
        self.assertIn("alice.pkl cannot be read: No such file or directory. Check", self.said("alice", 1))
        self.assertIn("bob.pkl runs with", self.said("bob", 0))

    def test_pickle_that_two_slots_want_to_be_run_in_two_ways_leads_to_2(self) -> None:
        alice = self.add("alice")
        self.models.append(TournamentModel("bob", alice.pickle, time_limit=30))
        self.assertEqual(2, self.check_pickles())
        self.assertIn("alice and bob use alice.pkl with different python or limits", self.said("tournament.toml", 2))

    def test_python_that_native_workers_do_not_have_leads_to_1(self) -> None:
        self.add("other", OTHER_MODEL.read_bytes())
        self.keep_round(1340)
        self.assertEqual(1, self.check_pickles(run=True))
        expected = f"other.pkl needs Python {OTHER_PYTHON}, and --native runs models with {THIS_PYTHON} only. "
        self.assertEqual(expected + f"Start without --native, or with Python {OTHER_PYTHON}.", self.said("other", 1))

    def test_image_that_is_here_and_one_that_will_be_pulled(self) -> None:
        self.add("other", OTHER_MODEL.read_bytes())
        name = f"numerai_predict_py_{OTHER_PYTHON.replace('.', '_')}"
        self.assertEqual(0, self.check_pickles(native=False))
        registry = f"ghcr.io/numerai/{name}:stable"
        said = f"other.pkl runs with Python {OTHER_PYTHON}, in the image {registry}, which will be pulled. "
        self.assertIn(f"{said}To have it before the round opens: docker pull {registry}", self.said("other", 0))
        (self.docker.parent / "local").touch()
        self.assertEqual(0, self.check(native=False))
        self.assertIn(f"in the image {name}:latest, which is here.", self.said("other", 0))

    def test_engine_that_does_not_answer_leads_to_2_and_pickles_are_looked_into(self) -> None:
        (self.docker.parent / "deaf").touch()
        self.add("alice")
        self.assertEqual(2, self.check_pickles(native=False, run=True))
        self.assertRegex(self.said("containers", 2), "no container engine answers .* --native")
        self.assertIn("alice.pkl runs with", self.said("alice", 0))

    def test_python_of_the_settings_that_did_not_write_the_pickle_leads_to_1(self) -> None:
        self.add("alice", python=OTHER_PYTHON)
        self.assertEqual(1, self.check_pickles(native=False))
        said = f"tournament.toml gives it Python {OTHER_PYTHON}, and Python {THIS_PYTHON} wrote it. Remove its python"
        self.assertIn(said, self.said("alice", 1))

    @unittest.skipIf(is_here("einops"), "this environment has all that the image has")
    def test_package_that_only_the_image_has_is_no_problem_in_it(self) -> None:
        self.add("alice", needs_einops)
        self.add("bob", "imports_missing_module")
        self.assertEqual(1, self.check_pickles())
        self.assertIn("missing_module", self.said("alice", 1))
        self.assertEqual(1, self.check(native=False))
        self.assertEqual("", self.said("alice", 1))
        self.assertIn("missing_module", self.said("bob", 1))


class RunTest(CheckTestCase):
    def test_models_are_run_on_the_newest_live_data_under_the_rules_of_the_platform(self) -> None:
        self.add("alice")
        self.add("bob", constant)
        self.add("carol", "returns_nan", time_limit=60.0, memory_limit=0)
        self.add("dave", may_do_without)
        self.slots("alice", "bob", "carol", "dave")
        self.keep_round(1340)
        self.keep_round(1342)
        self.keep_round(1343).live.unlink()
        before = sorted(self.folder.rglob("*"))
        self.assertEqual(1, self.check(run=True))
        on = "on the live data of round 1342"
        used = r"\d+\.\d s of 600 s and 0\.\d\d GiB of 4 GiB"
        self.assertRegex(self.said("alice", 0), rf"It predicts {on}, in {used}\.")
        self.assertRegex(self.said("bob", 1), rf"It fails {on}, after {used}: constant_predictions: All .* Check that")
        self.assertRegex(self.said("carol", 1), rf"It fails {on}, after \d+\.\d s of 60 s and 0\.\d\d GiB: nan_pred")
        self.assertEqual("", self.said("dave", 1))
        self.assertIn("dave.pkl is expected to fail: missing_module:", self.said("dave", 0))
        self.assertIn("It predicts", self.said("dave", 0))
        self.assertEqual(before, sorted(self.folder.rglob("*")))

    def test_live_data_of_today_is_downloaded_where_no_round_has_any(self) -> None:
        self.add("alice")
        self.slots("alice")
        opening = datetime.now(timezone.utc) - timedelta(minutes=5)
        round_ = StandInRound(1340, opening, opening + timedelta(hours=1), LIVE.read_bytes(), BENCHMARKS.read_bytes())
        self.stand_in.rounds.append(round_)
        before = sorted(self.folder.rglob("*"))
        self.assertEqual(0, self.check(run=True), self.found)
        self.assertIn("It predicts on the live data of today, in ", self.said("alice", 0))
        self.assertEqual(before, sorted(self.folder.rglob("*")))

    def test_live_data_that_cannot_be_downloaded_leads_to_3(self) -> None:
        self.add("alice")
        self.slots("alice")
        with mock.patch("numerai_predict.tournament.check.DATASET", str(self.folder / "none.parquet")):
            self.assertEqual(3, self.check(run=True))
        self.assertIn("none.parquet cannot be read", self.said("live data", 3))
        self.assertIn("alice.pkl runs with", self.said("alice", 0))

    def test_worker_that_ends_leaves_models_that_are_named(self) -> None:
        self.add("alice")
        self.slots("alice")
        self.keep_round(1340)
        self.assertEqual(3, self.check(native=False, run=True))  # The containers of this engine do nothing.
        self.assertIn("It was not run on the live data of round 1340", self.said("alice", 3))
        calls = [json.loads(line) for line in (self.docker.parent / "calls.jsonl").read_text().splitlines()]
        self.assertIn("run", [call[0] for call in calls])


if __name__ == "__main__":
    unittest.main()
