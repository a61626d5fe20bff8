"""shared_memory.py: that it was full is remembered, whatever becomes of it."""

import os
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from numerai_predict.sandbox.shared_memory import SharedMemory

MB = 1 << 20


class SharedMemoryTest(unittest.TestCase):
    def look(self, *free: int, blocks: int = 64) -> int | None:
        """What is known after looks that find so many MB free."""
        watched = SharedMemory(Path("/dev/shm"))
        for left in free:
            found = SimpleNamespace(f_bfree=left, f_blocks=blocks, f_frsize=MB)
            with mock.patch.object(os, "statvfs", return_value=found):
                watched.look()
        return watched.full_bytes

    def test_memory_that_was_full_once_is_remembered_with_its_size(self) -> None:
        self.assertEqual(self.look(64, 0, 64), 64 * MB)
        self.assertEqual(self.look(3), 64 * MB)

    def test_memory_is_used_while_anything_lies_in_it(self) -> None:
        watched = SharedMemory(Path("/dev/shm"))
        used = []
        for left in (64, 63, 64):
            found = SimpleNamespace(f_bfree=left, f_blocks=64, f_frsize=MB)
            with mock.patch.object(os, "statvfs", return_value=found):
                watched.look()
            used.append(watched.is_used)
        self.assertEqual([False, True, False], used)

    def test_memory_with_room_is_not_full(self) -> None:
        self.assertIsNone(self.look(64, 8))

    def test_memory_without_a_limit_is_not_full(self) -> None:
        self.assertIsNone(self.look(0, blocks=0))

    def test_memory_that_is_not_there_is_not_full(self) -> None:
        watched = SharedMemory(Path("/no/such/folder"))
        watched.look()
        self.assertIsNone(watched.full_bytes)


if __name__ == "__main__":
    unittest.main()
