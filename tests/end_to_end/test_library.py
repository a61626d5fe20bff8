"""run_model and inspect_model: many runs in one process, of which none touches another, nor who called them."""

import contextlib
import ctypes
import dataclasses
import io
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import pandas as pd

import numerai_predict
from numerai_predict import Fault, RunContext, RunReport, RunRequest, inspect_model, run_model
from numerai_predict.faults import Code
from numerai_predict.round import Templates
from numerai_predict.sandbox import linux
from tests.harness import BENCHMARKS, LEGACY_MODEL, LIVE, MODEL, ROOT, by_value, command_lines, without_container
from tests.servers import Answer, serving

MB = 1_000_000
PR_GET_DUMPABLE, PR_GET_CHILD_SUBREAPER = 3, 37


def leaves_a_daemon(live_features: pd.DataFrame) -> pd.DataFrame:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "9876.125"])
        os._exit(0)
    time.sleep(0.5)
    return pd.DataFrame({"prediction": live_features.iloc[:, 1].rank(pct=True)})


def raises(live_features: pd.DataFrame) -> pd.DataFrame:
    raise ValueError("no such regime")


def segfaults(live_features: pd.DataFrame) -> pd.DataFrame:
    ctypes.string_at(0)
    return live_features


def kills_itself(live_features: pd.DataFrame) -> pd.DataFrame:
    os.kill(os.getpid(), signal.SIGKILL)
    return live_features


def sleeps(live_features: pd.DataFrame) -> pd.DataFrame:
    time.sleep(600)
    return live_features


def prints(live_features: pd.DataFrame) -> pd.DataFrame:
    print("to standard output")
    print("to standard error", file=sys.stderr)
    raise ValueError


def logs(live_features: pd.DataFrame) -> pd.DataFrame:
    logging.info("a line of INFO")
    logging.debug("a line of DEBUG")
    return live_features


class LibraryTestCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        temporary = self.folder / "temporary"
        temporary.mkdir()
        patch = mock.patch("tempfile.tempdir", str(temporary))
        patch.start()
        self.addCleanup(patch.stop)
        self.temporary = temporary

    def request(self, model: object, **more: object) -> RunRequest:
        """A run on the sample data, of a file or of what is pickled now."""
        path = model
        if not isinstance(model, (Path, str)):
            path = self.folder / f"{model.__name__}.pkl"  # type: ignore[attr-defined]
            path.write_bytes(by_value(model))
        defaults = {"dataset": LIVE, "benchmarks": BENCHMARKS, "output_dir": self.folder}
        return RunRequest(path, **{**defaults, **more})  # type: ignore[arg-type]

    def check_predictions(self, report: RunReport, model: Path) -> None:
        self.assertEqual(("success", None), (report.status, report.fault))
        assert report.delivery.saved is not None
        frames = [pd.read_parquet(LIVE), pd.read_parquet(BENCHMARKS)][: 1 if model == LEGACY_MODEL else 2]
        self.assertEqual(pd.read_pickle(model)(*frames).to_csv(), Path(report.delivery.saved.path).read_text())

    def check_code(self, report: RunReport, code: Code) -> None:
        assert report.fault is not None
        self.assertEqual(code.label, report.fault.code, report.fault.message)


