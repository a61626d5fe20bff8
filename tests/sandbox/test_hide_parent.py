"""secrecy.py: what another process can see of one that hides its secrets."""

import contextlib
import os
import secrets
import subprocess
import sys
import unittest
from pathlib import Path

from tests.harness import ROOT

# Of its own: what another run of the tests on this machine shows must not be taken for ours.
SECRET = f"X-Amz-Signature={secrets.token_hex(8)}"
PROGRAM = """
import ctypes, os, subprocess, sys
from numerai_predict.sandbox import linux
from numerai_predict.sandbox import hide_parent
problem = hide_parent.hide([sys.argv[1].partition("?")[2]])
getenv = ctypes.CDLL(None).getenv
getenv.restype = ctypes.c_char_p
print(linux.prctl(3), os.environ["TOKEN"], getenv(b"TOKEN").decode(), repr(problem), sys.argv[1][:8], flush=True)
sys.stdin.readline()
"""
# A program that started us with the secret among its own arguments, as `docker run --init` and `timeout` do.
WRAPPER = "import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', *sys.argv[1:]]).returncode)"


class HideTest(unittest.TestCase):
    def start(self, *command: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, *command, f"https://bucket/model.pkl?{SECRET}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"TOKEN": "t0ken", "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        )
        assert process.stdin is not None
        assert process.stdout is not None
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        return process

    def say(self, process: "subprocess.Popen[str]") -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()

    def test_process_keeps_what_it_knows_and_others_see_nothing(self) -> None:
        process = self.start("-c", PROGRAM)
        self.assertEqual(self.say(process), "0 t0ken t0ken '' https://")
        of_process = Path(f"/proc/{process.pid}")
        shown = (of_process / "cmdline").read_bytes().strip(b"\0")
        self.assertEqual(shown, sys.executable.encode())
        with contextlib.suppress(PermissionError):  # Only a root with all capabilities may open it.
            self.assertEqual((of_process / "environ").read_bytes().strip(b"\0"), b"")

    def test_secret_in_the_arguments_of_an_ancestor_is_overwritten(self) -> None:
        process = self.start("-c", WRAPPER, PROGRAM)
        self.assertEqual(self.say(process), "0 t0ken t0ken '' https://")
        shown = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
        self.assertEqual(shown[-2], b"https://bucket/model.pkl?" + b"*" * len(SECRET))
        self.assertEqual(shown[1:3], [b"-c", WRAPPER.encode()])

    def test_secret_in_the_arguments_of_another_process_is_told(self) -> None:
        other = self.start("-c", "print(flush=True); input()")
        self.say(other)
        process = self.start("-c", PROGRAM)
        self.assertIn(f"command line of process {other.pid} shows it", self.say(process))
        self.assertIn(SECRET.encode(), Path(f"/proc/{other.pid}/cmdline").read_bytes())


if __name__ == "__main__":
    unittest.main()
