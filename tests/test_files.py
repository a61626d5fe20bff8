"""files.py: files that are written whole, and what is there in place of one."""

import os
import socket
import stat
import tempfile
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

from numerai_predict import files

AT_ONCE_S = 2.0


class FilesTestCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.file = self.folder / "file"
        self.file.write_bytes(b"content")
        self.pipe = self.folder / "pipe"
        os.mkfifo(self.pipe)

    def others(self) -> dict[str, Path]:
        """A path of each kind that is no file, by what it is."""
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(self.folder / "socket"))
        (self.folder / "link").symlink_to(self.pipe)
        source, target = os.pipe()
        self.addCleanup(os.close, source)
        self.addCleanup(os.close, target)
        return {
            "a folder": self.folder,
            "a pipe": self.folder / "link",
            "a pipe that is inherited": Path(f"/dev/fd/{source}"),
            "a socket": self.folder / "socket",
            "a device": Path("/dev/zero"),
        }

    def assert_at_once(self, began: float) -> None:
        self.assertLess(time.monotonic() - began, AT_ONCE_S)


class ReadTest(FilesTestCase):
    def test_other_than_file_names_what_is_there(self) -> None:
        for kind, path in self.others().items():
            with self.subTest(kind):
                self.assertTrue(kind.startswith(files.other_than_file(path)))
                self.assertTrue(files.other_than_file(path))

    def test_other_than_file_of_a_file_a_link_to_one_and_nothing_is_empty(self) -> None:
        (self.folder / "link").symlink_to(self.file)
        (self.folder / "dangling").symlink_to(self.folder / "nowhere")
        for name in ("file", "link", "dangling", "nowhere", "file/below", "a\0b", "long" * 100):
            with self.subTest(name):
                self.assertEqual("", files.other_than_file(self.folder / name))

    def test_open_file_of_a_file_reads_it(self) -> None:
        with files.open_file(self.file) as file:
            self.assertEqual(b"content", file.read())

    def test_open_file_of_anything_else_fails_at_once(self) -> None:
        before = os.listdir("/dev/fd")
        for kind, path in self.others().items():
            with self.subTest(kind):
                began = time.monotonic()
                self.assertRaises(OSError, files.open_file, path)
                self.assert_at_once(began)
        self.assertEqual(len(before) + 3, len(os.listdir("/dev/fd")), "a descriptor was left open")

    def test_open_file_of_a_pipe_says_what_it_is(self) -> None:
        with self.assertRaises(OSError) as raised:
            files.open_file(self.pipe)
        self.assertEqual("it is a pipe, not a file", raised.exception.strerror)


class WriteThroughTest(FilesTestCase):
    def setUp(self) -> None:
        super().setUp()
        patch = mock.patch.object(files, "PATIENCE_S", 0.3)
        patch.start()
        self.addCleanup(patch.stop)

    def test_write_through_a_pipe_that_nobody_opens_fails_soon(self) -> None:
        began = time.monotonic()
        with self.assertRaisesRegex(OSError, "nobody reads it"):
            files.write_through(b"x", self.pipe)
        self.assert_at_once(began)

    def test_write_through_a_pipe_that_nobody_reads_fails_soon(self) -> None:
        reader = os.open(self.pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        began = time.monotonic()
        with self.assertRaisesRegex(OSError, "nobody reads it"):
            files.write_through(b"x" * (1 << 21), self.pipe)
        self.assert_at_once(began)

    def test_write_through_a_pipe_with_a_slow_reader_delivers_all(self) -> None:
        content = os.urandom(1 << 20)
        got = bytearray()

        def read() -> None:
            time.sleep(0.1)
            with open(self.pipe, "rb", buffering=0) as pipe:
                while chunk := pipe.read(1 << 18):
                    got.extend(chunk)
                    time.sleep(0.1)  # In all longer than the patience.

        reader = threading.Thread(target=read)
        reader.start()
        files.write_through(content, self.pipe)
        reader.join()
        self.assertEqual(content, bytes(got))
        self.assertTrue(stat.S_ISFIFO(self.pipe.stat().st_mode))

    def test_write_through_a_folder_or_a_full_device_fails(self) -> None:
        for path in (self.folder, Path("/dev/full")):
            with self.subTest(str(path)):
                self.assertRaises(OSError, files.write_through, b"x", path)


if __name__ == "__main__":
    unittest.main()
