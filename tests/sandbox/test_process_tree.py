"""process_tree.py: the memory of all that is below a reaper, and its end; all of them are real processes."""

import contextlib
import os
import select
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast
from unittest import mock

from numerai_predict.sandbox import process_tree
from numerai_predict.sandbox.births import Births
from numerai_predict.sandbox.cgroup import MemoryGroup
from numerai_predict.sandbox.process_tree import REFRESH_SECONDS, ProcessTree
from tests.harness import ROOT

MB = 1_000_000
# Says what it is doing on standard output, and goes on at each line of standard input. All end when that is closed.
TOOLS = """
import ctypes, os, platform, signal, sys, threading, time
def say(text):
    os.write(1, text.encode() + b"\\n")
def wait():
    os.read(0, 1)
def block(size):
    return b"x" * size
def daemon(task):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            task()
        os._exit(0)
    os.wait()
def tokens(number):
    # Each can be taken once, by whichever process comes first, so that no bomb outgrows its number.
    take, put = os.pipe()
    os.write(put, b"." * number)
    os.close(put)
    return take
"""

# The program goes on below a reaper, which reports nothing to anybody here.
PRELUDE = f"""
import os, sys
sys.path.insert(0, {str(ROOT)!r})
from numerai_predict.sandbox import fork_program
fork_program(os.open(os.devnull, os.O_WRONLY), None)
{TOOLS}
"""


def spawn(script: str, session: bool) -> "subprocess.Popen[bytes]":
    argv = [sys.executable, "-c", script]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=session)


class TreeCase(unittest.TestCase):
    def start(self, script: str, group: MemoryGroup | None = None) -> ProcessTree:
        """The tree of a script, which may already run."""
        self.reaper = spawn(PRELUDE + "say(str(os.getpid()))\n" + script, session=True)
        self.output = cast(BinaryIO, self.reaper.stdout)
        self.addCleanup(self.reaper.communicate)
        (program,) = self.hear()
        tree = ProcessTree(self.reaper.pid, group)
        self.addCleanup(tree.close)
        tree.program = self.program = int(program)
        return tree

    def hear(self) -> list[str]:
        """The next line, in words."""
        return self.output.readline().decode().split()

    def go_on(self) -> None:
        os.write(cast(BinaryIO, self.reaper.stdin).fileno(), b".")

    def has_ended(self) -> bool:
        """Whether the reaper has nothing below it any more."""
        return self.reaper.poll() is not None

    def assert_all_gone(self) -> None:
        """Every process of the tree holds the pipe, so it ends when the last one does."""
        ready, _, _ = select.select([self.output], [], [], 2)
        self.assertTrue(ready, "a process survived")
        self.assertEqual(self.output.read(), b"")

    def assert_soon(self, condition: Callable[[], bool]) -> None:
        enough = time.monotonic() + 10
        while not condition():
            self.assertLess(time.monotonic(), enough)
            time.sleep(0.02)

    def look(self, tree: ProcessTree) -> int:
        time.sleep(REFRESH_SECONDS)
        return tree.memory_bytes()


linux_only = unittest.skipUnless(Path("/proc/self/smaps_rollup").exists(), "needs Linux")


@linux_only
class MemoryTest(TreeCase):
    def test_memory_of_one_process_is_what_it_holds(self) -> None:
        tree = self.start(f"held = block({100 * MB})\nsay('ready')\nwait()")
        self.hear()
        self.assertTrue(100 * MB < tree.memory_bytes() < 160 * MB)
        self.assertTrue(100 * MB < tree.peak_memory_bytes < 160 * MB)

    def test_memory_counts_a_grandchild(self) -> None:
        grandchild = TOOLS + f"held = block({100 * MB}); say('ready'); wait()"
        tree = self.start(
            f"import subprocess\nsubprocess.run([sys.executable, '-c', {grandchild!r}], start_new_session=True)"
        )
        self.hear()
        self.assertTrue(100 * MB < self.look(tree) < 200 * MB)

    def test_memory_shared_with_forks_counts_once(self) -> None:
        tree = self.start(f"held = block({200 * MB})\nif os.fork() and os.fork():\n    os.fork()\nsay('ready')\nwait()")
        for _ in range(4):
            self.hear()
        self.assertTrue(200 * MB < self.look(tree) < 300 * MB)
        self.assertTrue(200 * MB < tree.peak_memory_bytes < 300 * MB)

    def test_memory_of_two_forks_that_hold_their_own_is_the_sum(self) -> None:
        tree = self.start(f"os.fork()\nheld = block({100 * MB})\nsay('ready')\nwait()")
        self.hear()
        self.hear()
        self.assertTrue(200 * MB < self.look(tree) < 300 * MB)

    def test_memory_shared_with_a_fork_counts_once_below_an_earlier_peak(self) -> None:
        tree = self.start(
            f"held = block({500 * MB})\ndel held\nsay('freed')\nwait()\n"
            f"held = block({200 * MB})\nif os.fork():\n    say('ready')\nwait()"
        )
        self.hear()
        self.assertLess(tree.memory_bytes(), 100 * MB)
        self.go_on()
        self.hear()
        self.assertTrue(200 * MB < self.look(tree) < 300 * MB)

    def test_memory_after_the_end_is_none_and_the_peak_stays(self) -> None:
        tree = self.start(f"held = block({100 * MB})\nsay('ready')\nwait()")
        self.hear()
        tree.memory_bytes()
        self.go_on()
        self.reaper.wait()
        self.assertEqual(tree.memory_bytes(), 0)
        self.assertGreater(tree.peak_memory_bytes, 100 * MB)

    def test_memory_counts_a_daemon_of_a_session_of_its_own(self) -> None:
        tree = self.start(
            f"def hold():\n    held = block({100 * MB})\n    say('ready')\n    wait()\ndaemon(hold)\nwait()"
        )
        self.hear()
        self.assertTrue(100 * MB < self.look(tree) < 200 * MB)


