"""answers.py: what passes has the types that the runtime builds on; everything else is refused."""

import copy
import unittest
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from numerai_predict.child import checks as checks
from numerai_predict.inspection.findings import Difference, Findings, Module
from numerai_predict.runner.answer_schema import MAX_ENTRIES, are_findings, refusal
from tests.findings import GOOD

IDS = pd.Index(["n1", "n2", "n3"], name="id")
FRAME = pd.DataFrame({"prediction": [0.25, 0.5, 1e-7]}, index=IDS)
FINDING = {"code": "nan_predictions", "message": "1 is NaN.", "hint": None}


def csv_of(frame: pd.DataFrame) -> bytes:
    csv: str = frame.to_csv()
    return csv.encode()


def answer_of(frame: pd.DataFrame, **more: Any) -> dict[str, Any]:
    """What the child answers for these predictions."""
    told = {"parameters": 2, "optional_second": None, "hosts": [], "failures": [], "warnings": [], "notices": ["one"]}
    data = {"live_features": {"rows": 3, "columns": 42}}
    return {**told, "data": data, "predictions": checks.describe(frame, None), **more}


class GoodAnswerTest(unittest.TestCase):
    def test_answer_of_the_child_passes(self) -> None:
        benchmarks = pd.DataFrame({"lgbm": [0.1, 0.2, 0.3], "flat": [1.0, 1.0, 1.0]}, index=IDS)
        described = checks.describe(FRAME, benchmarks)
        self.assertEqual(refusal(answer_of(FRAME, predictions=described, warnings=[FINDING]), csv_of(FRAME)), "")

    def test_every_shape_of_frame_that_is_delivered_passes(self) -> None:
        two_levels = pd.MultiIndex.from_product([["m"], ["prediction", "rank"]], names=["model", None])
        frames = {
            "integers": pd.DataFrame({"prediction": [0, 1, 1]}, index=IDS),
            "more columns": FRAME.assign(note=["a,b", 'say "x"', "line\nbreak"]),
            "no index name": FRAME.rename_axis(None),
            "levels of the index": FRAME.set_index(pd.MultiIndex.from_arrays([["e"] * 3, IDS], names=["era", "id"])),
            "levels of the columns": pd.DataFrame(np.full((3, 2), 0.5), index=IDS, columns=two_levels),
            "one row": FRAME.head(1),
            "tiny numbers": FRAME * 1e-300,
            "minus zero": FRAME * -0.0,
        }
        for name, frame in frames.items():
            with self.subTest(name):
                self.assertEqual(refusal(answer_of(frame), csv_of(frame)), "")

    def test_answer_that_says_why_there_are_no_predictions_passes(self) -> None:
        raised = {**dict.fromkeys(("kind", "message", "name", "where", "trace"), "x"), "kinds": ["x"], "libraries": {}}
        for told in (
            {"failures": [FINDING]},
            {"exception": raised},
            {"fault": {"code": "unreadable_dataset", "message": "x", "hint": "y"}},
        ):
            with self.subTest(told=told):
                self.assertEqual(refusal({"hosts": ["numer.ai"], **told}, b""), "")


