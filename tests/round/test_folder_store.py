"""folder_store.py: what processes that race, die or find a full disk leave in a folder."""

import contextlib
import errno
import fcntl
import itertools
import os
import random
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from numerai_predict.round import folder_store
from numerai_predict.round.folder_store import FolderStore
from numerai_predict.round.store import StoreError
from tests.harness import ROOT
from tests.round.racer import COUNT, COUNTER, counter, number_in

CHILD_S = 30.0
# Where a process is killed: before each of these calls, as often as they come.
CALLS = ((os, "open"), (os, "fsync"), (os, "link"), (os, "replace"), (os, "unlink"), (fcntl, "flock"))
LARGE = 1 << 20


class FolderTestCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.round = Path(folder.name) / "round"
        self.round.mkdir()
        self.store = FolderStore(self.round)

    def content(self, key: str) -> bytes:
        return (self.round / key).read_bytes()

    def version(self, key: str) -> str:
        found = self.store.read(key)
        assert found is not None
        return found.version

    def hidden(self, folder: str) -> list[str]:
        """What is left in a folder of writes that were not completed."""
        return [name for name in os.listdir(self.round / folder) if name.startswith(".")]

    def assert_lock_is_free(self) -> None:
        with mock.patch.object(folder_store, "LOCK_WAIT_S", 0.0):
            self.store.write("claims/lock-is-free", b"")


class RaceTest(FolderTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.store.create(COUNTER, counter(0, "start"))

    @contextlib.contextmanager
    def racing(self, *names: str) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
        """Processes that begin all at once; they are killed in the end, if they have not ended."""
        with contextlib.ExitStack() as ends:
            racers = {}
            for name in names:
                argv = [sys.executable, "-m", "tests.round.racer", str(self.round), name]
                racers[name] = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                ends.enter_context(racers[name])
                ends.callback(racers[name].kill)
            for racer in racers.values():
                assert racer.stdout is not None
                self.assertEqual(b"ready\n", racer.stdout.readline())
            for racer in racers.values():
                assert racer.stdin is not None
                racer.stdin.write(b"\n")
                racer.stdin.flush()
            yield racers

    def test_processes_create_and_replace_one_wins_each_time(self) -> None:
        with self.racing("a", "b", "c", "d") as racers:
            created = {name: racer.communicate()[0].decode().split() for name, racer in racers.items()}
        self.assertEqual({0}, {racer.returncode for racer in racers.values()})
        self.assertEqual(len(racers) * COUNT, number_in(self.content(COUNTER)))
        self.assertEqual(COUNT, sum(map(len, created.values())))
        winners = {name: winner for winner, names in created.items() for name in names}
        self.assertEqual(winners, {name: self.content(f"outcomes/{name}").decode() for name in winners})
        self.assertEqual([], self.hidden("claims") + self.hidden("outcomes"))

    def test_processes_killed_amid_their_writes_file_whole_and_lock_free(self) -> None:
        pauses = random.Random(7)
        for _ in range(6):
            with self.racing("a", "b"):
                time.sleep(pauses.uniform(0, 0.1))
            number_in(self.content(COUNTER))
            self.assert_lock_is_free()


class KillTest(FolderTestCase):
    """A process is killed before each call in which it could be stopped, one after the other."""

    def is_killed(self, at_call: int, work: Callable[[], object]) -> bool:
        """Do the work in a process that is killed before one of its calls; whether there were so many."""
        process = os.fork()
        if process == 0:
            with contextlib.suppress(BaseException), self.killing(at_call):
                work()
                os._exit(0)
            os._exit(1)
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        self.assertIn(status, (0, -signal.SIGKILL))
        return status != 0

    @contextlib.contextmanager
    def killing(self, at_call: int) -> Iterator[None]:
        calls = itertools.count(1)

        def killing_before(call: Callable[..., Any]) -> Callable[..., Any]:
            def wrapped(*args: Any, **flags: Any) -> Any:
                if next(calls) == at_call:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*args, **flags)

            return wrapped

        with contextlib.ExitStack() as patches:
            for module, name in CALLS:
                patches.enter_context(mock.patch.object(module, name, killing_before(getattr(module, name))))
            yield

    def kill_at_each_call(self, work: Callable[[], object], check: Callable[[], None]) -> None:
        for at_call in itertools.count(1):
            killed = self.is_killed(at_call, work)
            check()
            self.assert_lock_is_free()
            if not killed:
                self.assertGreater(at_call, 4)
                return

    def test_create_killed_anywhere_file_whole_or_not_there(self) -> None:
        content = os.urandom(LARGE)

        def check() -> None:
            found = self.store.read("claims/m1")
            self.assertIn(found and found.content, (None, content))
            self.assertEqual(found is None, bool(self.store.create("claims/m1", content)))
            (self.round / "claims/m1").unlink()

        self.kill_at_each_call(lambda: self.store.create("claims/m1", content), check)

    def test_replace_killed_anywhere_the_one_or_the_other_file_whole(self) -> None:
        before, after = b"1" * LARGE, b"2" * LARGE
        self.store.write("claims/m1", before)
        version = self.version("claims/m1")

        def check() -> None:
            self.assertIn(self.content("claims/m1"), (before, after))
            self.store.write("claims/m1", before)

        self.kill_at_each_call(lambda: self.store.replace("claims/m1", after, version), check)

    def test_killed_what_is_left_is_hidden(self) -> None:
        self.store.create("claims/m0", b"")
        self.assertTrue(self.is_killed(1, lambda: self.store.create("claims/m1", b"content")))
        self.assertEqual(1, len(self.hidden("claims")))
        self.assertEqual({"m0"}, self.store.names("claims"))


