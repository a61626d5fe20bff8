"""reaper.py: what it reports, what it adopts, and that nothing is left when the runtime dies; real processes."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from numerai_predict.sandbox.reaper import OOM_SCORE_ADJ, ReaperReports
from tests.harness import ROOT

MB = 1_000_000
PROGRAM = f"""
import os, sys, time
sys.path.insert(0, {str(ROOT)!r})
from numerai_predict.sandbox import fork_program
reaper = fork_program(int(sys.argv[1]), None, *sys.argv[2:])
"""
# A runtime that does nothing but start a program, and so may be killed.
RUNTIME = """
import subprocess, sys
program, reports, *folder = sys.argv[1:]
argv = [sys.executable, "-c", program, reports, *folder]
subprocess.Popen(argv, pass_fds=[int(reports)], start_new_session=True).wait()
"""


class ReaperTest(unittest.TestCase):
    def setUp(self) -> None:
        self.source, self.target = os.pipe()
        self.addCleanup(os.close, self.source)
        self.reports = ReaperReports()

    def start(self, program: str, *runtime: str, folder: str = "") -> "subprocess.Popen[str]":
        """Start a program below its reaper, as a child of this process or of a `runtime` program."""
        argv = [sys.executable, "-c", *runtime, PROGRAM + program, str(self.target), *filter(None, [folder])]
        process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, text=True, pass_fds=[self.target], start_new_session=True
        )
        os.close(self.target)
        self.addCleanup(process.communicate)
        self.addCleanup(process.terminate)  # All that is below it ends with it.
        return process

    def read_reports(self) -> None:
        """All of them, to their end."""
        while not self.reports.has_ended:
            ready, _, _ = select.select([self.source], [], [], 20)
            self.assertTrue(ready, "the reaper does not end")
            self.reports.feed(os.read(self.source, 1 << 16))

    def test_reports_are_the_program_and_then_its_status(self) -> None:
        process = self.start("print(os.getpid(), flush=True)\nos._exit(7)")
        assert process.stdout is not None
        program = int(process.stdout.readline())
        self.read_reports()
        self.assertEqual((program, 7, ""), (self.reports.program, self.reports.status, self.reports.unadopted))

    def test_status_of_a_program_that_dies_of_a_signal_is_negative(self) -> None:
        self.start("os.abort()")
        self.read_reports()
        self.assertEqual(-signal.SIGABRT, self.reports.status)

    def test_peak_is_what_the_program_held_at_a_time_also_if_it_was_freed_and_killed(self) -> None:
        self.start(f"held = b'x' * {200 * MB}\ndel held\nos.kill(os.getpid(), 9)")
        self.read_reports()
        self.assertTrue(200 * MB < self.reports.peak_bytes < 260 * MB, self.reports.peak_bytes)

    def test_program_leads_a_session_of_its_own_below_the_reaper(self) -> None:
        process = self.start("print(os.getsid(0) == os.getpid(), os.getppid() == reaper, flush=True)")
        assert process.stdout is not None
        self.assertEqual("True True\n", process.stdout.readline())

    def test_reaper_stays_until_the_last_orphan_has_ended(self) -> None:
        self.start("if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(1)\nos._exit(0)")
        began = time.monotonic()
        self.read_reports()
        self.assertEqual(0, self.reports.status)
        self.assertGreater(time.monotonic() - began, 0.8)

    @unittest.skipUnless(OOM_SCORE_ADJ.exists(), "needs Linux")
    def test_kernel_in_want_of_memory_ends_a_program_before_its_reaper_and_that_before_the_runtime(
        self,
    ) -> None:
        process = self.start(
            """
from numerai_predict.sandbox.confine import _take_little
_take_little(None, 1 << 30)
for pid in (reaper, os.getpid()):
    print(open(f"/proc/{pid}/oom_score_adj").read().strip(), flush=True)
"""
        )
        assert process.stdout is not None
        reaper, program = map(int, process.stdout.read().split())
        self.assertTrue(int(OOM_SCORE_ADJ.read_text()) < reaper < program, (reaper, program))

    def test_memory_and_environment_of_the_reaper_are_closed_to_the_program(self) -> None:
        process = self.start(
            """
from numerai_predict.sandbox.confine import _drop_capabilities
_drop_capabilities()  # A root with all its powers reads everything.
for process in ("self", reaper):
    for file in ("environ", "mem", "maps"):
        try:
            open(f"/proc/{process}/{file}", "rb").close()
            print(process, file, flush=True)
        except PermissionError:
            pass
"""
        )
        assert process.stdout is not None
        self.assertEqual("self environ\nself mem\nself maps\n", process.stdout.read())

    def test_program_and_its_daemons_end_when_the_runtime_is_killed(self) -> None:
        program = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(1, b"%d\\n" % os.getpid())
        time.sleep(600)
    os._exit(0)
os.wait()
os.write(1, b"%d\\n" % os.getpid())
time.sleep(600)
"""
        runtime = self.start(program, RUNTIME)
        assert runtime.stdout is not None
        pids = [int(runtime.stdout.readline()) for _ in range(2)]
        runtime.kill()
        self.read_reports()
        self.assertEqual([], [pid for pid in pids if is_alive(pid)])

    def folder(self) -> str:
        """With a file in it."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        Path(folder, "file").touch()
        return folder

    def test_folder_of_the_program_is_removed_when_the_runtime_is_killed(self) -> None:
        folder = self.folder()
        runtime = self.start("os.write(1, b'ready\\n')\ntime.sleep(600)", RUNTIME, folder=folder)
        assert runtime.stdout is not None
        runtime.stdout.readline()
        runtime.kill()
        self.read_reports()
        self.assertFalse(os.path.exists(folder))

    def test_folder_of_the_program_is_removed_when_its_reports_have_no_reader(self) -> None:
        folder = self.folder()
        process = self.start("time.sleep(0.5)\nos._exit(0)", folder=folder)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, self.source)
        os.close(nothing)
        process.wait(20)
        self.assertFalse(os.path.exists(folder))

    def test_folder_of_the_program_is_the_runtimes_to_remove_while_it_lives(self) -> None:
        folder = self.folder()
        self.start("os._exit(0)", folder=folder)
        self.read_reports()
        self.assertEqual(["file"], os.listdir(folder))


class ReportsTest(unittest.TestCase):
    def test_report_that_comes_in_pieces_is_taken_when_it_is_whole(self) -> None:
        reports = ReaperReports()
        line = json.dumps({"program": 7, "unadopted": "why"}).encode() + b"\n"
        reports.feed(line[:5])
        self.assertIsNone(reports.program)
        reports.feed(line[5:] + b'{"status": -9, "peak_bytes": 5}\n')
        self.assertEqual((7, "why", -9, False), (reports.program, reports.unadopted, reports.status, reports.has_ended))
        self.assertEqual(5, reports.peak_bytes)
        reports.feed(b"")
        self.assertTrue(reports.has_ended)


def is_alive(pid: int) -> bool:
    """A zombie has ended; whoever adopted it may take its time."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


if __name__ == "__main__":
    unittest.main()
