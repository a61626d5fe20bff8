"""What the model's process sends: what passes has the types that the runtime builds on; everything else is refused."""

import copy
import io
import json
import unittest
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import pandas as pd

from numerai_predict.child.answer import Answer, MissingColumns, OtherColumns, Problem, RaisedException, Shape
from numerai_predict.child.checks import prediction_stats
from numerai_predict.inspection.findings import Difference, Module
from numerai_predict.runner.answer_schema import MAX_ENTRIES, MAX_NUMBER, MAX_TEXT, Known, read_answer, read_findings
from numerai_predict.runner.live_ids import LiveIds
from numerai_predict.sandbox.channel import Decoder, ProtocolError, encode
from tests.findings import GOOD

IDS = pd.Index(["n1", "n2", "n3"], name="id")
FRAME = pd.DataFrame({"prediction": [0.25, 0.5, 1e-7]}, index=IDS)
SHAPE = Shape(3, 42)
LIVE = LiveIds(SHAPE, b"n1\nn2\nn3\n")
KNOWN = Known(("model", "live_features", "benchmark_models"), LIVE, has_loaded=True)
PROBLEM = {"code": "nan_predictions", "message": "1 is NaN.", "hint": "Fill it."}
RAISED: dict[str, Any] = {
    **dict.fromkeys(("kind", "message", "name", "where", "trace"), "x"),
    "kinds": ["x"],
    "libraries": {"a": "1"},
}
MISSING = MissingColumns(["live_features"], 2, ["a", "b"])
OTHER = OtherColumns(2, 2, 1, ["a"], 1, ["c"], False)


def csv_of(frame: pd.DataFrame) -> bytes:
    csv: str = frame.to_csv()
    return csv.encode()


def answer_of(frame: pd.DataFrame, **more: Any) -> dict[str, Any]:
    """What the child answers for these predictions."""
    given = {"parameters": 2, "optional_second": None, "hosts": [], "failures": [], "warnings": [], "notices": ["one"]}
    data = {"live_features": {"rows": 3, "columns": 42}}
    return {**given, "data": data, "predictions": vars(prediction_stats(frame, None)), **more}


def read(message: dict[str, Any], csv: bytes, known: Known = KNOWN) -> Answer:
    """The answer with that payload, which is none if it is empty."""
    return read_answer(message, io.BytesIO(csv) if csv else None, known)


def refusal(message: dict[str, Any], csv: bytes, known: Known = KNOWN) -> str:
    """Why the answer is refused; empty if it is not."""
    try:
        read(message, csv, known)
    except ProtocolError as error:
        return str(error)
    return ""