class WholeTest(FolderTestCase):
    """What others see while a file is written."""

    def read_on(self, is_over: threading.Event, key: str) -> None:
        """Read it again and again; each content must have LARGE equal bytes."""
        while not is_over.is_set():
            found = self.store.read(key)
            if found is not None and found.content != found.content[:1] * LARGE:
                self.broken.append(len(found.content))

    def seen_during(self, key: str, write: Callable[[bytes], object]) -> list[int]:
        """The lengths of what a reader saw that was not whole, while contents were written."""
        self.broken: list[int] = []
        is_over = threading.Event()
        reader = threading.Thread(target=self.read_on, args=(is_over, key))
        reader.start()
        try:
            for number in range(20):
                write(b"%d" % (number % 10) * LARGE)
        finally:
            is_over.set()
            reader.join()
        return self.broken

    def test_write_reader_sees_all_of_it_or_what_was_before(self) -> None:
        self.assertEqual([], self.seen_during("claims/m1", lambda content: self.store.write("claims/m1", content)))

    def test_create_reader_sees_all_of_it_or_nothing(self) -> None:
        def create(content: bytes) -> None:
            self.assertTrue(self.store.create("claims/m1", content))
            (self.round / "claims/m1").unlink()

        self.assertEqual([], self.seen_during("claims/m1", create))

    def steps_of(self, work: Callable[[], object]) -> list[str]:
        """What is made durable, and what gets its name, in their order."""
        steps: list[str] = []

        def noting(call: Callable[..., None], step_of: Callable[..., str]) -> Callable[..., None]:
            def wrapped(*args: Any) -> None:
                steps.append(step_of(*args))
                call(*args)

            return wrapped

        def synced(descriptor: int) -> str:
            return "sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file"

        with (
            mock.patch.object(os, "fsync", noting(os.fsync, synced)),
            mock.patch.object(os, "link", noting(os.link, lambda *_: "name")),
            mock.patch.object(os, "replace", noting(os.replace, lambda *_: "name")),
        ):
            work()
        return steps

    def test_written_file_durable_before_its_name_and_name_on_return(self) -> None:
        durably = ["sync file", "name", "sync folder"]
        self.assertEqual(["sync folder", *durably], self.steps_of(lambda: self.store.create("claims/m1", b"one")))
        self.assertEqual(durably, self.steps_of(lambda: self.store.create("claims/m2", b"one")))
        self.assertEqual(durably, self.steps_of(lambda: self.store.write("claims/m1", b"two")))
        version = self.version("claims/m1")
        self.assertEqual(durably, self.steps_of(lambda: self.store.replace("claims/m1", b"three", version)))


