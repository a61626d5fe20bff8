"""disk_usage.py: what is counted, what cannot be, and that each step is a short one."""

import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from numerai_predict.sandbox import disk_usage
from numerai_predict.sandbox.disk_usage import DiskUsage, UncountableError
from numerai_predict.sandbox.folders import remove_tree

MB = 1_000_000
DEEP = f"""
import os
for _ in range(1500):
    os.mkdir('deeper')
    os.chdir('deeper')
open('file', 'wb').write(b'x' * {MB})
"""
NOBODY = 65534


class DiskUsageCase(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(remove_tree, str(self.folder), lambda: False)
        self.usage = self.usage_of(None)

    def usage_of(self, user: int | None, shared: str = "") -> DiskUsage:
        with mock.patch.object(disk_usage, "INTERVAL_SECONDS", 0.0):
            usage = DiskUsage(str(self.folder), shared, user)
        self.addCleanup(usage.close)
        return usage

    def look(self, usage: DiskUsage | None = None) -> int:
        """What one whole look finds."""
        usage = usage or self.usage
        with mock.patch.object(disk_usage, "STEP_SECONDS", 60.0), mock.patch.object(disk_usage, "INTERVAL_SECONDS", 0):
            usage.step()
        return usage.used_bytes

    def write(self, name: str, size: int = MB) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
        return path


class CountedTest(DiskUsageCase):
    def test_files_count_as_what_they_take_up_on_the_disk_and_once(self) -> None:
        before = self.look()
        file = self.write("a/b/file", 3 * MB)
        os.link(file, self.folder / "again")
        with (self.folder / "sparse").open("wb") as sparse:
            sparse.truncate(1 << 40)
        os.symlink("/", self.folder / "root")
        os.mkfifo(self.folder / "fifo")
        self.write(os.fsdecode(b"not \xff text\n"), 0)
        self.assertTrue(3 * MB <= self.look() - before < 4 * MB)

    def test_file_below_a_thousand_folders_counts_and_needs_few_descriptors(self) -> None:
        subprocess.run([sys.executable, "-c", DEEP], cwd=self.folder, check=True)
        before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
        self.usage.step()
        if before:
            self.assertLessEqual(len(os.listdir("/proc/self/fd")), before + 3)
        self.assertGreaterEqual(self.look(), MB)

    def test_file_below_many_folders_side_by_side_counts(self) -> None:
        for number in range(50):
            (self.folder / f"{number}/empty").mkdir(parents=True)
        self.write("31/empty/file")
        self.assertGreaterEqual(self.look(), MB)

    def test_folder_that_is_gone_holds_nothing(self) -> None:
        with mock.patch.object(disk_usage, "INTERVAL_SECONDS", 0.0):
            self.assertEqual(0, self.look(DiskUsage(str(self.folder / "gone"), "", None)))

    def test_folders_that_are_removed_while_we_look_are_no_error(self) -> None:
        self.write("a/b/c/file")
        self.write("z/file")
        with mock.patch.object(disk_usage, "STEP_SECONDS", 0.0):
            while self.usage.used_bytes < MB // 2:
                self.usage.step()
        remove_tree(str(self.folder / "a"), lambda: False)
        remove_tree(str(self.folder / "z"), lambda: False)
        self.assertLess(self.look(), 1.5 * MB)

    def test_step_is_short_and_the_next_goes_on(self) -> None:
        for number in range(3000):
            os.close(os.open(self.folder / str(number), os.O_CREAT | os.O_WRONLY))
        self.write("zzz/file")
        steps, longest = 0, 0.0
        while self.usage.used_bytes < MB:
            began = time.monotonic()
            with mock.patch.object(disk_usage, "STEP_SECONDS", 0.001):
                self.usage.step()
            steps, longest = steps + 1, max(longest, time.monotonic() - began)
            self.assertLess(steps, 3000)
        self.assertGreater(steps, 2)
        self.assertLess(longest, 0.5)

    def test_look_is_under_way_until_its_last_step(self) -> None:
        self.write("file")
        self.write("other")
        self.assertFalse(self.usage.is_looking)
        with mock.patch.object(disk_usage, "STEP_SECONDS", 0.0):
            self.usage.step()
        self.assertTrue(self.usage.is_looking)
        self.look()
        self.assertFalse(self.usage.is_looking)

    def test_nothing_is_looked_at_before_a_look_is_due(self) -> None:
        self.write("file")
        usage = DiskUsage(str(self.folder), "", None)
        usage.step()
        self.assertEqual(0, usage.used_bytes)

    @unittest.skipUnless(os.getuid() == 0, "needs root")
    def test_shared_memory_counts_where_it_is_the_users(self) -> None:
        with tempfile.TemporaryDirectory() as shared:
            for name, owner in (("ours", 0), ("its", NOBODY)):
                path = Path(shared, name)
                path.write_bytes(b"x" * MB)
                os.chown(path, owner, owner)
            self.assertTrue(MB <= self.look(self.usage_of(NOBODY, shared)) < 1.5 * MB)


class UncountableTest(DiskUsageCase):
    def assert_uncountable(self, reason: str) -> None:
        with self.assertRaisesRegex(UncountableError, reason):
            self.look()

    def test_more_files_than_can_be_looked_at_are_too_many(self) -> None:
        with mock.patch.object(disk_usage, "MAX_FILES", 10):
            for number in range(10):
                self.write(f"{number % 2}/{number}", 0)
            self.assert_uncountable("more than 10 files")

    def test_folder_that_is_closed_cannot_be_looked_into(self) -> None:
        if os.geteuid() == 0:  # Root may look into any folder.
            os.chown(self.folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
            self.addCleanup(os.seteuid, 0)
        for mode in (0o000, 0o300, 0o400):
            with self.subTest(oct(mode)):
                self.write("closed/file", 0)
                (self.folder / "closed").chmod(mode)
                self.assert_uncountable(r"cannot be looked into \(Permission denied\)")
                (self.folder / "closed").chmod(0o700)
                self.usage = self.usage_of(None)

    def look_and_move(self) -> None:
        """Look, and move the folder that is looked into."""
        (self.folder / "a/b").mkdir(parents=True, exist_ok=True)
        (self.folder / "elsewhere").mkdir(exist_ok=True)
        scan = os.scandir

        def move(folder: int) -> Any:
            if os.path.samestat(os.fstat(folder), os.stat(self.folder / "a/b")):
                os.rename(self.folder / "a/b", self.folder / "elsewhere/b")
                (self.folder / "a/b").mkdir()
            return scan(folder)

        with mock.patch("os.scandir", move):
            self.look()
        os.rmdir(self.folder / "elsewhere/b")

    def test_folder_that_moves_once_is_looked_into_again(self) -> None:
        for _ in range(disk_usage.MAX_BROKEN_LOOKS):
            self.look_and_move()
            self.look()

    def test_folders_that_move_each_time_are_uncountable(self) -> None:
        for _ in range(disk_usage.MAX_BROKEN_LOOKS - 1):
            self.look_and_move()
        with self.assertRaisesRegex(UncountableError, "never stay where they are"):
            self.look_and_move()


if __name__ == "__main__":
    unittest.main()