class GoodAnswerTest(unittest.TestCase):
    stats = asdict(prediction_stats(FRAME, None))

    def test_answer_of_the_child_is_read_as_it_was_sent(self) -> None:
        benchmarks = pd.DataFrame({"lgbm": [0.1, 0.2, 0.3], "flat": [1.0, 1.0, 1.0]}, index=IDS)
        sent = Answer(
            parameters=2,
            optional_second="benchmarks",
            data={"live_features": Shape(3, 42), "benchmark_models": Shape(3, 2)},
            hosts=["numer.ai"],
            notices=["one"],
            remarks=["two"],
            predictions=prediction_stats(FRAME, benchmarks),
        )
        arrived = read(sent.as_message(), csv_of(FRAME))
        assert sent.predictions is not None
        self.assertEqual(arrived, replace(sent, predictions=arrived.predictions))
        for (name, one), other in zip(vars(sent.predictions).items(), vars(arrived.predictions).values(), strict=True):
            with self.subTest(name):
                self.assertAlmostEqual(one, other) if isinstance(one, float) else self.assertEqual(one, other)

    def test_fields_that_are_not_known_have_their_defaults(self) -> None:
        self.assertEqual(read({"failures": [PROBLEM]}, b""), Answer(failures=[Problem(**PROBLEM)]))

    def test_answer_that_needs_no_predictions_is_read_without(self) -> None:
        self.assertEqual(read_answer({"hosts": []}, None, KNOWN, with_predictions=False), Answer())
        with self.assertRaisesRegex(ProtocolError, "fields"):
            read_answer({"hosts": [1]}, None, KNOWN, with_predictions=False)

    def test_whole_number_where_a_float_is_meant_is_read_as_a_float(self) -> None:
        whole = FRAME.assign(prediction=[0, 1, 1])
        described = {**asdict(prediction_stats(whole, None)), "max": 1, "min": 0}
        stats = read(answer_of(whole, predictions=described), csv_of(whole)).predictions
        assert stats is not None
        self.assertIs(type(stats.max), float)

    def test_every_shape_of_frame_that_is_delivered_passes(self) -> None:
        frames = {
            "integers": pd.DataFrame({"prediction": [0, 1, 1]}, index=IDS),
            "more columns": FRAME.assign(note=["a,b", 'say "x"', "line\nbreak"]),
            "no index name": FRAME.rename_axis(None),
            "levels of the index": FRAME.set_index(pd.MultiIndex.from_arrays([["e"] * 3, IDS], names=["era", "id"])),
            "16-bit floats": FRAME.astype("float16"),
            "32-bit floats": FRAME.astype("float32"),
            "decimals": FRAME.assign(prediction=[Decimal("0.1"), Decimal("1E-7"), Decimal(1)]),
            "a column without a name": FRAME.set_axis([None], axis=1),
            "a column named by a date": FRAME.set_axis(pd.date_range("2020", periods=1), axis=1),
            "one row": FRAME.head(1),
            "tiny numbers": FRAME * 1e-300,
            "minus zero": FRAME * -0.0,
        }
        for name, frame in frames.items():
            with self.subTest(name):
                self.assertEqual(refusal(answer_of(frame), csv_of(frame)), "")

    def test_answer_that_says_why_there_are_no_predictions_passes(self) -> None:
        sent: dict[str, tuple[dict[str, Any], Answer]] = {
            "failures": ({"failures": [PROBLEM]}, Answer(failures=[Problem(**PROBLEM)])),
            "exception": ({"exception": RAISED}, Answer(exception=RaisedException(**RAISED))),
            "columns": (
                {"exception": {**RAISED, "widths": [42], "missing": vars(MISSING), "other": vars(OTHER)}},
                Answer(exception=RaisedException(**RAISED, widths=[42], missing=MISSING, other=OTHER)),
            ),
            "fault": (
                {"fault": {**PROBLEM, "code": "unreadable_dataset"}},
                Answer(fault=Problem("unreadable_dataset", "1 is NaN.", "Fill it.")),
            ),
        }
        for name, (message, answer) in sent.items():
            with self.subTest(name):
                arrived = read({"hosts": ["numer.ai"], **message}, b"")
                self.assertEqual(arrived, replace(answer, hosts=["numer.ai"]))


