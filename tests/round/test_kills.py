"""A few rounds of the proof by killing; `make prove_round` plays hundreds."""

import subprocess
import sys
import unittest

from tests.harness import ROOT

# Two rounds in a folder and two in S3.
ROUNDS, SEED = 4, 1


@unittest.skipUnless(sys.platform == "linux", "processes are watched through /proc")
class KillsTest(unittest.TestCase):
    def test_round_whose_processes_and_store_are_killed_at_random_loses_nothing(self) -> None:
        argv = [sys.executable, "-m", "tests.round.kills", "--rounds", str(ROUNDS), "--seed", str(SEED)]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn("nothing was wrong", done.stdout)
        self.assertRegex(done.stdout, r"rounds +2 S3, 2 folder|rounds +2 folder, 2 S3")


if __name__ == "__main__":
    unittest.main()
