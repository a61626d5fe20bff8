"""A process that programs are forked from: what it promises of itself, whatever the programs are."""

import contextlib
import os
import signal
import socket
import sys
import tempfile
import unittest
from pathlib import Path

from numerai_predict.sandbox.launcher import Birthplace
from numerai_predict.sandbox.template import Template
from tests.harness import ROOT

PROGRAM = """
import os, sys
sys.path[:0] = sys.argv[1:]
from numerai_predict.sandbox import fork_on_request
def program(reaper):
    exec(os.environ["SCRIPT"])
fork_on_request(program)
"""
THREAD = "import threading, time; threading.Thread(target=time.sleep, args=(600,), daemon=True).start()"


class TemplateTest(unittest.TestCase):
    def start(self, program: str = PROGRAM) -> Template:
        template = Template([sys.executable, "-c", program, str(ROOT)], {**os.environ, "SCRIPT": "os._exit(9)"})
        self.addCleanup(template.close)
        return template

    def run_script(self, template: Template, script: str) -> tuple[int, str]:
        """How a script ends that is forked, in a folder of its own, and what it prints."""
        with contextlib.ExitStack() as block:
            folder = block.enter_context(tempfile.TemporaryDirectory())
            theirs, _ = map(block.enter_context, socket.socketpair())
            source, target = os.pipe()
            reports, theirs_too = os.pipe()
            for descriptor in (source, reports):
                block.callback(os.close, descriptor)
            place = Birthplace(
                Path(folder), None, {"SCRIPT": script, "FOLDER": folder}, theirs.fileno(), target, target, theirs_too
            )
            child = template.fork(place)
            os.close(target)
            os.close(theirs_too)
            status, _ = child.wait()
            with os.fdopen(os.dup(reports)) as said:
                self.assertEqual(0, status, "the reaper's")
                ended = [line for line in said if "status" in line]
            with os.fdopen(os.dup(source)) as printed:
                return int(ended[0].split('"status": ')[1].split(",")[0]), printed.read()

    def test_program_begins_in_its_place_with_its_streams_and_environment_alone(self) -> None:
        template = self.start()
        script = "home, leads = os.path.realpath(os.environ['FOLDER']), os.getsid(0) == os.getpid() != reaper\n"
        script += "print(sorted(os.environ), os.getcwd() == home, leads, os.fstat(0).st_mode >> 12, flush=True)\n"
        script += "os._exit(7)"
        for _ in range(3):
            self.assertEqual((7, f"{['FOLDER', 'SCRIPT']} True True 12\n"), self.run_script(template, script))

    def test_program_that_raises_or_returns_never_comes_back_as_a_template(self) -> None:
        template = self.start()
        for script in ("raise ValueError", "raise SystemExit(0)", "pass"):
            self.assertEqual(1, self.run_script(template, script)[0])
        self.assertTrue(template.is_alive)

    def test_killed_program_leaves_the_template_alive(self) -> None:
        template = self.start()
        self.assertEqual(-signal.SIGKILL, self.run_script(template, "os.kill(os.getpid(), 9)")[0])
        self.assertEqual(5, self.run_script(template, "os._exit(5)")[0])

    def test_template_that_was_killed_is_not_alive_and_forks_nothing(self) -> None:
        template = self.start()
        os.kill(template.pid, signal.SIGKILL)
        os.waitid(os.P_PID, template.pid, os.WEXITED | os.WNOWAIT)
        self.assertFalse(template.is_alive)
        with self.assertRaises(OSError):
            self.run_script(template, "os._exit(0)")

    def test_end_of_the_line_ends_the_template(self) -> None:
        template = self.start()
        template.close()
        self.assertFalse(Path(f"/proc/{template.pid}").exists())

    def test_memory_of_the_template_is_closed_to_others(self) -> None:
        template = self.start()
        # The files of a process that is not dumpable are root's: proc_pid(5).
        self.assertEqual(0, os.stat(f"/proc/{template.pid}/maps").st_uid)

    def test_process_with_threads_is_no_template(self) -> None:
        with self.assertRaisesRegex(OSError, "it has 2 threads"):
            self.start(THREAD + PROGRAM)

    def test_program_that_ends_at_once_is_no_template(self) -> None:
        with self.assertRaisesRegex(OSError, "has ended"):
            self.start("pass")


if __name__ == "__main__":
    unittest.main()