class ForgedAnswerTest(unittest.TestCase):
    def test_field_of_another_type_is_refused_wherever_it_is(self) -> None:
        good = answer_of(FRAME, warnings=[PROBLEM])
        strange: list[Any] = ["text", 7, 1.5, True, None, [], {}, [["deep"]], {"a": {"b": []}}, "x" * 300_000]
        refused = 0
        for path in paths(good):
            for value in strange:
                forged = copy.deepcopy(good)
                if put(forged, path, value):
                    said = refusal(forged, csv_of(FRAME))
                    refused += said != ""
        # Not each is wrong: a string may be any string, a list may be empty.
        self.assertGreater(refused, 200)
        for path, value in {
            ("parameters",): True,
            ("optional_second",): 1,
            ("data", "live_features", "columns"): -1,
            ("predictions", "std"): True,
            ("predictions", "mean"): None,
            ("data", "live_features", "rows"): "3",
            ("predictions", "rows"): 3.0,
            ("predictions", "histogram"): [[]],
            ("predictions", "spearman"): {"lgbm": "high"},
            ("warnings",): "none",
            ("hosts",): {"numer.ai": 1},
        }.items():
            with self.subTest(path=path):
                forged = copy.deepcopy(good)
                put(forged, path, value)
                self.assertIn("fields", refusal(forged, csv_of(FRAME)))

    def test_columns_of_another_type_are_refused(self) -> None:
        for field, value in (
            ("widths", ["42"]),
            ("widths", [-1]),
            ("missing", {**vars(MISSING), "count": "2"}),
            ("missing", {**vars(MISSING), "first": [1]}),
            ("missing", {"tables": []}),
            ("other", {**vars(OTHER), "first_missing": "ab"}),
            ("other", {**vars(OTHER), "are_here": 1}),
        ):
            with self.subTest(field, value=value):
                self.assertIn("fields", refusal({"hosts": [], "exception": {**RAISED, field: value}}, b""))

    def test_number_that_could_break_what_prints_or_writes_it_is_refused(self) -> None:
        # What a JSON text can say, and what of it arrives.
        numbers = ("1e999", "-1e999", "1e300", "9" * 400, "-9007199254740993", "NaN", "Infinity")
        for path in (("predictions", "mean"), ("predictions", "std"), ("predictions", "spearman", "lgbm")):
            for number in numbers:
                with self.subTest(path=path, number=number[:20]):
                    forged = answer_of(FRAME)
                    forged["predictions"]["spearman"]["lgbm"] = 0.5
                    put(forged, path, 0.123456789)
                    line = encode(forged).replace(b"0.123456789", number.encode())
                    [(arrived, _)] = Decoder(0).feed(line)
                    # The channel makes None of what is not a number, and a correlation may be None.
                    is_none = number in ("NaN", "Infinity") and path == ("predictions", "spearman", "lgbm")
                    self.assertEqual(refusal(arrived, csv_of(FRAME)) == "", is_none)

    def test_sizes_up_to_the_limits_pass_and_no_others(self) -> None:
        stats = asdict(prediction_stats(FRAME, None))
        for name, at_most, too_much in (
            ("spearman", dict.fromkeys(map(str, range(MAX_ENTRIES))), dict.fromkeys(map(str, range(MAX_ENTRIES + 1)))),
            ("spearman", {"x" * MAX_TEXT: None}, {"x" * (MAX_TEXT + 1): None}),
            ("spearman", {"x": 1}, {"x": 1.01}),
            ("spearman", {"x": -1.0000000000000002}, {"x": -MAX_NUMBER}),
        ):
            with self.subTest(name):
                self.assertEqual(refusal(answer_of(FRAME, predictions={**stats, name: at_most}), csv_of(FRAME)), "")
                self.assertIn("fields", refusal(answer_of(FRAME, predictions={**stats, name: too_much}), csv_of(FRAME)))

    def test_statistics_that_are_not_those_of_the_csv_are_refused(self) -> None:
        stats = asdict(prediction_stats(FRAME, None))
        wrong: dict[str, list[Any]] = {
            "rows": [2, 4, 0, MAX_NUMBER],
            "columns": [["a"], ["prediction", "b"], []],
            "min": [-1, 0.5, MAX_NUMBER, -MAX_NUMBER],
            "mean": [0.9, -0.0, MAX_NUMBER],
            "max": [0.1, 1, MAX_NUMBER],
            "std": [None, 0.9, 0, -MAX_NUMBER],
            "histogram": [[], [0] * 10, [MAX_NUMBER] * 10, [3], [0] * MAX_ENTRIES, [1] * 3],
        }
        for name, values in wrong.items():
            for value in values:
                with self.subTest(name, value=value):
                    said = refusal(answer_of(FRAME, predictions={**stats, name: value}), csv_of(FRAME))
                    self.assertRegex(said, "statistics|names of the columns")

    def test_what_can_be_computed_is_not_taken_from_the_answer(self) -> None:
        described = {**asdict(prediction_stats(FRAME, None)), "mean": 0.2503, "histogram": [3, *[0] * 9]}
        arrived = read(answer_of(FRAME, predictions=described, warnings=[PROBLEM]), csv_of(FRAME))
        assert arrived.predictions is not None
        self.assertAlmostEqual(arrived.predictions.mean, 0.75 / 3)
        self.assertEqual((arrived.predictions.histogram[2], arrived.warnings), (1, []))

    def test_ids_that_are_not_the_live_ones_are_warned_of_whatever_the_answer_says(self) -> None:
        strange = FRAME.set_axis(["a", "a", '=HYPERLINK("http://x")'])
        arrived = read(answer_of(strange), csv_of(strange))
        self.assertEqual(["missing_ids", "wrong_columns"], [warning.code for warning in arrived.warnings])
        self.assertIn("3 of 3 ids are not live ids, first a;", arrived.notices[0])

    def test_data_that_was_not_handed_out_or_has_another_shape_is_refused(self) -> None:
        only_live = replace(KNOWN, files=("model", "live_features"))
        shape = asdict(SHAPE)
        for data, known, is_right in (
            ({"live_features": shape, "benchmark_models": {"rows": 1, "columns": 1}}, KNOWN, True),
            ({"live_features": shape, "benchmark_models": {"rows": 1, "columns": 1}}, only_live, False),
            ({"live_features": {"rows": 4, "columns": 42}}, KNOWN, False),
        ):
            with self.subTest(data=data):
                self.assertIs(refusal(answer_of(FRAME, data=data), csv_of(FRAME), known) == "", is_right)
        correlated = {**asdict(prediction_stats(FRAME, None)), "spearman": {"x": 0.5}}
        self.assertIn("fields", refusal(answer_of(FRAME, predictions=correlated), csv_of(FRAME), only_live))

    def test_data_that_cannot_be_read_is_said_before_the_model_runs_or_of_the_benchmarks(self) -> None:
        fault = {"fault": {"code": "unreadable_dataset", "message": "x", "hint": "y"}}
        only_live = replace(KNOWN, files=("model", "live_features"))
        for known, is_right in ((replace(only_live, has_loaded=False), True), (only_live, False), (KNOWN, True)):
            self.assertIs(refusal(fault, b"", known) == "", is_right)

    def test_predictions_before_the_live_data_is_known_are_refused(self) -> None:
        unknown = replace(KNOWN, live=None)
        self.assertIn("without predictions", refusal(answer_of(FRAME), csv_of(FRAME), unknown))

    def test_values_that_no_child_sends_are_refused(self) -> None:
        shape = {"rows": 3, "columns": 42}
        for name, value in {"parameters": 3, "data": {"live_features": shape, "train": shape}}.items():
            with self.subTest(name):
                self.assertIn("fields", refusal(answer_of(FRAME, **{name: value}), csv_of(FRAME)))

    def test_answer_of_any_shape_raises_nothing_else(self) -> None:
        values: list[Any] = [None, [], {}, "x", 1, 1e400, {"rows": []}, [{}], [[[]]]]
        names = ("predictions", "failures", "fault", "exception", "data", "warnings", "parameters")
        for name in names:
            for value in values:
                for csv in (b"", b"\xff", b"id,prediction\n", csv_of(FRAME)):
                    self.assertIsInstance(refusal(answer_of(FRAME, **{name: value}), csv), str)

    def test_unknown_missing_and_contradictory_fields_are_refused(self) -> None:
        self.assertIn("fields", refusal(answer_of(FRAME, extra=1), csv_of(FRAME)))
        self.assertIn("without predictions", refusal({}, b""))
        self.assertIn("along with", refusal(answer_of(FRAME, failures=[PROBLEM]), csv_of(FRAME)))
        self.assertIn("fields", refusal({"fault": {"code": "timeout", "message": "x"}}, b""))
        self.assertIn("fields", refusal({"fault": {**PROBLEM, "extra": "x"}}, b""))

    def test_failure_that_claims_to_be_ours_is_refused(self) -> None:
        for code in ("internal_error", "upload_failed", "usage", "no_such_code"):
            with self.subTest(code):
                fault = {"code": code, "message": "x", "hint": "y"}
                self.assertIn("fields", refusal({"fault": fault}, b""))
                self.assertIn("fields", refusal({"failures": [fault]}, b""))
                self.assertIn("fields", refusal(answer_of(FRAME, warnings=[fault]), csv_of(FRAME)))
        dataset = {"code": "unreadable_dataset", "message": "x", "hint": "y"}
        self.assertIn("fields", refusal({"failures": [dataset]}, b""))


