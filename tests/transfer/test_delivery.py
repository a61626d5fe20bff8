"""What becomes of a run when the network, the server or the disk fails, against a server that verifies signatures."""

import unittest
from collections import Counter
from typing import ClassVar

from tests import delivery, delivery_run
from tests.delivery_run import CannotRunHereError, Scenario
from tests.harness import ROOT
from tests.s3 import Bucket, shared_bucket

DOCUMENT = ROOT / "docs/delivery.md"


class TestDelivery(unittest.TestCase):
    """Every scenario, run end to end."""

    bucket: ClassVar[Bucket]

    @classmethod
    def setUpClass(cls) -> None:
        cls.bucket = shared_bucket()

    def check(self, scenarios: tuple[Scenario, ...]) -> None:
        """Every run must end as its row says."""
        for scenario, seen in delivery_run.run_all(scenarios, self.bucket):
            with self.subTest(scenario.fault):
                if isinstance(seen, CannotRunHereError):
                    self.skipTest(str(seen))
                self.assertEqual(delivery_run.problems(scenario, seen), [], seen.shown)

    def test_download_through_every_fault_ends_as_its_row_says(self) -> None:
        self.check(delivery.DOWNLOADS)

    def test_upload_through_every_fault_ends_as_its_row_says(self) -> None:
        self.check(delivery.UPLOADS)


class TestDocument(unittest.TestCase):
    """What is said in docs/delivery.md is what the scenarios hold."""

    def test_tables_in_the_document_are_those_of_the_scenarios(self) -> None:
        text = DOCUMENT.read_text()
        for title, scenarios in delivery.TABLES.items():
            with self.subTest(title):
                section = text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
                rows = [line for line in section.splitlines() if line.startswith("|")]
                self.assertEqual("\n".join(rows), delivery_run.expected_table(scenarios))

    def test_faults_of_a_table_are_named_once_each(self) -> None:
        for title, scenarios in delivery.TABLES.items():
            with self.subTest(title):
                names = Counter(scenario.fault for scenario in scenarios)
                self.assertEqual([name for name, count in names.items() if count > 1], [])


class TestSpacing(unittest.TestCase):
    """How pauses are shown."""

    def test_pauses_within_their_limits_are_shown_by_them(self) -> None:
        self.assertEqual(delivery_run.spacing([0.3, 0.9, 0.25]), "up to 0.5, 1, 2 s")
        self.assertEqual(delivery_run.spacing([0.25] * 8), "up to 0.5, 1, 2, …, 30 s")

    def test_pauses_beyond_their_limits_are_shown_as_they_were(self) -> None:
        self.assertEqual(delivery_run.spacing([7.0]), "7 s")
        self.assertEqual(delivery_run.spacing([0.3, 0.2]), "0.3, 0.2 s")
        self.assertEqual(delivery_run.spacing([]), "none")


if __name__ == "__main__":
    unittest.main()