class LockTest(FolderTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.store.create("claims/m1", b"one")

    @contextlib.contextmanager
    def locked_by_another(self) -> Iterator[None]:
        with open(self.round / folder_store.LOCK, "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def test_lock_held_for_ever_error_that_says_so(self) -> None:
        version = self.version("claims/m1")
        with self.locked_by_another(), mock.patch.object(folder_store, "LOCK_WAIT_S", 0.2):
            with self.assertRaisesRegex(StoreError, r"m1 could not be written: \.lock was locked for 0\.2 seconds"):
                self.store.replace("claims/m1", b"two", version)
            with self.assertRaises(StoreError):
                self.store.write("claims/m1", b"two")
            self.assertEqual(version, self.version("claims/m1"))
            self.assertTrue(self.store.create("claims/m2", b"two"))
        self.assertEqual([], self.hidden("claims"))

    def test_lock_held_for_a_while_waited_for(self) -> None:
        version = self.version("claims/m1")
        with self.locked_by_another():
            replacing = threading.Thread(target=self.store.replace, args=("claims/m1", b"two", version))
            replacing.start()
            replacing.join(0.3)
            self.assertTrue(replacing.is_alive())
            self.assertEqual(b"one", self.content("claims/m1"))
        replacing.join()
        self.assertEqual(b"two", self.content("claims/m1"))

    def test_process_forked_while_locked_does_not_keep_the_lock(self) -> None:
        replace, forked = os.replace, []

        def fork_and_replace(*paths: Path) -> None:
            forked.append(os.fork())
            if forked[-1] == 0:
                time.sleep(CHILD_S)
                os._exit(0)
            replace(*paths)

        with mock.patch.object(os, "replace", fork_and_replace):
            self.store.write("claims/m1", b"two")
        try:
            self.assert_lock_is_free()
        finally:
            os.kill(forked[0], signal.SIGKILL)
            os.waitpid(forked[0], 0)

    def test_replace_that_fails_lock_free(self) -> None:
        with mock.patch.object(os, "replace", side_effect=OSError(errno.EIO, "broken")), self.assertRaises(StoreError):
            self.store.write("claims/m1", b"two")
        self.assert_lock_is_free()


class ErrorTest(FolderTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.store.create("claims/m1", b"one")

    def assert_full(self, problem: str, large: bytes) -> None:
        """No large content can be written; nothing of it is left, and what was there is there still."""
        version = self.version("claims/m1")
        calls: tuple[Callable[[], object], ...] = (
            lambda: self.store.create("claims/m2", large),
            lambda: self.store.replace("claims/m1", large, version),
            lambda: self.store.write("claims/m1", large),
            lambda: self.store.write("outcomes/m2", large),
        )
        for call in calls:
            with self.assertRaisesRegex(StoreError, rf"{self.round}/\w+/m\d could not be written: {problem}"):
                call()
        self.assertEqual(b"one", self.content("claims/m1"))
        self.assertEqual({"m1"}, self.store.names("claims"))
        self.assertEqual([], self.hidden("claims") + self.hidden("outcomes"))

    def test_file_too_large_nothing_left_of_it(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        try:
            self.assert_full("File too large", b"x" * LARGE)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        self.assertTrue(self.store.create("claims/m2", b"x" * LARGE))

    def test_disk_full_nothing_left_and_space_found_again(self) -> None:
        argv = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(self.round)]
        if os.getuid() != 0 or subprocess.run(argv, capture_output=True, check=False).returncode:
            self.skipTest("nothing can be mounted here")
        self.addCleanup(subprocess.run, ["umount", str(self.round)], check=True)
        self.store.create("claims/m1", b"one")
        self.assert_full("No space left on device", b"x" * LARGE)
        self.assertTrue(self.store.create("claims/m2", b"x" * 8192))

    def test_content_that_cannot_be_made_durable_not_there(self) -> None:
        with (
            mock.patch.object(os, "fsync", side_effect=OSError(errno.EIO, os.strerror(errno.EIO))),
            self.assertRaisesRegex(StoreError, "claims/m2 could not be written: Input/output error"),
        ):
            self.store.create("claims/m2", b"two")
        self.assertIsNone(self.store.read("claims/m2"))
        self.assertEqual([], self.hidden("claims"))

    def test_folder_of_the_round_gone_not_made_anew(self) -> None:
        shutil.rmtree(self.round)
        calls: tuple[Callable[[], object], ...] = (
            lambda: self.store.create("claims/m1", b"two"),
            lambda: self.store.write("round.json", b"two"),
            lambda: self.store.replace("claims/m1", b"two", "version"),
        )
        for call in calls:
            with self.assertRaisesRegex(StoreError, "could not be written: No such file or directory"):
                call()
        self.assertFalse(self.round.exists())

    def test_something_else_in_the_place_of_a_file_error_that_says_what(self) -> None:
        os.mkfifo(self.round / "claims/pipe")
        for key, problem in (("claims", "it is a folder, not a file"), ("claims/pipe", "it is a pipe, not a file")):
            with self.subTest(key):
                with self.assertRaisesRegex(StoreError, f"{key} could not be read: {problem}"):
                    self.store.read(key)
                with self.assertRaisesRegex(StoreError, problem):
                    self.store.fetch(key, self.round)
        self.assertEqual({"m1"}, self.store.names("claims"))

    def test_file_in_the_place_of_a_folder_nothing_there_and_nothing_written(self) -> None:
        self.assertIsNone(self.store.read("claims/m1/part"))
        self.assertEqual(set(), self.store.names("claims/m1"))
        with self.assertRaisesRegex(StoreError, "claims/m1/part could not be written"):
            self.store.create("claims/m1/part", b"two")

    def test_name_too_long_error_that_says_so(self) -> None:
        self.assertTrue(self.store.create("claims/" + "m" * 255, b"two"))
        for call in (self.store.read, lambda key: self.store.create(key, b"two")):
            with self.assertRaisesRegex(StoreError, "File name too long"):
                call("claims/" + "m" * 256)


class NfsTest(FolderTestCase):
    """What NFS does now and then, done by hand."""

    def linking(self, error: OSError | None, first: bool = True) -> "mock._patch[Any]":
        """os.link that (`first`) links and then raises the error."""
        link = os.link

        def linking(*paths: Path) -> None:
            if first:
                link(*paths)
            if error is not None:
                raise error

        return mock.patch.object(os, "link", linking)

    def test_link_whose_answer_was_lost_written(self) -> None:
        for number, code in enumerate((errno.EEXIST, errno.EIO)):
            with self.linking(OSError(code, os.strerror(code))):
                self.assertTrue(self.store.create(f"claims/m{number}", b"one"))
            self.assertEqual(b"one", self.content(f"claims/m{number}"))
        self.assertEqual([], self.hidden("claims"))

    def test_link_that_fails_error(self) -> None:
        error = PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        with self.linking(error, first=False), self.assertRaisesRegex(StoreError, "Operation not permitted"):
            self.store.create("claims/m1", b"one")
        self.assertEqual([], os.listdir(self.round / "claims"))

    def stale(self, times: int) -> "mock._patch[Any]":
        """Files that others replace so many times while they are read."""
        errors = [OSError(errno.ESTALE, os.strerror(errno.ESTALE))] * times
        return mock.patch.object(folder_store, "open_file", side_effect=[*errors, open(self.round / "claims/m1", "rb")])

    def test_file_replaced_while_it_is_read_read_again(self) -> None:
        self.store.create("claims/m1", b"one")
        with self.stale(2):
            found = self.store.read("claims/m1")
        self.assertEqual(b"one", found and found.content)

    def test_file_stale_for_ever_error(self) -> None:
        self.store.create("claims/m1", b"one")
        error = OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        with (
            mock.patch.object(folder_store, "open_file", side_effect=error),
            self.assertRaisesRegex(StoreError, "Stale file handle"),
        ):
            self.store.read("claims/m1")


if __name__ == "__main__":
    unittest.main()