def paths(value: Any) -> list[tuple[Any, ...]]:
    """The way to each value inside."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way for key, inner in entries for way in [(key,), *((key, *rest) for rest in paths(inner))]]


def put(tree: Any, path: tuple[Any, ...], value: Any) -> bool:
    """Replace what is there; false if it is the same already."""
    for key in path[:-1]:
        tree = tree[key]
    before, tree[path[-1]] = tree[path[-1]], value
    return bool(before != value or type(before) is not type(value))


class FindingsTest(unittest.TestCase):
    findings = replace(
        GOOD,
        modules=[Module("numpy", "2.1.3", "present", "reference")],
        differences=[Difference("sklearn", "1.2.2", "1.6.1", False, "incompatible_library", "It may.", None)],
    )

    def test_findings_survive_the_way_to_the_parent(self) -> None:
        message = json.loads(json.dumps(self.findings.as_message()))
        self.assertEqual(self.findings, read_findings(message))

    def test_findings_without_what_could_not_be_read_pass(self) -> None:
        unread = {"protocol": None, "parameters": None, "is_callable": None}
        self.assertIsNone(read_findings({**self.findings.as_message(), **unread}).protocol)

    def refuse(self, message: dict[str, Any]) -> None:
        with self.assertRaisesRegex(ProtocolError, "findings whose fields are not those of findings"):
            read_findings(message)

    def test_findings_of_another_form_are_refused(self) -> None:
        message = self.findings.as_message()
        wrong: dict[str, Any] = {
            "file_bytes": -1,
            "protocol": "5",
            "python": "3.11",
            "parameters": [1],
            "is_callable": "yes",
            "modules": [{"name": "numpy"}],
            "differences": [{**message["differences"][0], "code": "internal_error"}],
            "complete": 1,
            "error": None,
            "unknown": "",
        }
        for name, value in wrong.items():
            with self.subTest(name):
                self.refuse({**message, name: value})
        statuses: list[Any] = ["gone", [], None]
        for status in statuses:
            with self.subTest(status=status):
                self.refuse({**message, "modules": [{**message["modules"][0], "status": status}]})
        for name in message:
            with self.subTest(missing=name):
                self.refuse({key: value for key, value in message.items() if key != name})


if __name__ == "__main__":
    unittest.main()
