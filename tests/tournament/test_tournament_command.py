"""`numerai-predict tournament`: what one start does for its words, and what it says of what is wrong."""

import contextlib
import json
import os
import shutil
import unittest
from pathlib import Path
from unittest import mock

from tests.api.stand_in import Failure
from tests.harness import wait_until
from tests.tournament.mornings import FIRST, MorningTestCase, leaves_ids_out, ranking, sleeps


class CommandTest(MorningTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.day(1, 12, 5)

    def test_run_without_submit_leaves_predictions_and_needs_no_keys(self) -> None:
        ended = self.morning("run", keys=False)
        self.check(ended, 0, rf"^Round {FIRST}: 4 ready, \d+ min left$")
        shown = {Path(line.split()[-1]) for line in ended.output.splitlines() if line.endswith(".csv")}
        self.assertEqual([], self.api.sent)
        self.assertEqual(shown, {*self.folder.glob(f"rounds/{FIRST}/runs/1/predictions/*.csv")})
        self.assertEqual(3, len(shown))
        self.assertFalse(any(one.authorized for one in self.api.asked))
        self.check(self.morning(), 0, "4 on time")
        self.check_sent(1, anna=1, bert=1, twin_a=1, twin_b=1)
        self.assertEqual(1, len([*self.folder.glob(f"rounds/{FIRST}/runs/*")]), "nothing had to be run again")

    def test_again_runs_and_submits_just_what_it_names(self) -> None:
        self.put("anna", leaves_ids_out)
        self.check(self.morning("again", "anna", "--submit"), 3, "1 failed, 3 waiting: anna missing_ids")
        self.check_sent_none()
        self.check(self.morning("again", "anna", "bert", "--submit"), 3, "1 on time, 1 failed, 2 waiting")
        self.check_sent(1, bert=1)
        runs = sorted(self.folder.glob(f"rounds/{FIRST}/runs/*/outcomes/anna-*.json"))
        self.assertEqual(2, len(runs))

    def check_sent_none(self) -> None:
        self.assertEqual([], self.api.sent)

    def test_status_shows_rounds_of_the_past(self) -> None:
        self.put("anna", leaves_ids_out)
        self.morning("run")
        for words in (("status",), ("status", str(FIRST))):
            ended = self.morning(*words, keys=False)
            self.assertEqual(1, ended.status, ended.log)
            self.assertRegex(ended.output, r"anna +failed .* missing_ids: .*\n +bert +ready ")
        self.check_wrong(f"{self.folder} has nothing of round 7", "status", "7")

    def test_check_submits_nothing(self) -> None:
        self.put("anna", leaves_ids_out)
        ended = self.morning("check", "--run")
        self.assertEqual(1, ended.status, ended.log)
        self.assertRegex(ended.output, r"BAD anna: It fails on .*missing_ids")
        self.assertRegex(ended.output, r"ok  keys: ")
        self.check_sent_none()
        self.assertFalse((self.folder / "rounds").exists())

    def test_second_start_at_a_time_is_refused(self) -> None:
        self.put("bert", sleeps)
        process = self.start()
        wait_until(lambda: list(self.folder.glob(f"rounds/{FIRST}/runs/1")))
        self.check_wrong(f"runs {self.folder} on this machine already", "run", "--submit")
        process.communicate()
        self.assertEqual(1, process.returncode)

    def test_signal_ends_it_and_the_same_command_goes_on(self) -> None:
        process = self.start()
        wait_until(lambda: list(self.folder.glob(f"rounds/{FIRST}/runs/1")))
        process.terminate()
        _, log = process.communicate()
        self.assertEqual(3, process.returncode)
        self.assertIn("stopped by SIGTERM: the same command goes on where it was", log)
        self.check(self.morning(), 0, "4 on time")
        self.check_sent(1, anna=1, bert=1, twin_a=1, twin_b=1)

    def test_what_a_killed_start_has_sent_is_read_back_though_its_pickle_has_changed_and_fails(self) -> None:
        self.api.failures = [Failure("createSubmission", times=4, after=True, hang_s=30)]
        process = self.start()
        wait_until(lambda: [one for one in self.api.sent if one.model == "id-anna"])
        process.kill()
        process.communicate()
        self.api.failures = []
        self.put("anna", leaves_ids_out)
        ended = self.morning()
        self.check(ended, 1, "3 on time, 1 failed: anna missing_ids")
        self.assertRegex(ended.output, r"anna +failed .* The submission of \d\d:\d\d UTC stays\.")
        self.check_sent(1, anna=1, bert=1, twin_a=1, twin_b=1)

    def test_damaged_record_of_one_model_keeps_no_other(self) -> None:
        self.check(self.morning(), 0, "4 on time")
        (self.folder / f"rounds/{FIRST}/submissions/twin_a.json").write_text("{")
        self.put("twins", ranking(5))
        ended = self.morning()
        self.check(ended, 3, "3 on time, 1 error: twin_a internal_error")
        self.assertRegex(ended.log, r"twin_a is not submitted: .*twin_a\.json is damaged: .* Remove this file")
        self.check_sent(1, anna=1, bert=1, twin_a=1, twin_b=2)

    def test_step_summary_of_github_has_the_models(self) -> None:
        summary = self.folder / "summary.md"
        with mock.patch.dict(os.environ, {"GITHUB_STEP_SUMMARY": str(summary)}):
            self.check(self.morning(), 0, "4 on time")
        self.assertRegex(summary.read_text(), r"4 on time[\s\S]*\| `anna` \| on time")

    def test_outcome_of_a_run_has_the_acceptance_rules(self) -> None:
        self.put("anna", leaves_ids_out)
        self.morning("run")
        (outcome,) = self.folder.glob(f"rounds/{FIRST}/runs/1/outcomes/anna-*.json")
        self.assertEqual("missing_ids", json.loads(outcome.read_text())["fault"]["code"])

    def check_wrong(self, problem: str, *words: str, keys: bool = True) -> None:
        """One line on stderr, and exit status 2."""
        ended = self.morning(*words, keys=keys)
        self.assertEqual(2, ended.status, ended.output + ended.log)
        (line,) = ended.log.splitlines()
        self.assertIn(f"numerai-predict tournament: error: {problem}" if problem.startswith("/") else problem, line)

    def test_wrong_words_keys_and_folders_are_one_line_and_status_2(self) -> None:
        self.check_wrong("NUMERAI_PUBLIC_ID", "run", "--submit", keys=False)
        self.check_wrong("NUMERAI_PUBLIC_ID", "check", keys=False)
        self.check_wrong(f"{self.folder} has no model carl", "again", "carl")
        self.check_wrong("invalid choice", "march")
        self.check_wrong("argument --slots", "run", "--slots", "0")
        self.check_wrong("has nothing of a round", "status")
        (self.folder / "tournament.toml").write_text("[models.carl]\n")
        self.check_wrong("carl", "run")

    def test_refused_keys_are_said(self) -> None:
        self.api.scopes = {}
        ended = self.morning()
        self.assertEqual(2, ended.status)
        self.assertIn("Numerai refuses the keys", ended.output)
        self.check_sent_none()


class KeysTest(MorningTestCase):
    # Not those of the tests that run beside: their processes begin with the keys.
    keys = ("PUBLICIDPART0000", "SECRETKEYOFTHISTESTALONE01234567")

    def setUp(self) -> None:
        super().setUp()
        self.day(1, 12, 5)

    def test_keys_are_in_no_environment_file_or_request_but_those_to_the_api(self) -> None:
        for words in (("run",), ("run", "--submit")):  # Also where nobody asked for them.
            with self.subTest(words):
                process = self.start(*words)
                wait_until(lambda: list(self.folder.glob("rounds/*")))  # It has taken them.
                looks = 0
                while process.poll() is None:
                    looks += 1
                    self.assertEqual([], [one for one in environments() if self.keys[1].encode() in one])
                self.assertGreater(looks, 10)
                process.communicate()
                for path in (path for path in self.folder.rglob("*") if path.is_file()):
                    self.assertNotIn(self.keys[1].encode(), path.read_bytes(), path)
                shutil.rmtree(self.folder / "rounds")
        self.assertNotIn(self.keys[1], str(self.messages.requests))
        self.assertEqual([], self.api.violations)


def environments() -> list[bytes]:
    """The environments that processes of this machine began with."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes())
    return found


if __name__ == "__main__":
    unittest.main()
