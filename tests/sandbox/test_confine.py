"""confinement.py: what a process that confines itself says of it, and what its network calls say then.

What it can still do is tried by the models of broken_models/.
"""

import json
import os
import pty
import resource
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

from tests.harness import ROOT

NOBODY = (1 << 22) + 1  # Linux numbers no process so high.
CONFINED = """
import json, os, resource, sys
from numerai_predict.sandbox.confine import confine
reaper = int(sys.argv[1])
terms = {"runtime": reaper, "helpers": [], "folder": sys.argv[2], "memory_bytes": 1 << 30, "file_bytes": 1 << 20}
broken = confine(terms, reaper)
"""
EXPLAINED = """
import json, socket, sys
from numerai_predict.sandbox.confine import explain_network_errors
from numerai_predict.sandbox.network_attempts import NetworkAttempts
attempts, said = NetworkAttempts(), []
hosts = attempts.hosts
explain_network_errors(attempts)
"""


class ConfinementTestCase(unittest.TestCase):
    def run_program(self, program: str, *words: str) -> Any:
        """What a program prints as JSON; it leads a session of its own, as the model's process does."""
        argv = [sys.executable, "-c", program, *words]
        done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, start_new_session=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)


class ConfineTest(ConfinementTestCase):
    def confined(self, program: str, reaper: int | None = None) -> Any:
        with tempfile.TemporaryDirectory() as shared:
            folder = Path(shared) / "folder"
            folder.mkdir()
            return self.run_program(CONFINED + program, str(reaper or os.getpid()), str(folder))

    def test_confined_process_breaks_no_promise_but_for_the_user_it_was_given(self) -> None:
        broken = self.confined("print(json.dumps(broken))")
        self.assertEqual(set(broken), {"user"} if os.getuid() == 0 else set())

    def test_process_that_no_landlock_keeps_from_a_terminal_says_so(self) -> None:
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, theirs)
        without = """
from numerai_predict.sandbox import landlock
def restrict_files(folders):
    raise OSError(38, "Function not implemented")
landlock.restrict_files = restrict_files
"""
        with tempfile.TemporaryDirectory() as folder:
            program = f"{without}{CONFINED}print(json.dumps(broken))"
            broken = self.run_program(program, str(os.getpid()), folder)
        self.assertIn("the kernel has no Landlock", broken["files"])
        self.assertRegex(broken["terminal"], "^the model could open /dev/")

    def test_confined_process_has_limits_no_powers_and_stands_back(self) -> None:
        program = """
files = resource.getrlimit(resource.RLIMIT_NOFILE)
names = ("RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_NPROC", "RLIMIT_DATA")
limits = [resource.getrlimit(getattr(resource, name))[0] for name in names]
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
powers = [int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh")]
print(json.dumps([limits, powers, os.nice(0), int(open("/proc/self/oom_score_adj").read()), files]))
"""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(1000, soft), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        limits, powers, niceness, score, files = self.confined(program)
        self.assertEqual(limits, [0, 1 << 20, 4096, 5 << 30])
        self.assertEqual(files, [min(1000, soft), min(4096, hard)])
        self.assertEqual((powers, score), ([0, 0, 0], 1000))
        self.assertGreaterEqual(niceness, 10)

    def test_process_whose_reaper_is_gone_already_ends_at_once(self) -> None:
        with self.assertRaisesRegex(AssertionError, "^1 != 0 : $"):  # Status 1, and nothing on stderr.
            self.confined("print(1)", reaper=NOBODY)


class ExplainNetworkErrorsTest(ConfinementTestCase):
    def explained(self, calls: str) -> Any:
        return self.run_program(EXPLAINED + calls)

    def test_names_of_the_network_are_refused_with_the_reason_and_remembered(self) -> None:
        said, hosts = self.explained("""
import urllib.request
for call in (
    lambda: socket.getaddrinfo("numer.ai", 443),
    lambda: socket.getaddrinfo(host=b"api.numer.ai", port=443),
    lambda: socket.gethostbyname("numer.ai"),
    lambda: socket.create_connection(("example.org", 80)),
    lambda: urllib.request.urlopen("http://example.com/"),
):
    try:
        call()
    except OSError as error:
        said.append(str(error))
print(json.dumps([said, hosts]))
""")
        expected = ["numer.ai", "api.numer.ai", "numer.ai", "example.org", "example.com"]
        self.assertEqual(len(said), len(expected))
        for message, host in zip(said, expected, strict=True):
            self.assertIn(f"no internet access while a model predicts (tried to reach {host})", message)
        self.assertEqual(hosts, ["numer.ai", "api.numer.ai", "example.org", "example.com"])

    def test_addresses_of_the_network_are_remembered_and_the_connection_is_refused(self) -> None:
        said, hosts = self.explained("""
for host in ("8.8.8.8", "2001:4860:4860::8888", "127.0.0.1"):
    try:
        socket.create_connection((host, 53))
    except OSError as error:
        said.append(str(error))
print(json.dumps([said, hosts]))
""")
        self.assertEqual(said, ["[Errno 101] Network is unreachable: no internet access while a model predicts"] * 3)
        self.assertEqual(hosts, ["8.8.8.8", "2001:4860:4860::8888"])

    def test_only_some_names_are_remembered_and_none_whole_if_it_is_long(self) -> None:
        hosts = self.explained("""
for number in range(20):
    try:
        socket.gethostbyname(f"{number}." + "x" * 1000)
    except OSError:
        pass
print(json.dumps(hosts))
""")
        self.assertEqual([len(host) for host in hosts], [200] * 10)

    def test_internet_sockets_are_refused_and_others_are_not(self) -> None:
        said = self.explained("""
import asyncio
for arguments in ((), (socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_INET6,)):
    try:
        socket.socket(*arguments)
    except OSError as error:
        said.append(str(error))
pair = socket.socketpair()
again = socket.socket(fileno=pair[0].detach())
socket.socket(socket.AF_UNIX).close()
asyncio.run(asyncio.sleep(0))
print(json.dumps(said))
""")
        refused = "[Errno 101] Network is unreachable: no internet access while a model predicts"
        self.assertEqual(said, [refused] * 3)

    def test_local_names_and_addresses_are_looked_up(self) -> None:
        found = self.explained("""
names = ["localhost", "127.0.0.1", "::1", None]
print(json.dumps([bool(socket.getaddrinfo(name, 80)) for name in names] + hosts))
""")
        self.assertEqual(found, [True] * 4)


if __name__ == "__main__":
    unittest.main()
