"""What `make bench` compares, as far as it goes without a clock."""

import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd

from tests.harness import LEGACY_MODEL, LIVE, TESTS, PredictTestCase


class UnconfinedTest(PredictTestCase):
    def unconfined(self, model: Path) -> bytes:
        """The predictions of a run of the program without confinement."""
        flags = ["--model", str(model), "--dataset", str(LIVE), "--output_dir", str(self.output_dir)]
        done = subprocess.run(
            [sys.executable, str(TESTS / "unconfined.py"), *flags], capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        (csv,) = self.output_dir.glob("live_predictions-*.csv")
        return csv.read_bytes()

    def test_unconfined_program_writes_what_predict_writes(self) -> None:
        expected = self.predict(LEGACY_MODEL).csvs[0]
        before = expected.read_bytes()
        expected.unlink()
        self.assertEqual(self.unconfined(LEGACY_MODEL), before)

    def test_unconfined_program_lets_a_model_open_a_socket(self) -> None:
        def networked(live_features: pd.DataFrame) -> pd.DataFrame:
            socket.socket().close()
            return pd.DataFrame({"prediction": 0.5}, index=live_features.index)

        self.assertIn(b",0.5\n", self.unconfined(self.pickle(networked)))
