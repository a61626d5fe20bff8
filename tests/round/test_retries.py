"""retries.py: how often a model is run again after a fault of ours, and when the worker stops instead."""

import unittest

from numerai_predict.faults import Blame, Code
from numerai_predict.round.retries import Breaker, backoff_s


class BackoffTest(unittest.TestCase):
    def test_model_is_run_four_times_with_longer_and_longer_pauses(self) -> None:
        self.assertEqual([5.0, 20.0, 60.0, None, None], [backoff_s(errors) for errors in range(1, 6)])


class BreakerTest(unittest.TestCase):
    def after(self, *ends: tuple[str, Code | None]) -> Code | None:
        """What it says after runs of these models that ended so."""
        breaker = Breaker()
        for model_id, code in ends:
            breaker.note(model_id, code)
        return breaker.code

    def test_five_models_with_the_same_fault_of_ours_in_a_row_name_it(self) -> None:
        ends = [(name, Code.UPLOAD_FAILED) for name in "abcde"]
        self.assertIsNone(self.after())
        self.assertIsNone(self.after(*ends[:4]))
        self.assertIs(Code.UPLOAD_FAILED, self.after(*ends))
        self.assertIs(Code.UPLOAD_FAILED, self.after(("z", Code.DATASET_NOT_FOUND), *ends))

    def test_the_same_model_again_and_again_is_one(self) -> None:
        self.assertIsNone(self.after(*[(name, Code.UPLOAD_FAILED) for name in "abcdabcd"]))

    def test_any_other_end_begins_anew(self) -> None:
        ends = [(name, Code.UPLOAD_FAILED) for name in "abcd"]
        for between in (None, Code.MODEL_RAISED, Code.MODEL_NOT_FOUND):
            with self.subTest(between):
                self.assertIsNone(self.after(*ends, ("x", between), ("e", Code.UPLOAD_FAILED)))

    def test_faults_of_models_are_no_faults_of_ours(self) -> None:
        for code in Code:
            expected = None if code.blame is Blame.MODEL else code
            self.assertIs(expected, self.after(*[(name, code) for name in "abcdef"]))


if __name__ == "__main__":
    unittest.main()
