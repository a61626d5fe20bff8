"""request.py: what can be asked of a run, by the command line and by the library."""

import os
import subprocess
import sys
import time
import unittest
from pathlib import Path

from numerai_predict import Fault, RunRequest, inspect_model, run_model
from numerai_predict.faults import Code
from numerai_predict.inspection import look, sha256
from numerai_predict.runner import get_data
from numerai_predict.transfer import DatasetDownloads
from tests.harness import BENCHMARKS, LIVE, MODEL, ROOT, PredictTestCase

AT_ONCE_S = 5.0
SOURCES = {"model": MODEL, "dataset": LIVE, "benchmarks": BENCHMARKS}


class NoFileTest(PredictTestCase):
    """What is no file, in place of one."""

    def setUp(self) -> None:
        super().setUp()
        self.pipe = self.folder / "pipe"
        os.mkfifo(self.pipe)
        self.kinds = {"a folder": self.folder, "a pipe": self.pipe, "a device": Path("/dev/zero")}

    def request(self, **sources: Path | str) -> RunRequest:
        chosen: dict[str, Path | str] = {**SOURCES, **sources}
        return RunRequest(chosen["model"], chosen["dataset"], chosen["benchmarks"], self.output_dir)

    def test_request_with_one_is_refused_by_flag_and_kind(self) -> None:
        for flag in SOURCES:
            for kind, path in self.kinds.items():
                with self.subTest(flag, path=path), self.assertRaises(Fault) as raised:
                    self.request(**{flag: path})
                self.assertIs(Code.USAGE, raised.exception.code)
                self.assertEqual(f"argument --{flag}: {path} is {kind}, not a file", raised.exception.message)

    def test_inspection_of_one_is_refused(self) -> None:
        for path in self.kinds.values():
            self.assertRaises(Fault, inspect_model, path, self.output_dir)

    def test_request_with_a_link_to_a_file_is_carried_out(self) -> None:
        links = {}
        for flag, path in SOURCES.items():
            links[flag] = self.folder / f"{flag}{path.suffix}"
            links[flag].symlink_to(path)
        self.assertIsNone(run_model(self.request(**links)).fault)

    def test_one_that_takes_the_place_of_a_file_later_is_a_fault_and_no_hang(self) -> None:
        model = self.folder / "model.pkl"
        model.write_bytes(MODEL.read_bytes())
        request = self.request(model=model)
        os.replace(self.pipe, model)
        fault = run_model(request).fault
        assert fault is not None
        self.assertEqual(Code.MODEL_NOT_FOUND.label, fault.code)
        self.assertEqual(f"{model} cannot be read: it is a pipe, not a file.", fault.message)

    def test_use_of_one_fails_at_once(self) -> None:
        for path in self.kinds.values():
            began = time.monotonic()
            self.assertRaises(OSError, look, path)
            self.assertRaises(OSError, sha256, path)
            self.assertRaises(Fault, get_data, path, self.output_dir, DatasetDownloads())
            self.assertLess(time.monotonic() - began, AT_ONCE_S)

    def test_command_line_with_piped_input_or_a_pipe_exits_with_2_at_once(self) -> None:
        for flags in (
            ("--model", "/dev/stdin"),
            ("--model", str(self.pipe)),
            ("--model", str(self.pipe), "--inspect"),
            ("--model", str(MODEL), "--dataset", "/dev/stdin"),
            ("--model", str(MODEL), "--report", str(self.folder)),
        ):
            argv = [sys.executable, str(ROOT / "predict.py"), "--output_dir", str(self.output_dir), *flags]
            with (
                self.subTest(flags),
                subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run,
            ):
                self.assertEqual(2, run.wait(AT_ONCE_S * 4))
                assert run.stderr is not None
                self.assertRegex(run.stderr.read(), r"\Apredict.py: error: argument --\w+: \S+ is a .*, not a file")


if __name__ == "__main__":
    unittest.main()
