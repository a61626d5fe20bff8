"""docs/confinement.md says of each of its promises how it is tested: by models and modules that there are."""

import re
import unittest
from fnmatch import fnmatchcase
from typing import ClassVar

from tests.harness import ROOT
from tests.outcomes import CONFINED, CONTAINED, DELIVERED, FAULTS, NO_PICKLES, TERMINAL, WARNINGS

MODELS = {*FAULTS, *NO_PICKLES, *WARNINGS, *DELIVERED, *CONFINED, *CONTAINED, *TERMINAL}


def rows(heading: str) -> dict[str, list[str]]:
    """The cells of the table below a heading of the page, by the first of each line."""
    page = (ROOT / "docs/confinement.md").read_text()
    section = page.partition(f"{heading}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| (\w[^|]*) \|(.*)\|$", section, re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in lines}


class ConfinementPageTest(unittest.TestCase):
    promises: ClassVar[list[str]]
    tested: ClassVar[dict[str, list[str]]]

    @classmethod
    def setUpClass(cls) -> None:
        cls.promises = [*rows("# What a model can and cannot do")]
        cls.tested = {
            promise: re.findall(r"`([^`]+)`", " ".join(cells)) for promise, cells in rows("## How it is tested").items()
        }

    def test_every_promise_has_its_line_in_both_tables(self) -> None:
        self.assertIn("network", self.promises)
        self.assertEqual(self.promises, [*self.tested])

    def test_every_promise_is_tried_by_a_model_and_tested_by_a_module(self) -> None:
        for promise, names in self.tested.items():
            with self.subTest(promise):
                self.assertTrue([name for name in names if "." not in name])
                self.assertTrue([name for name in names if "." in name])

    def test_every_name_is_that_of_a_model_or_a_module(self) -> None:
        for promise, names in self.tested.items():
            for name in names:
                with self.subTest(promise, name=name):
                    if "." in name:
                        self.assertTrue((ROOT / f"{name.replace('.', '/')}.py").is_file())
                    else:
                        self.assertTrue([model for model in MODELS if fnmatchcase(model, name)])

    def test_every_model_that_tries_something_is_in_a_line(self) -> None:
        patterns = {name for names in self.tested.values() for name in names}
        tried = {*CONFINED, *CONTAINED, *TERMINAL}
        self.assertEqual([], sorted(model for model in tried if not any(fnmatchcase(model, name) for name in patterns)))


if __name__ == "__main__":
    unittest.main()
