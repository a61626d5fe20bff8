"""kernel_file.py: what is read stays open, says what is, and is nothing once it is gone."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from numerai_predict.sandbox.kernel_file import KernelFile, figure


class KernelFileTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name, "file")
        self.file = KernelFile(self.path)
        self.addCleanup(self.file.close)

    def test_file_says_what_is_at_each_read_and_is_opened_once_until_it_is_closed(self) -> None:
        self.path.write_bytes(b"1")
        self.assertEqual(b"1", self.file.read())
        self.path.write_bytes(b"20")
        self.assertEqual(b"20", self.file.read())
        self.path.unlink()
        self.assertEqual(b"20", self.file.read())
        self.file.close()
        self.assertEqual(b"", self.file.read())

    def test_file_that_comes_later_is_read_then(self) -> None:
        self.assertEqual(b"", self.file.read())
        self.path.write_bytes(b"1")
        self.assertEqual(b"1", self.file.read())

    @unittest.skipUnless(Path("/proc/self/statm").exists(), "needs Linux")
    def test_file_of_a_process_that_is_gone_is_empty(self) -> None:
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
            file = KernelFile(f"/proc/{process.pid}/statm")
            self.addCleanup(file.close)
            self.assertNotEqual(b"", file.read())
        self.assertEqual(b"", file.read())

    @unittest.skipUnless(Path("/proc/self/fd").exists(), "needs Linux")
    def test_file_that_is_closed_has_no_descriptor(self) -> None:
        before = os.listdir("/proc/self/fd")
        self.path.write_bytes(b"1")
        self.file.read()
        self.file.close()
        self.file.close()
        self.assertEqual(before, os.listdir("/proc/self/fd"))


class FigureTest(unittest.TestCase):
    def test_figure_is_that_of_the_line_with_the_whole_name_and_0_without_one(self) -> None:
        text = b"inactive_anon 5\nanon 7\nanon_thp 9\nshmem 11"
        self.assertEqual(
            [7, 11, 5, 0], [figure(text, name) for name in (b"anon ", b"shmem ", b"inactive_anon ", b"x ")]
        )
        self.assertEqual(4096, figure(b"VmRSS:\t    4096 kB\n", b"VmRSS:"))


if __name__ == "__main__":
    unittest.main()
