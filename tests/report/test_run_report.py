"""The run report is written whole or not at all, with fixed fields, under its schema."""

import json
import os
import platform
import resource
import signal
import stat
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

import jsonschema

from numerai_predict.child.answer import Answer, Shape
from numerai_predict.faults import Code, Fault
from numerai_predict.report.run_report import RunReport, schema
from numerai_predict.report.sections import LimitsPart, ModelSection, UsageSection
from numerai_predict.sandbox import PROMISES
from tests.harness import LEGACY_MODEL, PredictTestCase

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
        self.assertEqual([found[name] for name in FIELDS[4:]], [{}] * 5)
        jsonschema.validate(found, schema())

    def test_platform_is_named_as_python_does_without_starting_a_program(self) -> None:
        report = RunReport()
        self.assertEqual(platform.platform(terse=True), report.runtime.platform)
        with (
            mock.patch.object(subprocess, "Popen", side_effect=AssertionError),
            mock.patch.object(platform, "_uname_cache", None),
            mock.patch.object(platform, "_platform_cache", {}),
        ):
            self.assertEqual(report, RunReport())

    def test_write_after_a_fault_has_its_four_fields_and_the_status_of_its_blame(self) -> None:
        for code, status in ((Code.TIMEOUT, "failed"), (Code.UPLOAD_FAILED, "error"), (Code.USAGE, "error")):
            with self.subTest(code=code.label):
                report = RunReport()
                report.note_fault(Fault(code, "So it went.", "Do this.", "Traceback"))
                found = self.written(report)
                fault = {"code": code.label, "message": "So it went.", "hint": "Do this.", "trace": "Traceback"}
                self.assertEqual((found["status"], found["fault"]), (status, fault))
                self.assertEqual(list(found), FIELDS)

    def test_write_of_a_name_that_no_encoding_has_escapes_it(self) -> None:
        report = RunReport(model=ModelSection("/tmp/ü, half a pair \ud800"))
        self.assertEqual(self.written(report)["model"], {"path": "/tmp/ü, half a pair \ud800"})

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
                RunReport(model=ModelSection("x" * 100_000)).write(self.path)
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

    def test_write_of_what_is_not_a_json_number_writes_nothing(self) -> None:
        self.path.write_text("old")
        with self.assertRaises(ValueError):
            RunReport(usage=UsageSection(float("nan"), 0.0, 0, LimitsPart(None, None), {})).write(self.path)
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

    def test_write_in_many_threads_leaves_the_umask_and_one_whole_report(self) -> None:
        before = os.umask(0o027)
        try:
            threads = [threading.Thread(target=RunReport().write, args=(self.path,)) for _ in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            self.assertEqual(os.umask(before), 0o027)
        self.assertEqual(os.listdir(self.folder), ["report.json"])
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o640)
        self.assertEqual(json.loads(self.path.read_text())["schema"], 1)

    def test_write_to_a_pipe_does_not_replace_it(self) -> None:
        os.mkfifo(self.path)
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        RunReport().write(self.path)
        self.assertEqual(json.loads(os.read(reader, 1 << 16))["schema"], 1)
        self.assertTrue(stat.S_ISFIFO(self.path.stat().st_mode))

    def test_write_to_a_pipe_that_nobody_reads_is_an_error_and_does_not_wait_for_ever(self) -> None:
        os.mkfifo(self.path)
        reader = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        writer = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, writer)
        os.write(writer, b"x" * (1 << 20))
        with mock.patch("numerai_predict.files.PATIENCE_S", 0.1), self.assertRaises(TimeoutError):
            RunReport().write(self.path)

    def test_report_holds_no_commands_of_a_terminal(self) -> None:
        report = RunReport()
        report.note_fault(Fault(Code.TIMEOUT, "\x1b[2J\x9b\u202e\ud800"))
        report.write(self.path)
        text = self.path.read_bytes().decode("ascii")
        self.assertTrue(all(line.isprintable() for line in text.split("\n")))
        self.assertEqual("\x1b[2J\x9b\u202e\ud800", json.loads(text)["fault"]["message"])

    def test_write_to_a_link_replaces_the_file_that_it_names(self) -> None:
        link = self.folder / "link.json"
        link.symlink_to(self.path)
        RunReport().write(link)
        self.assertTrue(link.is_symlink())
        self.assertEqual(json.loads(self.path.read_text())["schema"], 1)

    def test_write_to_a_relative_path_lands_in_the_current_folder(self) -> None:
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            RunReport().write(Path("report.json"))
        finally:
            os.chdir(before)
        self.assertEqual(json.loads(self.path.read_text())["schema"], 1)


class NoteAnswerTest(unittest.TestCase):
    def test_answer_of_data_that_was_never_handed_over_is_left_out(self) -> None:
        report = RunReport()
        report.note_answer(Answer(data={"benchmark_models": Shape(3, 4)}))
        self.assertEqual(report.as_json()["data"], {})

    def test_run_without_an_answer_has_no_parameters_and_no_statistics(self) -> None:
        report = RunReport()
        report.note_answer(None)
        found = report.as_json()
        self.assertEqual(found["model"], {"parameters": None})
        self.assertEqual(found["predictions"], {"failures": [], "warnings": [], "notices": []})


