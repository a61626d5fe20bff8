"""report.py: the run report is written whole or not at all, with fixed fields and no secret."""

import json
import os
import resource
import signal
import stat
import tempfile
import unittest
from pathlib import Path

from numerai_predict.faults import Code, Fault
from numerai_predict.report.run_report import RunReport

FIELDS = ["schema", "status", "fault", "runtime", "model", "data", "predictions", "usage", "delivery"]


class WriteTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = self.folder / "report.json"

    def written(self, report: RunReport) -> dict[str, object]:
        report.write(self.path)
        found = json.loads(self.path.read_text("utf-8"))
        assert isinstance(found, dict)
        return found

    def test_write_of_an_untouched_report_has_every_field(self) -> None:
        found = self.written(RunReport())
        self.assertEqual(list(found), FIELDS)
        self.assertEqual([found[name] for name in FIELDS[:3]], [1, "success", None])
        self.assertEqual([found[name] for name in FIELDS[3:]], [{}] * 6)

    def test_write_after_a_fault_has_its_four_fields_and_the_status_of_its_blame(self) -> None:
        for code, status in ((Code.TIMEOUT, "failed"), (Code.UPLOAD_FAILED, "error"), (Code.USAGE, "error")):
            with self.subTest(code=code.label):
                report = RunReport()
                report.note_fault(Fault(code, "So it went.", "Do this.", "Traceback"))
                found = self.written(report)
                fault = {"code": code.label, "message": "So it went.", "hint": "Do this.", "trace": "Traceback"}
                self.assertEqual((found["status"], found["fault"]), (status, fault))
                self.assertEqual(list(found), FIELDS)

    def test_write_of_what_json_has_no_type_for_writes_its_text(self) -> None:
        report = RunReport(model={"path": Path("/tmp/ü"), "name": "half a pair \ud800"})
        self.assertEqual(self.written(report)["model"], {"path": "/tmp/ü", "name": "half a pair \ud800"})

    def test_write_replaces_the_report_of_an_earlier_run(self) -> None:
        self.path.write_text("x" * 10_000)
        self.assertEqual(self.written(RunReport())["schema"], 1)
        self.assertEqual(os.listdir(self.folder), ["report.json"])

    def test_write_that_fails_half_way_leaves_the_old_report_and_no_litter(self) -> None:
        self.path.write_text("old")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            with self.assertRaises(OSError):
                RunReport(model={"path": "x" * 100_000}).write(self.path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, before)
        self.assertEqual(self.path.read_text(), "old")
        self.assertEqual(os.listdir(self.folder), ["report.json"])

    def test_write_that_cannot_replace_leaves_no_litter(self) -> None:
        self.path.mkdir()
        with self.assertRaises(OSError):
            RunReport().write(self.path)
        self.assertEqual(os.listdir(self.folder), ["report.json"])

    def test_write_into_a_missing_folder_raises(self) -> None:
        with self.assertRaises(OSError):
            RunReport().write(self.folder / "missing/report.json")

    def test_write_of_what_is_no_json_number_writes_nothing(self) -> None:
        self.path.write_text("old")
        with self.assertRaises(ValueError):
            RunReport(usage={"wall_s": float("nan")}).write(self.path)
        self.assertEqual(self.path.read_text(), "old")
        self.assertEqual(os.listdir(self.folder), ["report.json"])

    def test_write_honours_the_umask_and_leaves_it(self) -> None:
        for mask, mode in ((0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o000, 0o666)):
            before = os.umask(mask)
            try:
                RunReport().write(self.path)
            finally:
                self.assertEqual(os.umask(before), mask)
            with self.subTest(mask=oct(mask)):
                self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), mode)

    def test_write_to_a_relative_path_lands_in_the_current_folder(self) -> None:
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            RunReport().write(Path("report.json"))
        finally:
            os.chdir(before)
        self.assertEqual(json.loads(self.path.read_text())["schema"], 1)
