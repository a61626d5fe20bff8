"""faults.py: every way to fail has a code, an owner, a meaning and a hint."""

import re
import unittest

from numerai_predict import faults
from numerai_predict.faults import Blame, Code, Fault


class CodeTest(unittest.TestCase):
    def test_labels_are_unique_lower_case_words(self) -> None:
        labels = [code.label for code in Code]
        self.assertEqual(len(labels), len(set(labels)))
        for label in labels:
            self.assertRegex(label, r"^[a-z]+(_[a-z]+)*$")

    def test_codes_are_no_aliases_of_each_other(self) -> None:
        # An Enum makes two members of the same value one; both would then answer to the first one's label.
        self.assertEqual([name.lower() for name in Code.__members__], [code.label for code in Code])

    def test_every_code_has_meaning_and_hint_in_whole_sentences(self) -> None:
        for code in Code:
            with self.subTest(code=code.label):
                self.assertRegex(code.meaning, r"^[A-Z].*\.$")
                self.assertRegex(code.hint, r"^[A-Z].*[.)]$")

    def test_exit_statuses_follow_who_is_to_blame(self) -> None:
        self.assertEqual(
            {blame: blame.exit_status for blame in Blame}, {Blame.MODEL: 1, Blame.USAGE: 2, Blame.RUNTIME: 3}
        )

    def test_statuses_call_only_the_model_failed(self) -> None:
        self.assertEqual(
            {blame: blame.status for blame in Blame},
            {Blame.MODEL: "failed", Blame.USAGE: "error", Blame.RUNTIME: "error"},
        )

    def test_table_at_the_top_of_the_module_has_every_blame_with_its_statuses(self) -> None:
        rows = re.findall(r"^(\d) +(\w+) +([A-Z]+) ", faults.__doc__ or "", re.MULTILINE)
        self.assertEqual([(str(blame.exit_status), blame.status, blame.name) for blame in Blame], rows)

    def test_blame_of_what_can_go_wrong_outside_the_model_is_not_the_model(self) -> None:
        ours = {
            *("model_not_found", "model_not_downloaded", "dataset_not_found", "dataset_not_downloaded"),
            *("unreadable_dataset", "output_not_written", "upload_failed", "interrupted", "internal_error"),
        }
        self.assertEqual({code.label for code in Code if code.blame is Blame.RUNTIME}, ours)
        self.assertEqual({code.label for code in Code if code.blame is Blame.USAGE}, {"usage", "missing_packages"})


class FaultTest(unittest.TestCase):
    def test_fault_without_hint_has_that_of_its_code(self) -> None:
        self.assertEqual(Fault(Code.TIMEOUT, "Too slow.").hint, Code.TIMEOUT.hint)

    def test_fault_with_hint_keeps_its_own(self) -> None:
        self.assertEqual(Fault(Code.TIMEOUT, "Too slow.", "Hurry.").hint, "Hurry.")

    def test_fault_reads_as_its_message(self) -> None:
        self.assertEqual(str(Fault(Code.TIMEOUT, "Too slow.")), "Too slow.")
