"""Live data of a round, downloaded from the stand-in: once, and never that of another round."""

import os
import subprocess
import sys
import unittest
from collections.abc import Callable
from datetime import timedelta
from unittest import mock

from numerai_predict.faults import Code, Fault
from numerai_predict.platform_limits import TIME_LIMIT_S
from numerai_predict.tournament.live_data import MARGIN_S, get_live_data
from numerai_predict.tournament.round_folder import RoundFolder
from numerai_predict.transfer import DatasetDownloads
from tests.api.stand_in import Failure
from tests.harness import ROOT
from tests.tournament.support import StandInCase

# Is killed when it moves the file of that name to its place.
CHILD = """
import os, signal, sys
from pathlib import Path
from numerai_predict.tournament.live_data import get_live_data
from numerai_predict.tournament.round_folder import RoundFolder
from tests.api.stand_in import ClockOverHttp

folder, name = RoundFolder(Path(sys.argv[1])), sys.argv[2]
real = os.replace

def replace(source, target):
    if Path(target) == folder.path / "data" / name:
        os.kill(os.getpid(), signal.SIGKILL)
    real(source, target)

os.replace = replace
get_live_data(folder, [], ClockOverHttp(os.environ["NUMERAI_API_URL"]))
"""


class LiveDataTest(StandInCase):
    def setUp(self) -> None:
        super().setUp()
        patch = mock.patch.dict(os.environ, {"NUMERAI_API_URL": self.stand_in.url})
        patch.start()
        self.addCleanup(patch.stop)
        self.clock.set(self.wednesday.opening + timedelta(minutes=1))
        self.earlier = RoundFolder.of(self.folder, self.round(self.tuesday))
        self.kept = RoundFolder.of(self.folder, self.round(self.wednesday))

    def get(self) -> None:
        get_live_data(self.kept, [self.kept, self.earlier], self.clock)

    def get_of_tuesday(self) -> None:
        """As the start of the day before did."""
        now = self.clock.now()
        self.clock.set(self.tuesday.opening + timedelta(minutes=1))
        get_live_data(self.earlier, [], self.clock)
        self.clock.set(now)

    def assert_is_of_wednesday(self) -> None:
        self.assertEqual(self.wednesday.live, self.kept.live.read_bytes())
        self.assertEqual(self.wednesday.benchmarks, self.kept.benchmarks.read_bytes())
        self.assertEqual({"data.json", "live.parquet", "live_benchmark_models.parquet"}, self.files())

    def files(self) -> set[str]:
        return {path.name for path in self.kept.live.parent.iterdir()}

    def watching(self) -> "mock._patch[Callable[[float], None]]":
        """Nothing may be in the place of the data while it is waited for."""
        real = self.clock.sleep

        def sleep(seconds: float) -> None:
            self.assertFalse(self.kept.live.exists())
            real(seconds)

        return mock.patch.object(self.clock, "sleep", sleep)

    def test_data_is_downloaded_once_also_after_an_earlier_round(self) -> None:
        self.get_of_tuesday()
        self.get()
        self.get()
        self.assert_is_of_wednesday()
        self.assertEqual(4, self.asked("get"))
        self.assertEqual({"live.parquet", "live_benchmark_models.parquet"}, set(self.kept.digests()))

    def test_stale_live_features_are_downloaded_again_until_they_are_of_this_round(self) -> None:
        self.get_of_tuesday()
        self.wednesday.stale, self.wednesday.stale_live = 2, self.tuesday.live
        began = self.clock.now()
        with self.watching():
            self.get()
        self.assert_is_of_wednesday()
        self.assertGreaterEqual(self.clock.now() - began, timedelta(seconds=60))

    def test_stale_live_features_until_a_model_has_no_time_left_are_a_fault(self) -> None:
        self.get_of_tuesday()
        self.wednesday.stale, self.wednesday.stale_live = 100, self.tuesday.live
        self.clock.set(self.wednesday.deadline - timedelta(seconds=TIME_LIMIT_S + MARGIN_S + 31))
        with self.assertRaises(Fault) as raised:
            self.get()
        expected = f"The live data that Numerai serves is still that of round {self.tuesday.number}"
        self.assertIn(expected, raised.exception.message)
        self.assertIn("the deadline is 13:00 UTC", raised.exception.hint)
        self.assertIs(Code.DATASET_NOT_DOWNLOADED, raised.exception.code)
        self.assertEqual(set(), self.files())
        self.assertLess(self.clock.now(), self.wednesday.deadline - timedelta(seconds=TIME_LIMIT_S))

    def test_stale_benchmarks_are_a_fault_too(self) -> None:
        self.get_of_tuesday()
        self.wednesday.benchmarks = self.tuesday.benchmarks
        self.clock.set(self.wednesday.deadline - timedelta(minutes=5))
        with self.assertRaisesRegex(
            Fault, "The data of the live benchmark models that Numerai serves is still that of"
        ):
            self.get()
        self.assertEqual({"data.json", "live.parquet"}, self.files())

    def test_download_that_failed_is_tried_again(self) -> None:
        self.stand_in.failures = [Failure("dataset", error="Not yet"), Failure("get", body=b"<html>")]
        with self.watching():
            self.get()
        self.assert_is_of_wednesday()

    def test_fault_that_no_other_try_helps_is_raised_at_once(self) -> None:
        with (
            mock.patch.object(
                DatasetDownloads, "download", side_effect=Fault(Code.OUTPUT_NOT_WRITTEN, "Full")
            ) as download,
            self.assertRaisesRegex(Fault, "Full"),
        ):
            self.get()
        download.assert_called_once()

    def test_start_that_was_killed_before_a_file_was_in_its_place_is_gone_on_with(self) -> None:
        for name in ("live.parquet", "live_benchmark_models.parquet"):
            argv = [sys.executable, "-c", CHILD, str(self.kept.path), name]
            self.assertEqual(-9, subprocess.run(argv, cwd=ROOT, check=False, timeout=120).returncode)
            self.assertNotIn(name, self.files())
        self.get()
        self.assert_is_of_wednesday()

    def test_file_that_is_not_what_was_downloaded_is_replaced(self) -> None:
        self.get()
        self.kept.live.write_bytes(self.tuesday.live)
        self.kept.benchmarks.write_bytes(b"")
        self.get()
        self.assert_is_of_wednesday()

    def test_damage_of_an_earlier_round_keeps_nothing(self) -> None:
        self.earlier.write_digests({})
        (self.earlier.path / "data/data.json").write_text("{")
        self.get()
        self.assert_is_of_wednesday()


if __name__ == "__main__":
    unittest.main()
