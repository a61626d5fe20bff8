"""births.py: when a look at all processes is worth its while."""

import os
import tempfile
import unittest
from pathlib import Path

from numerai_predict.sandbox.births import LOADAVG, Births


class BirthsTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.loadavg = Path(folder.name, "loadavg")

    def births(self, last_pid: int, newborn: int = 40) -> Births:
        self.kernel_says(last_pid)
        births = Births(newborn, self.loadavg)
        self.addCleanup(births.close)
        return births

    def kernel_says(self, last_pid: int) -> None:
        self.loadavg.write_text(f"0.52 0.31 0.20 2/113 {last_pid}\n")

    def test_births_may_be_unseen_until_two_looks_have_begun_since_the_last(self) -> None:
        births = self.births(41)
        seen = [births.may_be_unseen()]
        for last_pid in (41, 41, 42, 42, 42, 7):
            self.kernel_says(last_pid)
            seen.append(births.may_be_unseen())
            births.note_look()
        self.assertEqual([True, True, True, True, True, False, True], seen)

    def test_births_that_the_kernel_does_not_count_may_always_be_unseen(self) -> None:
        for last_pid, newborn in ((0, 40), (39, 40)):
            births = self.births(last_pid, newborn)
            for _ in range(3):
                births.note_look()
            self.assertTrue(births.may_be_unseen())
        births = Births(40, self.loadavg / "none")
        births.note_look()
        births.note_look()
        self.assertTrue(births.may_be_unseen())

    @unittest.skipUnless(LOADAVG.exists(), "needs Linux")
    def test_birth_of_a_real_process_is_seen(self) -> None:
        births = Births(1)
        self.addCleanup(births.close)
        births.note_look()
        births.note_look()
        process = os.fork()
        if process == 0:
            os._exit(0)
        os.waitpid(process, 0)
        self.assertTrue(births.may_be_unseen())


if __name__ == "__main__":
    unittest.main()