@linux_only
class MemoryOfGroupTest(TreeCase):
    """The figures of the group are made up: the real one holds whatever runs beside the tests."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.group = MemoryGroup(Path(folder.name), 2)
        self.family = {os.getpid(), os.getppid()} - {0}
        self.holds(1000 * MB, *self.family)

    def holds(self, size: int, *pids: int) -> None:
        (self.group.folder / "memory.stat").write_text(f"anon {size}\nshmem 0\n")
        (self.group.folder / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))

    def waiting(self) -> ProcessTree:
        tree = self.start("say('ready')\nwait()", self.group)
        self.hear()
        return tree

    def test_memory_in_a_group_of_our_own_is_what_the_group_gained(self) -> None:
        tree = self.waiting()
        self.holds(1300 * MB, *self.family, self.program)
        self.assertTrue(280 * MB < self.look(tree) < 330 * MB)
        self.assertTrue(280 * MB < tree.peak_memory_bytes < 330 * MB)

    def kernel_holds(self, size: int, caches: int = 0) -> None:
        stat = f"anon {1000 * MB}\nshmem 0\nkernel {size}\nslab_reclaimable {caches}\n"
        (self.group.folder / "memory.stat").write_text(stat)

    def test_memory_that_the_kernel_has_come_to_hold_is_the_trees(self) -> None:
        self.kernel_holds(50 * MB, caches=20 * MB)
        tree = self.waiting()
        self.assertLess(self.look(tree), 30 * MB)
        self.kernel_holds(450 * MB, caches=120 * MB)
        self.assertTrue(300 * MB <= self.look(tree) < 330 * MB)
        tree.disregard_files()
        self.assertLess(self.look(tree), 30 * MB)

    def test_caches_of_the_kernel_that_grow_with_its_memory_are_not_the_trees(self) -> None:
        tree = self.waiting()
        for kernel, caches, expected in ((400, 300, 100), (400, -300, 400), (100, 300, 0)):
            with (
                self.subTest(kernel=kernel, caches=caches),
                mock.patch.object(MemoryGroup, "kernel_bytes", return_value=(kernel * MB, caches * MB)),
            ):
                total = self.look(tree)
                self.assertTrue(expected * MB <= total < (expected + 30) * MB)

    def test_memory_that_we_gained_ourselves_is_not_the_trees(self) -> None:
        tree = self.waiting()
        held = b"x" * (300 * MB)
        self.holds(1300 * MB, *self.family, self.program)
        self.assertLess(self.look(tree), 30 * MB)
        self.assertEqual(len(held), 300 * MB)

    def test_memory_that_another_child_of_ours_gained_is_not_the_trees(self) -> None:
        tree = self.waiting()
        script = TOOLS + f"held = block({300 * MB}); say('ready'); wait()"
        with spawn(script, session=False) as child:
            cast(BinaryIO, child.stdout).readline()
            self.holds(1300 * MB, *self.family, self.program, child.pid)
            self.assertLess(self.look(tree), 30 * MB)
            child.communicate()

    def test_memory_of_files_that_are_disregarded_is_not_the_trees(self) -> None:
        tree = self.waiting()
        self.holds(1300 * MB, *self.family, self.program)
        self.look(tree)
        tree.disregard_files()
        self.assertLess(self.look(tree), 30 * MB)
        self.assertLess(tree.peak_memory_bytes, 60 * MB)
        self.holds(1500 * MB, *self.family, self.program)
        self.assertTrue(180 * MB < self.look(tree) < 230 * MB)

    def test_memory_below_what_others_hold_is_none(self) -> None:
        tree = self.waiting()
        self.holds(10 * MB, *self.family, self.program)
        self.assertEqual(self.look(tree), 0)

    def test_memory_in_a_group_with_strangers_is_that_of_the_processes(self) -> None:
        self.holds(1000 * MB, *self.family, 0)
        tree = self.waiting()
        self.holds(1300 * MB, *self.family, 0, self.program)
        self.assertTrue(5 * MB < self.look(tree) < 30 * MB)

    def test_memory_once_a_stranger_joins_the_group_is_that_of_the_processes(self) -> None:
        tree = self.waiting()
        self.holds(1300 * MB, *self.family, 0, self.program)
        self.assertTrue(5 * MB < self.look(tree) < 30 * MB)


@linux_only
class RefreshTest(TreeCase):
    """When all processes are walked."""

    def walks(self, births: bool, longest: float) -> int:
        """How often it happens in one look, if somebody may have been born, and so much time may pass without."""
        tree = self.start("say('ready')\nwait()")
        self.hear()
        with (
            mock.patch.object(Births, "may_be_unseen", return_value=births),
            mock.patch.object(process_tree, "LONGEST_REFRESH_SECONDS", longest),
            mock.patch.object(process_tree, "_list_processes", wraps=process_tree._list_processes) as listing,
        ):
            self.look(tree)
        return listing.call_count

    def test_processes_are_walked_when_one_may_have_been_born_and_after_long(self) -> None:
        self.assertEqual([0, 1, 1], [self.walks(False, 60), self.walks(True, 60), self.walks(False, REFRESH_SECONDS)])

    def test_tree_that_is_closed_leaves_no_descriptor(self) -> None:
        before = len(os.listdir("/proc/self/fd"))
        group = MemoryGroup.ours()
        tree = self.start("say('ready')\nwait()", group)
        ours = {cast(BinaryIO, stream).fileno() for stream in (self.reaper.stdin, self.reaper.stdout)}
        self.hear()
        self.look(tree)
        tree.close()
        if group:
            group.close()
        self.assertEqual(before + len(ours), len(os.listdir("/proc/self/fd")))


@linux_only
class KillTest(TreeCase):
    def test_kill_ends_root_and_children(self) -> None:
        tree = self.start("os.fork()\nos.fork()\nsay('ready')\nwait()")
        for _ in range(4):
            self.hear()
        tree.kill(self.has_ended)
        self.assert_all_gone()
        self.assertEqual(self.reaper.wait(), 0)

    def test_kill_ends_a_grandchild_that_left_the_session(self) -> None:
        tree = self.start(
            """