class RunModelTest(LibraryTestCase):
    def test_model_on_data_that_was_fetched_before_delivers_its_predictions(self) -> None:
        self.check_predictions(run_model(self.request(MODEL)), MODEL)
        as_text = {"dataset": str(LIVE), "benchmarks": str(BENCHMARKS), "output_dir": str(self.folder)}
        self.check_predictions(run_model(self.request(str(MODEL), **as_text)), MODEL)

    def test_failure_is_in_the_report_and_not_raised(self) -> None:
        self.check_code(run_model(self.request(raises)), Code.MODEL_RAISED)
        self.check_code(run_model(self.request("/nowhere/model.pkl")), Code.MODEL_NOT_FOUND)
        self.check_code(run_model(self.request(MODEL, dataset=Path("v5.3/live.parquet"))), Code.DATASET_NOT_FOUND)

    def test_request_that_cannot_be_is_refused(self) -> None:
        for wrong in ({"post_url": "https://host/"}, {"output_dir": Path("/nowhere")}):
            with self.subTest(wrong), self.assertRaises(Fault) as raised:
                self.request(MODEL, **wrong)
            self.assertIs(Code.USAGE, raised.exception.code)

    def test_inspection_finds_what_the_pickle_needs_and_names_what_is_wrong(self) -> None:
        report = inspect_model(MODEL, self.folder)
        assert report.model.inspection is not None
        self.assertEqual("success", report.status)
        self.assertIn("lightgbm", [module.name for module in report.model.inspection.modules])
        (self.folder / "page.pkl").write_text("<html>")
        self.check_code(inspect_model(self.folder / "page.pkl", self.folder), Code.NOT_A_PICKLE)

    def test_output_of_the_model_goes_where_it_is_asked_for_and_nowhere_else(self) -> None:
        stdout, stderr = io.BytesIO(), io.BytesIO()
        run_model(self.request(prints), RunContext(stdout=stdout, stderr=stderr))
        self.assertIn(b"to standard output\n", stdout.getvalue())
        self.assertIn(b"to standard error\n", stderr.getvalue())
        program = "import sys; from numerai_predict import *; run_model(RunRequest(*sys.argv[1:]))"
        argv = [sys.executable, "-c", program, str(self.folder / "prints.pkl"), str(LIVE)]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
        self.assertEqual("", done.stdout)
        self.assertNotIn("to standard", done.stderr)

    def test_log_of_the_model_goes_there_too_from_info_on_and_from_debug_on_where_ours_does(self) -> None:
        ours = logging.getLogger("numerai_predict")
        self.addCleanup(ours.setLevel, ours.level)
        for level, shown in ((logging.NOTSET, (1, 0)), (logging.ERROR, (1, 0)), (logging.DEBUG, (1, 1))):
            with self.subTest(level):
                ours.setLevel(level)
                stderr = io.BytesIO()
                run_model(self.request(logs), RunContext(stderr=stderr))
                said = stderr.getvalue()
                self.assertEqual(shown, (said.count(b"a line of INFO\n"), said.count(b"a line of DEBUG\n")))

    def test_keyboard_interrupt_is_raised_and_leaves_nothing(self) -> None:
        def interrupt(report: RunReport) -> None:
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            run_model(self.request(sleeps), RunContext(on_findings=interrupt))
        self.assertEqual([], list(self.temporary.iterdir()))


class CallerTest(LibraryTestCase):
    """What belongs to the process that calls stays as it is."""

    def test_process_that_calls_is_left_as_it_was(self) -> None:
        before = self.state()
        run_model(self.request(leaves_a_daemon))
        run_model(self.request(segfaults))
        self.assertEqual(before, self.state())
        self.assertNotIn(["sleep", "9876.125"], command_lines())

    def state(self) -> dict[str, object]:
        subreaper = ctypes.create_string_buffer(4)
        linux.prctl(PR_GET_CHILD_SUBREAPER, subreaper)
        return {
            "environment": (dict(os.environ), Path("/proc/self/environ").read_bytes()),
            "arguments": (sys.argv, Path("/proc/self/cmdline").read_bytes()),
            "subreaper": subreaper.raw,
            "dumpable": linux.prctl(PR_GET_DUMPABLE),
            "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)],
            "log": [(logger.level, list(logger.handlers)) for logger in map(logging.getLogger, (None, "urllib3"))],
            "files": sorted(os.listdir("/proc/self/fd")),
            "children": Path(f"/proc/self/task/{os.getpid()}/children").read_text(),
            "temporary": list(self.temporary.iterdir()),
            "umask and folder": os.getcwd(),
        }

    def test_other_processes_of_the_caller_are_neither_billed_nor_ended(self) -> None:
        script = f"""
import os, time
held = b"x" * {400 * MB}
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(600)
    os._exit(0)
time.sleep(600)
"""
        argv = [sys.executable, "-c", script]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True, text=True) as other:
            assert other.stdout is not None
            daemon = int(other.stdout.readline())
            report = run_model(self.request(LEGACY_MODEL, memory_limit=700 * MB))
            self.assertEqual("success", report.status)
            assert report.usage is not None
            self.assertLess(report.usage.peak_memory_bytes, 400 * MB)
            self.assertIsNone(other.poll())
            self.assertTrue(Path(f"/proc/{daemon}").exists())
            other.kill()
            os.kill(daemon, signal.SIGKILL)


