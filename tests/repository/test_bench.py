"""What `make bench` compares, as far as it goes without a clock."""

import os
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import pandas as pd
from lightgbm import Booster, Dataset, train

from tests.bench import cases, measure
from tests.bench.pairs import Spread, differences, ratios
from tests.bench.table import table
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


@unittest.skipUnless(sys.platform == "linux", "needs Linux")
class MeasureTest(unittest.TestCase):
    def python(self, source: str) -> list[str]:
        return [sys.executable, "-c", source]

    def test_cpu_time_is_that_of_the_tree_and_of_the_process_itself(self) -> None:
        compute = "import time\nwhile time.process_time() < 0.3: pass"
        start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {compute!r}])"
        cost = measure.timed(self.python(start), os.sched_getaffinity(0))
        self.assertGreaterEqual(cost.cpu_s, 0.3)
        self.assertLess(cost.own_cpu_s, 0.3)
        self.assertGreater(cost.own_cpu_s, 0)

    def test_cpu_time_of_a_process_that_nobody_waits_for_counts(self) -> None:
        compute = "import time\nwhile time.process_time() < 0.3: pass"
        start = f"import subprocess, sys, os; subprocess.Popen([sys.executable, '-c', {compute!r}]); os._exit(0)"
        self.assertGreaterEqual(measure.timed(self.python(start), os.sched_getaffinity(0)).cpu_s, 0.3)

    def test_command_runs_on_the_cpus_that_it_is_given_and_we_on_ours(self) -> None:
        ours = os.sched_getaffinity(0)
        one = measure.cpu_sets()[0]
        measure.timed(self.python(f"import os; assert os.sched_getaffinity(0) == {one}"), one)
        self.assertEqual(1, len(one))
        self.assertEqual(ours, os.sched_getaffinity(0))

    def test_command_that_fails_ends_the_measurement_with_what_it_printed(self) -> None:
        for run in (lambda argv: measure.timed(argv, os.sched_getaffinity(0)), measure.peak):
            with self.assertRaisesRegex(SystemExit, "status 3:\nno such thing"):
                run(self.python("import sys; print('no such thing', file=sys.stderr); sys.exit(3)"))

    def test_abort_of_arrow_at_the_end_is_no_failure(self) -> None:
        said = "terminate called without an active exception"
        measure.timed(self.python(f"import os; os.write(2, b'{said}'); os.abort()"), os.sched_getaffinity(0))
        with self.assertRaisesRegex(SystemExit, "status -6"):
            measure.timed(self.python("import os; os.abort()"), os.sched_getaffinity(0))

    def test_peak_is_that_of_the_tree_and_of_the_process_itself(self) -> None:
        hold = "import time; held = b'.' * 100_000_000; time.sleep(0.5)"
        start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
        found = measure.peak(self.python(start))
        self.assertGreater(found.tree_mb, 100)
        self.assertLess(found.own_mb, 50)

    def test_memory_that_forks_share_counts_once(self) -> None:
        # Python's own end gives memory back bit by bit, and what one process no longer shares counts for the other.
        fork = "import os, time; held = b'.' * 100_000_000; os.fork(); time.sleep(0.5); os._exit(0)"
        found = measure.peak(self.python(fork))
        self.assertTrue(100 < found.tree_mb < 120, found)


class PairsTest(unittest.TestCase):
    def test_spread_is_the_median_and_the_quartiles(self) -> None:
        self.assertEqual(Spread(3, 2, 4), Spread.of([5, 1, 3, 2, 4]))
        self.assertEqual("3.00 [2.00, 4.00]", Spread.of([5, 1, 3, 2, 4]).show())

    def test_spread_of_one_value_is_that_value(self) -> None:
        self.assertEqual(Spread(2, 2, 2), Spread.of([2]))

    def test_pairs_are_compared_round_by_round(self) -> None:
        # A machine that is three times as slow in the second round changes no ratio.
        base, costs = ([measure.Cost(wall_s, 0, 0) for wall_s in walls] for walls in ([1, 3], [2, 6]))
        self.assertEqual(Spread(2, 2, 2), ratios(costs, base, lambda cost: cost.wall_s))
        self.assertEqual(Spread(2, 1.5, 2.5), differences(costs, base, lambda cost: cost.wall_s))


class TableTest(unittest.TestCase):
    def test_columns_are_as_wide_as_their_widest_cell(self) -> None:
        expected = ["| a    |  long |", "| ---- | ----: |", "| text |     1 |", "| b    | 2,000 |"]
        self.assertEqual(expected, table(["a", "long"], [["text", "1"], ["b", "2,000"]]).splitlines())


class ModelsTest(unittest.TestCase):
    def test_trees_that_are_repeated_predict_as_often_as_much(self) -> None:
        data = np.random.default_rng(0).random((200, 3))
        once = train({"verbosity": -1, "num_threads": 1}, Dataset(data, data[:, 0]), num_boost_round=4)
        again = Booster(model_str=cases.repeat_trees(once.model_to_string(), times=3))
        self.assertEqual(12, again.num_trees())
        np.testing.assert_allclose(again.predict(data), 3 * once.predict(data))

    def test_models_run_where_the_scripts_cannot_be_imported(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for model in (cases.scikit_learn, cases.numpy_only):
                case = cases.Case("", "", "", cases.sample_data, model)
                with self.subTest(model.__name__):
                    subprocess.run(case.programs(folder)["bare"], check=True)
                    predictions = pd.read_csv(folder / "output/bare.csv")["prediction"]
                    self.assertEqual(len(pd.read_parquet(LIVE)), predictions.nunique())
