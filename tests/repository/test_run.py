"""tests/run.py: every test runs, once, and in the kind that it is of."""

import unittest
from collections import Counter
from collections.abc import Iterator

import cloudpickle

from tests.harness import ROOT, by_value
from tests.run import ONCE, SLOW, batches, belongs, within


def ids(suite: unittest.TestSuite | unittest.TestCase) -> Iterator[str]:
    """The name of every test of a suite."""
    if isinstance(suite, unittest.TestCase):
        yield suite.id()
    else:
        for inner in suite:
            yield from ids(inner)


def tests_of(kind: str) -> Counter[str]:
    """How often each test runs for a kind."""
    names = [name for batch in batches(kind) for name in batch]
    return Counter(ids(unittest.TestLoader().loadTestsFromNames(names)))


class KindsTest(unittest.TestCase):
    def check_same(self, expected: Counter[str], found: Counter[str]) -> None:
        self.assertEqual((Counter(), Counter()), (expected - found, found - expected), "not run, run too often")

    def test_all_is_every_test_that_unittest_discovers_once(self) -> None:
        discovered = unittest.TestLoader().discover(str(ROOT / "tests"), top_level_dir=str(ROOT))
        self.check_same(Counter(ids(discovered)), tests_of("all"))

    def test_unit_and_once_are_all(self) -> None:
        self.check_same(tests_of("all"), tests_of("unit") + tests_of("once"))

    def test_what_is_about_the_repository_is_no_unit_test(self) -> None:
        self.assertFalse([name for name in tests_of("unit") if name.startswith("tests.repository.")])

    def test_confinement_and_inspection_and_whole_runs_are_unit_tests(self) -> None:
        for folder in ("sandbox", "inspection", "child"):
            names = [name for name in tests_of("all") if name.startswith(f"tests.{folder}.")]
            self.assertTrue(names)
            self.assertTrue(all(belongs(name, "unit") for name in names))
        self.assertTrue(belongs("tests.end_to_end.test_predict", "unit"))

    def test_every_name_of_the_tables_has_tests(self) -> None:
        everything = tests_of("all")
        for name in {*SLOW, *ONCE}:
            with self.subTest(name):
                self.assertTrue(any(within(test, name) for test in everything))


class HarnessTest(unittest.TestCase):
    def test_module_pickled_by_value_is_pickled_by_reference_afterwards(self) -> None:
        self.assertIn(b"CodeType", by_value(ids))
        self.assertNotIn(b"CodeType", cloudpickle.dumps(ids))


if __name__ == "__main__":
    unittest.main()