class ForgedAnswerTest(unittest.TestCase):
    def test_field_of_another_type_is_refused_wherever_it_stands(self) -> None:
        good = answer_of(FRAME, warnings=[FINDING], exception=None)
        del good["exception"]
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

    def test_answer_of_any_shape_never_raises(self) -> None:
        values: list[Any] = [None, [], {}, "x", 1, 1e400, {"rows": []}, [{}], [[[]]]]
        names = ("predictions", "failures", "fault", "exception", "data", "warnings", "parameters")
        for name in names:
            for value in values:
                for csv in (b"", b"\xff", b"id,prediction\n", csv_of(FRAME)):
                    self.assertIsInstance(refusal(answer_of(FRAME, **{name: value}), csv), str)

    def test_unknown_missing_and_contradictory_fields_are_refused(self) -> None:
        self.assertIn("fields", refusal(answer_of(FRAME, extra=1), csv_of(FRAME)))
        self.assertIn("without predictions", refusal({}, b""))
        self.assertIn("along with", refusal(answer_of(FRAME, failures=[FINDING]), csv_of(FRAME)))
        self.assertIn("fields", refusal(answer_of(FRAME, notices=["x"] * (MAX_ENTRIES + 1)), csv_of(FRAME)))

    def test_failure_that_is_said_to_be_ours_is_refused(self) -> None:
        for code in ("internal_error", "upload_failed", "usage", "no_such_code"):
            with self.subTest(code):
                fault = {"code": code, "message": "x", "hint": "y"}
                self.assertIn("fields", refusal({"fault": fault}, b""))
                self.assertIn("fields", refusal({"failures": [fault]}, b""))


class ForgedCsvTest(unittest.TestCase):
    def test_csv_that_is_none_is_refused(self) -> None:
        good = csv_of(FRAME)
        for name, csv in {
            "nothing": b"",
            "only the header": b"id,prediction\n",
            "no text": b"\xff\xfe" + good,
            "nul": good.replace(b"n1", b"n\0"),
            "one line less": good[: good.rindex(b"n3")],
            "one line more": good + b"n4,0.5\n",
            "hundred lines of header": b"id,prediction\n" * 100 + good,
            "ragged": good.replace(b"n2,0.5", b"n2,0.5,0.5"),
            "unclosed quote": good.replace(b"n2", b'"n2'),
            "huge field": good.replace(b"n2", b"n" * 200_000),
            "no column": b"id\nn1\nn2\nn3\n",
        }.items():
            with self.subTest(name):
                self.assertTrue(refusal(answer_of(FRAME), csv).startswith("a CSV"))

    def test_prediction_that_is_no_number_from_0_to_1_is_refused(self) -> None:
        for text in ("nan", "inf", "-0.1", "1.0001", "0_1", "١", "", "=1", "0x1", "1e", "True", "0.5 ", "9" * 60):
            with self.subTest(text):
                csv = csv_of(FRAME).replace(b"0.25", text.encode())
                self.assertIn("1 predictions that are no numbers", refusal(answer_of(FRAME), csv))

    def test_numbers_that_are_not_those_of_the_csv_are_refused(self) -> None:
        for name, value in {"rows": 2, "columns": ["a", "b", "c"]}.items():
            with self.subTest(name):
                described = {**checks.describe(FRAME, None), name: value}
                self.assertIn("a CSV", refusal(answer_of(FRAME, predictions=described), csv_of(FRAME)))


def paths(value: Any) -> list[tuple[Any, ...]]:
    """The way to each value inside."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way for key, inner in entries for way in [(key,), *((key, *rest) for rest in paths(inner))]]


def put(tree: Any, path: tuple[Any, ...], value: Any) -> bool:
    """Replace what stands there; false if it is the same already."""
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
        message = self.findings.as_message()
        self.assertTrue(are_findings(message))
        self.assertEqual(self.findings, Findings.from_message(message))

    def test_findings_without_what_could_not_be_read_pass(self) -> None:
        unread = {"protocol": None, "parameters": None, "is_callable": None}
        self.assertTrue(are_findings({**self.findings.as_message(), **unread}))

    def test_findings_of_another_form_do_not_pass(self) -> None:
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
                self.assertFalse(are_findings({**message, name: value}))
        statuses: list[Any] = ["gone", [], None]
        for status in statuses:
            with self.subTest(status=status):
                self.assertFalse(are_findings({**message, "modules": [{**message["modules"][0], "status": status}]}))
        for name in message:
            with self.subTest(missing=name):
                self.assertFalse(are_findings({key: value for key, value in message.items() if key != name}))


if __name__ == "__main__":
    unittest.main()
