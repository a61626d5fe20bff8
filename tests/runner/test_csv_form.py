"""csv_form.py: what passes is one line of names above numbers from 0 to 1, and what does not is refused early."""

import io
import time
import unittest
from collections.abc import Iterator
from csv import field_size_limit
from unittest import mock

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from numerai_predict.child import Shape
from numerai_predict.runner import csv_form
from numerai_predict.runner.csv_form import MAX_RECORD_BYTES, Predictions, read_csv
from numerai_predict.runner.id_counts import IdCounts
from numerai_predict.runner.live_ids import LiveIds
from numerai_predict.sandbox import ProtocolError
from tests.examples import examples

GOOD = b"id,prediction\nn1,0.25\nn2,0.5\nn3,1e-07\n"
SECONDS = 3.0


class Endless(io.RawIOBase):
    """A file of a line that comes again and again, which says how much of it was read."""

    def __init__(self, line: bytes, header: bytes = b"id,prediction\n") -> None:
        self.lines, self.read_lines = self.forever(header, line), 0
        self.line = line

    def forever(self, header: bytes, line: bytes) -> Iterator[bytes]:
        yield header
        while True:
            yield line

    def readline(self, size: int | None = -1, /) -> bytes:
        self.read_lines += 1
        return next(self.lines)[:size]

    def read(self, size: int | None = -1, /) -> bytes:
        lines = (size or 0) // len(self.line)
        self.read_lines += lines
        return self.line * lines

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return 0


def ids(rows: int = 3) -> IdCounts:
    return IdCounts(LiveIds(Shape(rows, 42), "".join(f"n{row + 1}\n" for row in range(rows)).encode()))


def found(csv: bytes, *columns: str, rows: int = 3) -> Predictions:
    return read_csv(io.BytesIO(csv), columns or ("prediction",), ids(rows))


class GoodCsvTest(unittest.TestCase):
    def test_numbers_of_the_first_column_are_read_and_summed_up(self) -> None:
        read = found(GOOD)
        self.assertEqual(([0.25, 0.5, 1e-07], ["id", "prediction"], 1), (list(read.values), read.header, read.levels))
        self.assertAlmostEqual(read.mean, pd.Series(read.values).mean())
        deviation = read.deviation
        assert deviation is not None
        self.assertAlmostEqual(deviation, pd.Series(read.values).std())
        self.assertEqual(read.histogram, [1, 0, 1, 0, 0, 1, 0, 0, 0, 0])
        self.assertIsNone(found(b"id,prediction\nn1,0.5\n").deviation)

    def test_values_at_the_edges_lie_in_the_bins_of_numpy(self) -> None:
        import numpy as np

        values = [edge / 10 for edge in range(11)] + [0.30000000000000004, 0.1 + 0.2, 0.7, 0.6 + 1e-16]
        csv = "id,prediction\n" + "".join(f"x,{value!r}\n" for value in values)
        counts, _ = np.histogram(values, bins=10, range=(0.0, 1.0))
        self.assertEqual(found(csv.encode(), rows=99).histogram, counts.tolist())

    def test_text_of_other_columns_may_hold_anything_that_a_csv_can(self) -> None:
        csv = b'id,prediction,note\nn1,0.5,"line\nbreak, ""quoted"""\nn2,0.5,\xc2\xa0\n'
        self.assertEqual(2, len(found(csv, "prediction", "note").values))

    def test_twice_the_live_rows_pass_and_no_row_more(self) -> None:
        self.assertEqual(6, len(found(b"id,prediction\n" + b"x,0.5\n" * 6).values))
        with self.assertRaisesRegex(ProtocolError, "more than 6 predictions for 3 live rows"):
            found(b"id,prediction\n" + b"x,0.5\n" * 7)

    def test_numbers_and_fractions_of_many_digits_are_read(self) -> None:
        csv = f"id,prediction\nn1,0.{'3' * 900}\nn2,1/{'4' * 400}\nn3,1/4\n"
        read = found(csv.encode())
        self.assertEqual([1 / 3, 0.0, 0.25], list(read.values))
        self.assertEqual((2, f"1/{'4' * 400}"), (read.fractions, read.first_fraction))


