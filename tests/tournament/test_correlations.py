"""Correlations of predictions, computed by a real process from real files, beside those of scipy and by hand."""

import json
import logging
import math
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from numerai_predict.tournament import correlations
from numerai_predict.tournament.correlations import correlate
from tests.harness import BENCHMARKS, ROOT

ROWS = 200
# Stands in for the interpreter, and ignores what it is asked.
ANSWERS = f"#!{sys.executable}\nimport sys, time; sys.stdin.read()\n"
# Files that are no predictions.
BAD = (b"", b"id,other\na,1\n", b"id,prediction\na,b\n", b"id,prediction\na\n", b"\xff\xfe,\n", b"id,prediction\n\n")


class FilesTestCase(unittest.TestCase):
    """A test with a folder for what it correlates."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.random = np.random.default_rng(1)
        self.ids = [f"n{number:016x}" for number in range(ROWS)]

    def predictions(self, name: str, values: Mapping[str, float]) -> Path:
        path = self.folder / f"{name}.csv"
        pd.Series(values, name="prediction").rename_axis("id").to_csv(path)
        return path

    def by_chance(self) -> dict[str, float]:
        """Values of all ids, of which many are tied."""
        return dict(zip(self.ids, self.random.integers(1, 40, ROWS) / 40, strict=True))

    def benchmarks(self, columns: Mapping[str, object]) -> Path:
        path = self.folder / "benchmarks.parquet"
        pd.DataFrame(columns, index=pd.Index(self.ids, name="id")).to_parquet(path)
        return path


class CorrelationsTest(FilesTestCase):
    def test_correlations_of_values_with_ties_are_those_of_scipy(self) -> None:
        mine, before = self.by_chance(), self.by_chance()
        one, other = self.random.random(ROWS).astype("float32"), self.random.integers(0, 9, ROWS)
        found = correlate(
            {"a": self.predictions("a", mine)},
            {"a": self.predictions("before", before)},
            self.benchmarks({"one": one, "other": other}),
        )
        values = list(mine.values())
        self.assertEqual({"a": {"one", "other", "yesterday"}}, _names(found))
        for name, expected in (("one", one), ("other", other), ("yesterday", list(before.values()))):
            self.assertAlmostEqual(spearmanr(values, expected).statistic, found["a"][name], delta=1e-12)

    def test_correlations_of_the_same_order_and_of_the_opposite_are_one_and_minus_one(self) -> None:
        values = self.random.permutation(ROWS) / ROWS
        mine = dict(zip(self.ids, values, strict=True))
        found = correlate({"a": self.predictions("a", mine)}, {}, self.benchmarks({"up": values**3, "down": -values}))
        self.assertAlmostEqual(1, found["a"]["up"], delta=1e-12)
        self.assertAlmostEqual(-1, found["a"]["down"], delta=1e-12)

    def test_rows_that_only_one_side_has_and_nan_do_not_count(self) -> None:
        mine, column = self.by_chance(), self.random.random(ROWS)
        column[::3] = math.nan
        shared = [row for row in range(50, ROWS) if row % 3]
        some = {key: mine[key] for key in self.ids[50:]} | {f"other{number}": number / 100 for number in range(50)}
        shuffled = dict(sorted(some.items(), key=lambda item: item[1]))
        found = correlate({"a": self.predictions("a", shuffled)}, {}, self.benchmarks({"one": column}))
        expected = spearmanr([mine[self.ids[row]] for row in shared], column[shared]).statistic
        self.assertAlmostEqual(expected, found["a"]["one"], delta=1e-12)

    def test_predictions_without_three_shared_ids_have_no_correlation(self) -> None:
        columns = self.benchmarks({"one": self.random.random(ROWS)})
        for shared, known in ((0, set()), (2, set()), (3, {"one"})):
            with self.subTest(shared=shared):
                others = {f"other{number}": number / 100 for number in range(50)}
                mine = self.predictions("a", {key: row / 10 for row, key in enumerate(self.ids[:shared])} | others)
                self.assertEqual({"a": known}, _names(correlate({"a": mine}, {}, columns)))

    def test_ids_that_are_numbers_or_missing_values_elsewhere_are_ids(self) -> None:
        self.ids = ["1", "01", "NA", "nan", "1e3"]
        mine = dict(zip(self.ids, (0.1, 0.2, 0.3, 0.4, 0.5), strict=True))
        found = correlate({"a": self.predictions("a", mine)}, {}, self.benchmarks({"one": [1, 2, 3, 5, 4]}))
        self.assertAlmostEqual(0.9, found["a"]["one"], delta=1e-12)

    def test_what_is_constant_or_no_number_or_the_era_has_no_correlation(self) -> None:
        columns = {
            "constant": [0.5] * ROWS,
            "infinite": [math.inf] * ROWS,
            "unknown": [math.nan] * ROWS,
            "text": ["x", "y"] * (ROWS // 2),
            "era": range(ROWS),
        }
        mine = self.predictions("a", self.by_chance())
        self.assertEqual({"a": {}}, correlate({"a": mine}, {}, self.benchmarks(columns)))

    def test_constant_predictions_have_no_correlation(self) -> None:
        mine = self.predictions("a", dict.fromkeys(self.ids, 0.5))
        self.assertEqual({"a": {}}, correlate({"a": mine}, {}, self.benchmarks({"one": self.random.random(ROWS)})))

    def test_each_model_is_held_against_its_own_day_before(self) -> None:
        up = {key: row / ROWS for row, key in enumerate(self.ids)}
        down = {key: 1 - value for key, value in up.items()}
        mine = self.predictions("up", up)
        found = correlate(
            {"same": mine, "turned": mine, "new": mine, "é <b>": mine},
            {"same": mine, "turned": self.predictions("down", down), "gone": mine},
            self.benchmarks({}),
        )
        rounded = {name: {other: round(value, 9) for other, value in of.items()} for name, of in found.items()}
        self.assertEqual({"same": {"yesterday": 1}, "turned": {"yesterday": -1}, "new": {}, "é <b>": {}}, rounded)

    def test_sample_benchmarks_are_known_by_their_columns_in_their_order(self) -> None:
        frame = pd.read_parquet(BENCHMARKS)
        mine = self.predictions("a", frame["v53_lgbm_ensemble"].to_dict())
        found = correlate({"a": mine}, {}, BENCHMARKS)
        self.assertEqual(list(frame.select_dtypes("number").columns), list(found["a"]))
        self.assertAlmostEqual(1, found["a"]["v53_lgbm_ensemble"], delta=1e-12)

    def test_process_that_asks_imports_no_pandas(self) -> None:
        mine = self.predictions("a", self.by_chance())
        program = (
            "import sys; from pathlib import Path; import numerai_predict.tournament.morning\n"
            "from numerai_predict.tournament.correlations import correlate\n"
            "found = correlate({'a': Path(sys.argv[1])}, {}, Path(sys.argv[2]))\n"
            "print(len(found['a']), *({'pandas', 'numpy', 'pyarrow'} & sys.modules.keys()))"
        )
        argv = [sys.executable, "-c", program, str(mine), str(self.benchmarks({"one": self.random.random(ROWS)}))]
        self.assertEqual("1\n", subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


class DamagedFilesTest(FilesTestCase):
    def test_predictions_that_cannot_be_read_are_left_out_and_logged(self) -> None:
        good = self.predictions("good", self.by_chance())
        bad = {f"bad{number}": self.folder / f"bad{number}.csv" for number in range(len(BAD))}
        for path, content in zip(bad.values(), BAD, strict=True):
            path.write_bytes(content)
        bad["none"] = self.folder / "none.csv"
        bad["folder"] = self.folder
        with self.assertLogs(correlations.__name__, logging.WARNING) as logs:
            found = correlate({"good": good, **bad}, {"good": good}, self.benchmarks({"one": self.random.random(ROWS)}))
        self.assertEqual({"good": {"one", "yesterday"}}, _names(found))
        for path, line in zip(bad.values(), logs.output, strict=True):
            self.assertIn(f"{path} cannot be read", line)

    def test_predictions_of_yesterday_that_cannot_be_read_are_left_out_and_logged(self) -> None:
        mine, before = self.predictions("a", self.by_chance()), self.folder / "be\x1bfore.csv"
        before.write_bytes(b"id,prediction\na,b\n")
        with self.assertLogs(correlations.__name__, logging.WARNING) as logs:
            found = correlate({"a": mine}, {"a": before}, self.benchmarks({"one": self.random.random(ROWS)}))
        self.assertEqual({"a": {"one"}}, _names(found))
        self.assertIn("be\\x1bfore.csv cannot be read", logs.output[0])

    def test_benchmarks_that_cannot_be_read_are_left_out_and_logged(self) -> None:
        mine, benchmarks = self.predictions("a", self.by_chance()), self.folder / "benchmarks.parquet"
        benchmarks.write_bytes(b"PAR1 damaged PAR1")
        with self.assertLogs(correlations.__name__, logging.WARNING) as logs:
            self.assertEqual({"a": {"yesterday"}}, _names(correlate({"a": mine}, {"a": mine}, benchmarks)))
        self.assertIn(f"{benchmarks} cannot be read", logs.output[0])


class NoAnswerTest(FilesTestCase):
    def logged(self, program: str) -> str:
        """What is logged if this answers in place of our program."""
        python = self.folder / "python"
        python.write_text(ANSWERS + program)
        python.chmod(0o700)
        mine = self.predictions("a", self.by_chance())
        with (
            mock.patch("sys.executable", str(python)),
            self.assertLogs(correlations.__name__, logging.WARNING) as logs,
        ):
            self.assertEqual({}, correlate({"a": mine}, {}, self.folder / "none.parquet"))
        self.assertEqual(1, len(logs.output), logs.output)
        return logs.output[0]

    def test_process_that_fails_or_gives_no_json_is_logged(self) -> None:
        self.assertIn("ended with status 7.", self.logged("sys.exit(7)"))
        for program in ("", "print('{')", "print('[]')", "print('{}')", "print(1)"):
            with self.subTest(program):
                self.assertIn("gave no answer", self.logged(program))

    def test_process_that_hangs_is_ended_and_logged(self) -> None:
        began = time.monotonic()
        with mock.patch.object(correlations, "DEADLINE_SECONDS", 0.5):
            self.assertIn("not known after 0.5 seconds", self.logged("time.sleep(60)"))
        self.assertLess(time.monotonic() - began, 30)

    def test_answer_that_is_too_long_is_not_parsed(self) -> None:
        with mock.patch.object(correlations, "MOST_ANSWER_BYTES", 1000):
            self.assertIn("more than 1,000 bytes", self.logged("print(' ' * 2000)"))

    def test_answer_that_is_no_correlation_is_refused(self) -> None:
        answers: tuple[object, ...] = (
            {"correlations": {"b": {}}, "problems": []},
            {"correlations": {"a": {"one": 1.01}}, "problems": []},
            {"correlations": {"a": {"one": math.nan}}, "problems": []},
            {"correlations": {"a": {"one": True}}, "problems": []},
            {"correlations": {"a": {"one": "0.5"}}, "problems": []},
            {"correlations": {"a": [0.5]}, "problems": []},
            {"correlations": [], "problems": []},
            {"correlations": {"a": {"one": 0.5}}, "problems": [1]},
        )
        for answer in answers:
            with self.subTest(answer):
                self.assertIn("gave no answer", self.logged(f"print({json.dumps(answer)!r})"))

    def test_interpreter_that_is_not_there_is_logged(self) -> None:
        with (
            mock.patch("sys.executable", str(self.folder / "nothing")),
            self.assertLogs(correlations.__name__, logging.WARNING) as logs,
        ):
            self.assertEqual({}, correlate({}, {}, BENCHMARKS))
        self.assertIn("FileNotFoundError", logs.output[0])


def _names(found: Mapping[str, Mapping[str, float]]) -> dict[str, set[str]]:
    return {name: set(of_one) for name, of_one in found.items()}


if __name__ == "__main__":
    unittest.main()
