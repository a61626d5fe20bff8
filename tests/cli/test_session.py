"""session.py: how a run ended is written and returned, whatever goes wrong with showing it."""

import argparse
import contextlib
import importlib
import io
import json
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema

from numerai_predict.cli import parse_or_exit
from numerai_predict.faults import Code, Fault
from numerai_predict.report import RunReport, schema
from numerai_predict.runner import RunContext

# The face of the room has a function of that name.
session: Any = importlib.import_module("numerai_predict.cli.session")


class ConcludeTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "report.json"

    def args(self, *flags: str) -> argparse.Namespace:
        return parse_or_exit(["--model", "model.pkl", "--report", str(self.path), *flags])

    def conclude(self, report: RunReport, *flags: str) -> int:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            return int(session.conclude(self.args(*flags), report))

    def written(self) -> dict[str, object]:
        report: dict[str, object] = json.loads(self.path.read_text())
        jsonschema.validate(report, schema())
        return report

    def test_outcome_that_cannot_be_shown_is_reported_and_returned(self) -> None:
        failed = RunReport()
        failed.note_fault(Fault(Code.MODEL_RAISED, "x"))
        for broken, flags in (("summarize", ["--debug"]), ("explain", []), ("describe_inspection", ["--inspect"])):
            for report, status in ((RunReport(), 0), (failed, 1)):
                with (
                    self.subTest(broken, status=status),
                    mock.patch(f"numerai_predict.report.{broken}", side_effect=ValueError("max() of nothing")),
                    self.assertLogs("numerai_predict.cli.session") if status or flags else contextlib.nullcontext(),
                ):
                    self.path.unlink(missing_ok=True)
                    self.assertEqual(status, self.conclude(report, *flags))
                    self.assertEqual(report.status, self.written()["status"])

    def test_report_that_is_no_json_is_written_without_what_breaks_it(self) -> None:
        report = RunReport()
        report.model.path = mock.sentinel.no_text
        with self.assertLogs("numerai_predict.cli.session"):
            self.assertEqual(3, self.conclude(report))
        self.assertEqual("error", self.written()["status"])

    def test_digest_of_the_model_is_wanted_by_who_shows_it(self) -> None:
        for flags, is_wanted in (
            (["--report", str(self.path)], True),
            (["--inspect"], True),
            ([], False),
            (["--debug"], False),
        ):
            with self.subTest(flags), session.session(parse_or_exit(["--model", "model.pkl", *flags])) as context:
                self.assertEqual(is_wanted, context.with_digest)

    def test_what_goes_wrong_around_a_run_is_a_report_of_an_internal_error(self) -> None:
        error = RuntimeError("GET http://localhost/model.pkl?X-Amz-Signature=5ec2e7 failed")
        with mock.patch.object(session, "run_model", side_effect=error):
            report = session.carry_out(self.args(), RunContext())
        assert report.fault is not None
        self.assertEqual("internal_error", report.fault.code)
        self.assertIn("RuntimeError: GET http://localhost/model.pkl?… failed", report.fault.message)


if __name__ == "__main__":
    unittest.main()