class ForgedCsvTest(unittest.TestCase):
    def refuse(self, csv: bytes, *columns: str, says: str = "^a CSV ") -> None:
        with self.assertRaisesRegex(ProtocolError, says):
            found(csv, *columns)

    def test_csv_that_is_not_one_is_refused(self) -> None:
        for name, csv in {
            "nothing": b"",
            "only the header": b"id,prediction\n",
            "not text": b"\xff\xfe" + GOOD,
            "nul": GOOD.replace(b"n1", b"n\0"),
            "nul in another column": b"id,prediction,x\nn1,0.5,\0\n",
            "two lines of header": b"id,prediction\n" * 2 + GOOD,
            "ragged": GOOD.replace(b"n2,0.5", b"n2,0.5,0.5"),
            "an empty line": GOOD.replace(b"n2", b"\nn2"),
            "unclosed quote": GOOD.replace(b"n2", b'"n2'),
            "huge field": GOOD.replace(b"n2", b"n" * 200_000),
            "carriage return": GOOD.replace(b"n2", b"n\r2"),
            "no column": b"id\nn1\nn2\nn3\n",
            "lone surrogate": GOOD.replace(b"n2", b"\xed\xa0\x80"),
        }.items():
            with self.subTest(name):
                columns = ("prediction", "x") if b",x" in csv else ("prediction",)
                self.refuse(csv, *columns)

    def test_header_that_is_not_that_of_the_columns_is_refused(self) -> None:
        for columns in (("preds",), ("id", "prediction"), ("prediction", "x"), ("x", "id", "prediction")):
            with self.subTest(columns):
                self.refuse(GOOD, *columns, says="names of the columns")
        with self.assertRaisesRegex(ProtocolError, "names of the columns"):
            read_csv(io.BytesIO(GOOD), (), ids())

    def test_prediction_that_is_not_a_number_from_0_to_1_is_refused(self) -> None:
        for text in (
            "nan",
            "inf",
            "-0.1",
            "1.0001",
            "0_1",
            "١",
            "",
            "=1",
            "0x1",
            "1e",
            "True",
            "0.5 ",
            "9" * 60,
            "0." + "3" * 1000,
            "1e999",
            "1/0",
            "4/3",
            "-1/3",
            "1/3/5",
            "1/",
            "/3",
            "1/3e5",
            f"1/{'3' * 1001}",
        ):
            with self.subTest(text):
                self.refuse(GOOD.replace(b"0.25", text.encode()), says="not numbers from 0 to 1, 1 among 3")

    def test_prediction_that_stands_elsewhere_is_found_by_its_name(self) -> None:
        self.refuse(b"id,x,prediction\nn1,0.5,nan\n", "x", "prediction", says="not numbers")
        self.refuse(b"id,prediction,x\nn1,=1+1,0.5\n", "x", says="not numbers")
        self.refuse(b"prediction,x\n7,0.5\n", "x", says="not numbers")

    def test_control_characters_of_ids_and_names_are_refused(self) -> None:
        for character in "\a\x1b\x7f\x9b\u2028\u2029\u202e\u2066":
            for place in (b"n2", b"id"):
                with self.subTest(character=character, place=place):
                    self.refuse(GOOD.replace(place, character.encode()), says=f"U\\+{ord(character):04X} in an? ")
        self.refuse(b'id,era,prediction\nn1,"a\n",0.5\n', says=r"U\+000A in an id")
        self.refuse(b'id,"predic\ntion"\nn1,0.5\n', "predic\ntion", says=r"U\+000A in a column name")

    def test_rows_without_end_are_read_no_further_than_they_are_too_many(self) -> None:
        for line in (b"x,0.5\n", b'"x\n', b"x" * 99 + b",0.5\n"):
            with self.subTest(line[:9]):
                endless = Endless(line)
                with self.assertRaises(ProtocolError):
                    read_csv(endless, ["prediction"], ids())  # type: ignore[arg-type]
                self.assertLess(endless.read_lines, 300_000)

    def test_records_are_no_longer_than_a_million_bytes(self) -> None:
        for csv in (
            b"," * (64 << 20),
            b"x" * (64 << 20),
            GOOD + b"," * (2 * MAX_RECORD_BYTES),
            GOOD + (b'"\n",' * 100_000) * 9,
        ):
            with self.subTest(csv[:9]):
                began = time.process_time()
                self.refuse(csv, says="a record of more than 1,048,576 bytes")
                self.assertLess(time.process_time() - began, SECONDS)

    def test_predictions_of_the_largest_size_are_read_in_seconds(self) -> None:
        rows = 14_000
        csv = b"id,prediction\n" + (b"x" * 4_700 + b",0.5\n") * rows
        began = time.process_time()
        self.assertEqual(rows, len(found(csv, rows=7_000).values))
        self.assertLess(time.process_time() - began, SECONDS)