if os.fork() == 0 and os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say("ready")
wait()
"""
        )
        self.hear()
        tree.kill(self.has_ended)
        self.assert_all_gone()

    def test_kill_ends_a_daemon_that_was_never_seen_below_the_root(self) -> None:
        tree = self.start("def serve():\n    say(f'ready {os.getpid()}')\n    wait()\ndaemon(serve)\nwait()")
        _, pid = self.hear()
        self.assert_soon(lambda: _parent(pid) == self.reaper.pid)
        tree.kill(self.has_ended)
        self.assert_all_gone()
        self.assertFalse(Path("/proc", pid).exists(), "not reaped")

    def test_kill_ends_a_daemon_after_the_root(self) -> None:
        tree = self.start("def serve():\n    time.sleep(0.1)\n    say('ready')\n    wait()\ndaemon(serve)")
        self.hear()
        self.assert_soon(lambda: not Path(f"/proc/{self.program}").exists())
        tree.kill(self.has_ended)
        self.assert_all_gone()

    def test_kill_ends_children_of_a_daemon(self) -> None:
        tree = self.start("def serve():\n    os.fork()\n    os.setsid()\n    say('ready')\n    wait()\ndaemon(serve)")
        self.hear()
        self.hear()
        tree.kill(self.has_ended)
        self.assert_all_gone()

    def test_kill_ends_a_process_whose_first_thread_has_ended(self) -> None:
        tree = self.start(
            """
def leave():
    number = 60 if platform.machine() == "x86_64" else 93
    threading.Thread(target=lambda: (time.sleep(0.2), say("ready"), wait())).start()
    ctypes.CDLL(None).syscall(number, 0)
