"""What `make bench` compares, as far as it goes without a clock."""

import subprocess
import sys

from tests.harness import LEGACY_MODEL, LIVE, TESTS, PredictTestCase


class UnconfinedTest(PredictTestCase):
    def test_unconfined_program_writes_what_predict_writes(self) -> None:
        expected = self.predict(LEGACY_MODEL).csvs[0]
        before = expected.read_bytes()
        expected.unlink()
        flags = ["--model", str(LEGACY_MODEL), "--dataset", str(LIVE), "--output_dir", str(self.output_dir)]
        done = subprocess.run(
            [sys.executable, str(TESTS / "unconfined.py"), *flags], capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        (csv,) = self.output_dir.glob("live_predictions-*.csv")
        self.assertEqual(csv.read_bytes(), before)