# What CSVs are made of: ids that come next, come again or are not live, in quotes or not, numbers, and what is none.
IDS = st.sampled_from(
    ["n1", "n2", "n3", "n4", "n5", '"n2"', "", '""', "x", "n,1", '"n,1"', '"n1\nn2"', "é", "n1\r", "\0"]
)
NUMBERS = st.sampled_from(["0.5", "1", "1e-07", '"0.5"', "1/3", "1e", "nan", "2", "", "0.5,0.5"])
LIVES = ["n1\nn2\nn3\nn4\nn5\n", "n1\nn2\nn1\n", '"n,1"\nn2\n', "n1\nn,1\nn2\n", '""\nn1\n', "n1\n"]


@st.composite
def live_ids_and_rows(draw: st.DrawFn) -> tuple[str, list[tuple[str, str]]]:
    """The CSV of some live ids, and rows that begin in their order, quoted or not."""
    live = draw(st.sampled_from(LIVES))
    lines = live.splitlines()[: draw(st.sampled_from([0, 1, 2, None]))]
    quoted = draw(st.sampled_from(["", '"']))
    others = draw(st.just([]) | st.lists(st.tuples(IDS, NUMBERS), max_size=4))
    return live, [*((f"{quoted}{line}{quoted}", "0.5") for line in lines), *others]


def outcome(csv: bytes, live: LiveIds) -> object:
    """All that is known of the CSV, or that it is refused; which offence is found first may differ."""
    ids = IdCounts(live)
    try:
        read = read_csv(io.BytesIO(csv), ["prediction"], ids)
    except ProtocolError:
        return "refused"
    found = (ids.missing, ids.repeated, ids.first_repeated, ids.first, ids.rows, ids.of_round)
    return found, (ids.unknown, ids.first_unknown, ids.unnamed), list(read.values), read.fractions


class SameAnywayTest(unittest.TestCase):
    """Lines that need no reader of CSV, and ids in the order of the live ones, are taken sooner, to the same end."""

    @examples(400)
    @given(live_ids_and_rows(), st.sampled_from([8, 16, 1 << 17]))
    def test_csv_is_read_the_same_line_by_line(
        self, given: tuple[str, list[tuple[str, str]]], batch_bytes: int
    ) -> None:
        live, rows = given
        text = "".join(f"{name},{number}\n" for name, number in [("id", "prediction"), *rows]).encode()
        by_reader = mock.patch.object(csv_form, "_plain_batches", return_value=())
        counting = mock.patch.object(LiveIds, "is_plain", False)
        with by_reader, counting:
            expected = outcome(text, LiveIds(Shape(5, 42), live.encode()))
        with mock.patch.object(csv_form, "BATCH_BYTES", batch_bytes):
            self.assertEqual(expected, outcome(text, LiveIds(Shape(5, 42), live.encode())))

    def test_field_is_never_longer_than_a_reader_of_csv_takes(self) -> None:
        self.assertLessEqual(csv_form.BATCH_BYTES, field_size_limit())

    def test_ids_in_order_are_not_counted(self) -> None:
        rows = "".join(f"n{row + 1},0.5\n" for row in range(99))
        counts = ids(99)
        with mock.patch.object(LiveIds, "__iter__", side_effect=AssertionError):
            read_csv(io.BytesIO(f"id,prediction\n{rows}".encode()), ["prediction"], counts)
            self.assertEqual((99, [], 0), (counts.rows, counts.missing, counts.repeated))


if __name__ == "__main__":
    unittest.main()