class SchemaTest(unittest.TestCase):
    validator = jsonschema.Draft202012Validator(schema())

    def refuse(self, **changes: object) -> None:
        found = {**RunReport().as_json(), **changes}
        self.assertFalse(self.validator.is_valid(found), found)

    def test_schema_is_a_schema(self) -> None:
        jsonschema.Draft202012Validator.check_schema(schema())

    def test_schema_names_every_fault_and_every_promise(self) -> None:
        named = schema()["$defs"]
        self.assertEqual(named["code"]["enum"], [code.label for code in Code])
        self.assertEqual(named["promise"]["enum"], list(PROMISES))

    def test_schema_requires_every_section(self) -> None:
        self.assertEqual(schema()["required"], FIELDS)

    def test_schema_names_every_status(self) -> None:
        statuses = {"success", *(code.blame.status for code in Code)}
        self.assertEqual(set(schema()["properties"]["status"]["enum"]), statuses)

    def test_every_object_of_the_schema_is_closed(self) -> None:
        def check(part: object) -> None:
            for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
                check(inner)
            if isinstance(part, dict) and isinstance(part.get("properties"), dict) and "type" in part:
                self.assertIs(part.get("additionalProperties"), False, part)

        check(schema())

    def test_report_that_no_run_writes_is_refused(self) -> None:
        self.validator.validate(RunReport().as_json())
        fault = {"code": "timeout", "message": "So it went.", "hint": "Do this.", "trace": ""}
        self.validator.validate({**RunReport().as_json(), "status": "failed", "fault": fault})
        self.refuse(extra=1)
        self.refuse(schema=2)
        self.refuse(status="failed")
        self.refuse(fault=fault)
        self.refuse(status="failed", fault={**fault, "code": "no_such_code"})
        self.refuse(model={"bytes": 9})
        self.refuse(model={"extra": 9})
        self.refuse(data={"train": {"source": "a", "path": "a", "downloaded": False}})
        self.refuse(predictions={"failures": []})
        self.refuse(usage={"wall_s": 1})
        self.refuse(delivery={"path": "a"})


class RealRunTest(PredictTestCase):
    """Which keys the report of a run has; run_command validates it under the schema."""

    file = frozenset({"path", "bytes", "protocol", "compression", "sha256"})
    found = frozenset({"python", "writer", "modules", "differences", "complete", "cloudpickle"})
    expected = frozenset({"callable", "problems", "warnings"})
    checked = frozenset({"failures", "warnings", "notices"})
    stats = frozenset({"rows", "columns", "min", "mean", "max", "std", "histogram", "spearman"})
    used = frozenset({"wall_s", "cpu_s", "peak_memory_bytes", "limits", "phases"})
    nothing: frozenset[str] = frozenset()

    def check(self, status: str, model: frozenset[str], predictions: frozenset[str], usage: frozenset[str]) -> None:
        report = json.loads((self.folder / "report.json").read_text())
        self.assertEqual(report["status"], status)
        self.assertEqual(set(report["model"]), model)
        self.assertEqual(set(report["predictions"]), predictions)
        self.assertEqual(set(report["usage"]), usage)

    def test_success_has_everything(self) -> None:
        run = self.predict(LEGACY_MODEL)
        self.check(
            "success", self.file | self.found | self.expected | {"parameters"}, self.checked | self.stats, self.used
        )
        self.assertEqual(set(run.report["data"]["live_features"]), {"source", "path", "downloaded", "rows", "columns"})
        self.assertEqual(set(run.report["delivery"]), {"path", "bytes"})
        self.assertIn("confinement", run.report["runtime"])

    def test_failed_model_has_no_statistics(self) -> None:
        def fails(live_features: object) -> None:
            raise ValueError

        run = self.predict(self.pickle(fails))
        self.check("failed", self.file | self.found | self.expected | {"parameters"}, self.checked, self.used)
        self.assertEqual(run.report["delivery"], {})

    def test_inspection_has_no_parameters_and_no_predictions(self) -> None:
        self.predict(LEGACY_MODEL, "--inspect")
        self.check("success", self.file | self.found | self.expected, self.nothing, self.used)

    def test_file_that_is_not_a_pickle_has_what_the_file_is_and_what_was_used(self) -> None:
        page = self.folder / "page.pkl"
        page.write_bytes(b"<html>")
        self.predict(page)
        self.check("failed", self.file, self.nothing, self.used)

    def test_model_that_is_not_there_has_its_path_and_what_was_used(self) -> None:
        self.predict("/nowhere/model.pkl")
        self.check("error", frozenset({"path"}), self.nothing, self.used)

    def test_wrong_command_line_has_nothing(self) -> None:
        self.predict(LEGACY_MODEL, "--time_limit", "-1")
        self.check("error", self.nothing, self.nothing, self.nothing)