class ManyTest(LibraryTestCase):
    def test_runs_in_threads_end_each_in_its_own_way(self) -> None:
        requests = {
            "success": self.request(MODEL),
            "model_raised": self.request(raises),
            "model_crashed": self.request(kills_itself),
            "timeout": self.request(sleeps, time_limit=6.0),
            "daemon": self.request(leaves_a_daemon),
        }
        with ThreadPoolExecutor(len(requests)) as pool:
            reports = dict(zip(requests, pool.map(run_model, requests.values()), strict=True))
        self.check_predictions(reports["success"], MODEL)
        self.assertEqual("success", reports["daemon"].status)
        for name in ("model_raised", "model_crashed", "timeout"):
            self.check_code(reports[name], Code[name.upper()])
        self.assertEqual([], list(self.temporary.iterdir()))
        self.assertNotIn(["sleep", "9876.125"], command_lines())

    def test_fifty_looks_one_after_the_other_keep_nothing(self) -> None:
        inspect_model(MODEL, self.folder)
        before = self.held()
        reports = [inspect_model(MODEL, self.folder) for _ in range(50)]
        self.assertEqual({"success"}, {report.status for report in reports})
        self.assertEqual(before, self.held())
        self.assertEqual([], list(self.temporary.iterdir()))

    def held(self) -> tuple[int, int]:
        """Open files and threads, those aside that have nothing left to do and are about to end."""
        enough = time.monotonic() + 5
        while threading.active_count() > 1 and time.monotonic() < enough:
            time.sleep(0.05)
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    def test_log_of_two_runs_shows_the_secrets_of_neither(self) -> None:
        with serving() as server, self.assertLogs(level=logging.DEBUG) as logs:
            reports = []
            for secret in ("s1gnature-of-the-first", "s1gnature-of-the-second"):
                url = server.queue(f"/{secret[-6:]}.pkl", Answer(403, body=self.s3_error(secret)))
                reports.append(run_model(self.request(f"{url}?X-Amz-Signature={secret}")))
        for report in reports:
            self.check_code(report, Code.MODEL_NOT_DOWNLOADED)
        ours = [line for line in logs.output if ":urllib3" not in line]
        self.assertTrue(ours)
        self.assertNotIn("s1gnature", json.dumps([report.as_json() for report in reports]) + "".join(ours))

    def s3_error(self, secret: str) -> bytes:
        return f"<Error><Code>SignatureDoesNotMatch</Code><Message>You sent {secret}</Message></Error>".encode()


class LauncherTest(LibraryTestCase):
    """A launcher that forks from a template, in the place of the one that executes."""

    def setUp(self) -> None:
        super().setUp()
        block = contextlib.ExitStack()
        self.addCleanup(block.close)
        templates = block.enter_context(Templates([LIVE, BENCHMARKS], cpus=1))
        self.context = RunContext(templates.launcher_for(MODEL))

    def test_forked_model_predicts_as_an_executed_one_does(self) -> None:
        for model in (MODEL, LEGACY_MODEL):
            with self.subTest(model.name):
                self.check_predictions(run_model(self.request(model), self.context), model)

    def test_forked_models_that_fail_have_the_fault_of_executed_ones_and_the_next_succeeds(self) -> None:
        for model in (raises, segfaults, kills_itself, leaves_a_daemon):
            with self.subTest(model.__name__):
                forked, executed = run_model(self.request(model), self.context), run_model(self.request(model))
                self.assertEqual(self.essence(executed), self.essence(forked))
        report = run_model(self.request(sleeps, time_limit=1.0), self.context)
        self.check_code(report, Code.TIMEOUT)
        self.check_predictions(run_model(self.request(MODEL), self.context), MODEL)
        self.assertNotIn(["sleep", "9876.125"], command_lines())

    def essence(self, report: RunReport) -> tuple[object, ...]:
        """What may not differ; a crash names the line of the thread that crashed."""
        said = (report.fault.code, report.fault.message, report.fault.hint) if report.fault else ()
        found = report.predictions
        if found:
            found = dataclasses.replace(found, notices=without_container(found.notices))
        return report.status, *said, found, report.runtime.confinement


class FaceTest(unittest.TestCase):
    def test_every_name_of_the_package_is_there_and_others_are_not(self) -> None:
        for name in numerai_predict.__all__:
            self.assertIsNotNone(getattr(numerai_predict, name))
        with self.assertRaises(AttributeError):
            numerai_predict.__getattr__("Supervisor")

    def test_package_alone_imports_no_room(self) -> None:
        program = "import sys, numerai_predict; print([m for m in sys.modules if m.startswith('numerai_predict.')])"
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
        self.assertEqual("[]\n", done.stdout)


if __name__ == "__main__":
    unittest.main()