daemon(leave)
wait()
"""
        )
        self.hear()
        self.look(tree)
        self.assertEqual(tree.count(), 2)
        tree.kill(self.has_ended)
        self.assert_all_gone()

    def assert_kill_empties(self, bomb: str, processes: int) -> None:
        tree = self.start(bomb)
        self.assert_soon(lambda: tree.memory_bytes() > 0 and tree.count() >= processes)
        tree.kill(self.has_ended)
        self.assert_all_gone()
        self.assertEqual(self.reaper.wait(), 0)

    def test_kill_empties_a_fork_bomb(self) -> None:
        self.assert_kill_empties("take = tokens(700)\nwhile os.read(take, 1):\n    os.fork()\nwait()", 200)

    def test_kill_empties_a_fork_bomb_of_daemons(self) -> None:
        bomb = """
take = tokens(700)
while os.read(take, 1):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
wait()
"""
        self.assert_kill_empties(bomb, 200)

    def test_kill_ends_a_daemon_that_forks_and_leaves_without_end(self) -> None:
        hop = "take = tokens(60_000)\nwhile os.read(take, 1):\n    if os.fork():\n        os._exit(0)\nwait()"
        self.assert_kill_empties(hop, 0)

    def test_kill_of_what_is_gone_does_nothing(self) -> None:
        tree = self.start("pass")
        self.reaper.wait()
        tree.kill(self.has_ended)
        tree.kill(self.has_ended)
        self.assert_all_gone()

    def test_kill_spares_our_other_child_in_a_session_of_its_own_and_its_daemon(self) -> None:
        tree = self.start("say('ready')\nwait()")
        self.hear()
        script = TOOLS + "def serve():\n    say(str(os.getpid()))\n    wait()\ndaemon(serve)\nwait()"
        with spawn(script, session=True) as child:
            daemon = int(cast(BinaryIO, child.stdout).readline())
            self.look(tree)
            self.assertEqual(tree.count(), 1)
            tree.kill(self.has_ended)
            self.assertIsNone(child.poll())
            self.assertTrue(Path(f"/proc/{daemon}").exists())
            child.communicate()
        self.assert_all_gone()

    def test_kill_spares_the_tree_of_an_earlier_root(self) -> None:
        self.start("say('ready')\nwait()")
        self.hear()
        earlier = self.reaper
        tree = self.start("say('ready')\nwait()")
        self.hear()
        tree.kill(self.has_ended)
        self.assert_all_gone()
        self.assertIsNone(earlier.poll())


@linux_only
class CountTest(TreeCase):
    def test_count_follows_forks_and_ends(self) -> None:
        tree = self.start("if os.fork() and os.fork():\n    say('ready')\nwait()")
        self.hear()
        self.look(tree)
        self.assertEqual(tree.count(), 3)
        self.go_on()
        self.assert_soon(lambda: tree.memory_bytes() > 0 and tree.count() == 2)

    def test_forks_are_the_living_processes_that_run_no_other_program(self) -> None:
        tree = self.start("""if os.fork() == 0:
    wait()
elif os.fork() == 0:
    os.execlp("sh", "sh", "-c", "echo ready; read line")
elif os.fork() == 0:
    os._exit(0)
wait()
""")
        self.hear()
        self.look(tree)
        self.assertEqual(tree.forks(), 1)

    def test_cpu_time_of_a_process_that_waits_does_not_grow(self) -> None:
        tree = self.start("say('ready'); wait()")
        self.hear()
        before = tree.cpu_s()
        time.sleep(0.5)
        self.assertLess(tree.cpu_s() - before, 0.05)

    def test_cpu_time_is_that_of_children_that_ended_and_of_orphans_too(self) -> None:
        tree = self.start("""
def compute():
    enough = time.process_time() + 0.3
    while time.process_time() < enough:
        pass
daemon(compute)
if os.fork() == 0:
    compute()
    os._exit(0)
os.wait()
say('ready')
wait()
""")
        self.hear()
        self.assert_soon(lambda: _children_of(self.reaper.pid) == [self.program])
        self.assertGreater(tree.cpu_s(), 0.55)

    def test_orphans_that_ended_are_reaped(self) -> None:
        tree = self.start("for _ in range(30):\n    daemon(lambda: None)\nsay('ready')\nwait()")
        self.hear()
        self.assert_soon(lambda: [self.program] == _children_of(self.reaper.pid))
        self.look(tree)
        self.assertEqual(tree.count(), 1)


def _parent(pid: str) -> int:
    return int(Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[1])


def _children_of(parent: int) -> list[int]:
    """The dead ones too."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if _parent(name) == parent:
                found.append(int(name))
    return found


if __name__ == "__main__":
    unittest.main()
