"""processes.py: the memory of a process and its descendants, and their end; all of them are real."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import BinaryIO, cast

from numerai_predict.processes import REFRESH_SECONDS, ProcessTree

MB = 1_000_000
# Says what it is doing on standard output, and goes on at each line of standard input.
PRELUDE = """
import os, signal, sys, time
def say(text):
    os.write(1, text.encode() + b"\\n")
def wait():
    os.read(0, 1)
def block(size):
    return b"x" * size
"""


@unittest.skipUnless(Path("/proc/self/smaps_rollup").exists(), "needs Linux")
class ProcessTreeTest(unittest.TestCase):
    def start(self, script: str) -> ProcessTree:
        self.root = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.output = cast(BinaryIO, self.root.stdout)
        self.pids: list[int] = []
        self.addCleanup(self.clean_up)
        return ProcessTree(self.root.pid)

    def clean_up(self) -> None:
        for pid in (self.root.pid, *self.pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.root.communicate()

    def hear(self) -> list[str]:
        """The next line, in words; the numbers in it are processes to clean up."""
        words = self.output.readline().decode().split()
        self.pids += [int(word) for word in words if word.isdigit()]
        return words

    def go_on(self) -> None:
        os.write(cast(BinaryIO, self.root.stdin).fileno(), b".")

    def assert_all_gone(self) -> None:
        """Every process of the tree holds the pipe, so it ends when the last one does."""
        ready, _, _ = select.select([self.output], [], [], 10)
        self.assertTrue(ready, "a process survived")
        self.assertEqual(self.output.read(), b"")

    def test_memory_of_one_process_is_what_it_holds(self) -> None:
        tree = self.start(f"held = block({100 * MB})\nsay('ready')\nwait()")
        self.hear()
        self.assertTrue(100 * MB < tree.memory_bytes() < 160 * MB)
        self.assertTrue(100 * MB < tree.peak_memory_bytes < 160 * MB)

    def test_memory_counts_a_grandchild(self) -> None:
        grandchild = PRELUDE + f"held = block({100 * MB}); say('ready'); wait()"
        tree = self.start(
            f"import subprocess\nsubprocess.run([sys.executable, '-c', {grandchild!r}], start_new_session=True)"
        )
        self.hear()
        self.assertTrue(100 * MB < tree.memory_bytes() < 200 * MB)

    def test_memory_shared_with_a_fork_counts_once(self) -> None:
        tree = self.start(f"held = block({200 * MB})\nif os.fork():\n    say('ready')\nwait()")
        self.hear()
        self.assertTrue(200 * MB < tree.memory_bytes() < 300 * MB)
        self.assertTrue(200 * MB < tree.peak_memory_bytes < 300 * MB)

    def test_memory_of_two_forks_that_hold_their_own_is_the_sum(self) -> None:
        tree = self.start(f"os.fork()\nheld = block({100 * MB})\nsay('ready')\nwait()")
        self.hear()
        self.hear()
        self.assertTrue(200 * MB < tree.memory_bytes() < 300 * MB)

    def test_memory_shared_with_a_fork_counts_once_below_an_earlier_peak(self) -> None:
        tree = self.start(
            f"held = block({500 * MB})\ndel held\nsay('freed')\nwait()\n"
            f"held = block({200 * MB})\nif os.fork():\n    say('ready')\nwait()"
        )
        self.hear()
        self.assertLess(tree.memory_bytes(), 100 * MB)
        self.go_on()
        self.hear()
        time.sleep(2 * REFRESH_SECONDS)  # Until then the fork is not known.
        self.assertTrue(200 * MB < tree.memory_bytes() < 300 * MB)

    def test_peak_memory_keeps_what_was_freed_between_two_looks(self) -> None:
        tree = self.start(f"held = block({100 * MB})\ndel held\nsay('ready')\nwait()")
        self.hear()
        self.assertLess(tree.memory_bytes(), 100 * MB)
        self.assertGreater(tree.peak_memory_bytes, 100 * MB)

    def test_memory_after_the_end_is_none_and_the_peak_stays(self) -> None:
        tree = self.start(f"held = block({100 * MB})\nsay('ready')\nwait()")
        self.hear()
        tree.memory_bytes()
        self.go_on()
        self.root.wait()
        self.assertEqual(tree.memory_bytes(), 0)
        self.assertGreater(tree.peak_memory_bytes, 100 * MB)

    def test_kill_ends_root_and_children(self) -> None:
        tree = self.start("os.fork()\nos.fork()\nsay('ready')\ntime.sleep(600)")
        for _ in range(4):
            self.hear()
        tree.kill()
        self.assert_all_gone()
        self.assertEqual(self.root.wait(), -signal.SIGKILL)

    def test_kill_ends_a_grandchild_that_left_the_process_group(self) -> None:
        tree = self.start(
            """
if os.fork() == 0 and os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say(f"ready {os.getpid()}")
time.sleep(600)
"""
        )
        self.hear()
        tree.kill()
        self.assert_all_gone()

    def test_kill_ends_an_orphan_that_was_seen_before(self) -> None:
        tree = self.start(
            """
if os.fork() == 0:
    if os.fork() == 0:
        os.setsid()
        say(f"ready {os.getpid()}")
        time.sleep(600)
    wait()
    os._exit(0)
os.wait()
say("orphaned")
time.sleep(600)
"""
        )
        self.hear()
        tree.memory_bytes()
        self.go_on()
        self.assertEqual(self.hear(), ["orphaned"])
        tree.kill()
        self.assert_all_gone()

    def test_kill_of_what_is_gone_does_nothing(self) -> None:
        tree = self.start("pass")
        self.root.wait()
        tree.kill()
        tree.kill()
        self.assert_all_gone()

    def test_kill_spares_the_tree_of_another_root(self) -> None:
        other = self.start("say('ready')\nwait()")
        self.hear()
        root, output = self.root, self.output
        mine = self.start("say('ready')\nwait()")
        self.hear()
        mine.kill()
        self.assert_all_gone()
        self.assertIsNone(root.poll())
        other.kill()
        root.wait()
        output.close()
        cast(BinaryIO, root.stdin).close()
