"""The messages on docs/faults.md: each is one of a real run, and what such a run says now.

What broken models say is compared where they run: test_broken_models, and test_platform_packages in the image.
"""

import unittest

from numerai_predict.faults import Code
from tests import fault_examples
from tests.harness import ROOT


class FileTest(unittest.TestCase):
    def test_every_code_has_an_example(self) -> None:
        self.assertEqual([code.label for code in Code], list(fault_examples.stored()), "make fault_examples writes it")

    def test_every_example_is_of_the_first_model_or_of_the_scenario_of_its_code(self) -> None:
        for code, example in fault_examples.stored().items():
            scenario = fault_examples.SCENARIOS.get(Code[code.upper()])
            expected = scenario.__name__ if scenario else fault_examples.model_of(Code[code.upper()])
            self.assertEqual((expected, code), (example["of"], example["code"]), "make fault_examples writes it")

    def test_places_of_this_machine_are_not_shown(self) -> None:
        text = fault_examples.FILE.read_text()
        self.assertNotIn(str(ROOT), text)
        self.assertNotIn("/tmp/tmp", text)

    def test_numbers_and_names_by_chance_are_not_compared_and_words_are(self) -> None:
        first, second = (
            {"message": f"/x/live_predictions-{name}.csv after {tries} tries"}
            for name, tries in (("0123456789ab", "1,234"), ("ba9876543210", "20"))
        )
        self.assertEqual(fault_examples.masked(first), fault_examples.masked(second))
        self.assertNotEqual(fault_examples.masked(first), fault_examples.masked({"message": "no"}))


class ScenariosTest(unittest.TestCase):
    def test_every_scenario_says_what_the_page_shows(self) -> None:
        for code, scenario in fault_examples.SCENARIOS.items():
            with self.subTest(scenario.__name__):
                said = fault_examples.masked(fault_examples.played(code))
                self.assertEqual(code.label, said["code"])
                # Another Python says it in other words.
                if expected := fault_examples.expected_of(scenario.__name__):
                    self.assertEqual(fault_examples.masked(expected), said, "make fault_examples writes it")


if __name__ == "__main__":
    unittest.main()
