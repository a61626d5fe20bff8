"""What a person reads of an inspected model."""

import io
import unittest
from dataclasses import replace
from typing import Any

from numerai_predict.child.answer import Problem
from numerai_predict.faults import Code, Fault
from numerai_predict.inspection.findings import THIS_PYTHON, Module
from numerai_predict.report.inspection_text import describe_inspection
from numerai_predict.report.run_report import RunReport
from numerai_predict.report.sections import CallablePart, FilePart, InspectionPart, ModelSection

PANDAS = Module("pandas", "2.3.1", "present", "reference")
MISSING = Module("my_utils", None, "missing", "reference")
MISMATCH = Problem("python_version_mismatch", "The pickle was written by Python 2.7.", "Write it again.")
LACKING = Problem("missing_module", "The pickle needs 'my_utils'.", "Carry it inside.")
SIGNATURE = Problem("wrong_signature", "It takes three.", "Take one or two.")
FOUND = InspectionPart(
    python=["3.11", "3.12"],
    writer="cloudpickle 3",
    modules=[PANDAS],
    differences=[],
    complete=True,
    cloudpickle="3",
    protocol=5,
    callable=CallablePart("function", "predict", ["live_features", "benchmarks=…"]),
    problems=[],
    warnings=[],
)
# What the terminal of a reader would obey, and what no encoding has.
NASTY = "\x1b[2J\x1b]0;title\x07 \r\n ✓ fine \x9b31m \u202e \u2028 \ud800 \x00"


class Screen(io.StringIO):
    """A stream that says of itself what a terminal, or a file, would say."""

    def __init__(self, encoding: str | None = "utf-8", is_terminal: bool = True) -> None:
        super().__init__()
        self._encoding = encoding
        self._is_terminal = is_terminal

    @property
    def encoding(self) -> str | None:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return self._is_terminal


FILE = Screen(is_terminal=False)


def model(compression: str | None = None, **changes: Any) -> ModelSection:
    """A good model, but for the changes to what was found in it."""
    file = FilePart(12_345, None if compression else 5, compression)
    return ModelSection("model.pkl", "0123456789abcdef" * 4, file, replace(FOUND, **changes))


def report(fault: Fault | None = None, **changes: Any) -> RunReport:
    """Of a good model, but for the changes to what was found in it."""
    return ended_with(fault, model(**changes))


def unread(fault: Fault, file: FilePart | None = None) -> RunReport:
    """Of a file that was not inspected."""
    return ended_with(fault, ModelSection("model.pkl", file=file))


def ended_with(fault: Fault | None, model: ModelSection) -> RunReport:
    ended = RunReport(model=model)
    if fault:
        ended.note_fault(fault)
    return ended


def lines_of(report: RunReport, stream: Screen = FILE) -> list[str]:
    return describe_inspection(report, stream).split("\n")


class DescribeInspectionTest(unittest.TestCase):
    def test_good_model_can_be_expected_to_run(self) -> None:
        self.assertEqual(
            lines_of(report()),
            [
                f"model.pkl: can be expected to run here, under Python {THIS_PYTHON}",
                "     file        12,345 bytes, protocol 5, SHA-256 0123456789ab…",
                "  ok written by  cloudpickle 3, Python 3.11 or 3.12",
                "  ok model       function predict(live_features, benchmarks=…)",
                "  ok modules     pandas 2.3.1",
            ],
        )

    def test_model_of_another_python_cannot_be_expected_to_run(self) -> None:
        self.assertEqual(
            lines_of(report(python=["2.7"], problems=[MISMATCH])),
            [
                f"model.pkl: cannot be expected to run here, under Python {THIS_PYTHON}",
                "     file        12,345 bytes, protocol 5, SHA-256 0123456789ab…",
                "  x  written by  cloudpickle 3, Python 2.7",
                "  ok model       function predict(live_features, benchmarks=…)",
                "  ok modules     pandas 2.3.1",
                "  x  problem     The pickle was written by Python 2.7.",
                "                 Write it again.",
            ],
        )

    def test_several_problems_are_all_shown_with_their_hints(self) -> None:
        lines = lines_of(report(problems=[MISMATCH, LACKING, SIGNATURE], modules=[MISSING, PANDAS]))
        self.assertEqual(
            lines[2:],
            [
                "  x  written by  cloudpickle 3, Python 3.11 or 3.12",
                "  x  model       function predict(live_features, benchmarks=…)",
                "  ok modules     pandas 2.3.1",
                "  x  problem     The pickle was written by Python 2.7.",
                "                 Write it again.",
                "  x  problem     The pickle needs 'my_utils'.",
                "                 Carry it inside.",
                "  x  problem     It takes three.",
                "                 Take one or two.",
            ],
        )

    def test_model_that_cannot_be_called_is_marked(self) -> None:
        problem = Problem("not_callable", "It cannot.", "Wrap it.")
        data = CallablePart("data", "dict", None)
        self.assertIn("  x  model       data dict", lines_of(report(callable=data, problems=[problem])))

    def test_model_that_lacks_a_module_is_of_the_right_python(self) -> None:
        lines = lines_of(report(problems=[LACKING]))
        self.assertEqual([line[2:4] for line in lines[2:5]], ["ok", "ok", "ok"])

    def test_problem_of_the_run_is_not_shown_twice(self) -> None:
        fault = Fault(Code.PYTHON_VERSION_MISMATCH, MISMATCH.message)
        self.assertEqual(lines_of(report(fault, problems=[MISMATCH])), lines_of(report(problems=[MISMATCH])))

    def test_fault_of_a_good_model_is_shown(self) -> None:
        lines = lines_of(report(Fault(Code.TIMEOUT, "It took too long.")))
        self.assertIn(": cannot be expected", lines[0])
        self.assertEqual(lines[-1], "  x  problem     It took too long.")

    def test_file_that_is_not_a_pickle_has_its_size_and_its_fault(self) -> None:
        fault = Fault(Code.NOT_A_PICKLE, "model.pkl is an HTML page.")
        self.assertEqual(
            lines_of(unread(fault, FilePart(15, None, None))),
            [
                f"model.pkl: cannot be expected to run here, under Python {THIS_PYTHON}",
                "     file     15 bytes",
                "  x  problem  model.pkl is an HTML page.",
            ],
        )

    def test_file_that_is_not_there_has_its_fault(self) -> None:
        lines = lines_of(unread(Fault(Code.MODEL_NOT_FOUND, "There is none.")))
        self.assertIn(": cannot be expected", lines[0])
        self.assertEqual(lines[-1], "  x  problem  There is none.")
        self.assertEqual(lines, [line.rstrip() for line in lines])

    def test_fault_before_a_model_is_known_is_shown(self) -> None:
        # As when no thread can be started.
        early = RunReport()
        early.note_fault(Fault(Code.INTERNAL_ERROR, "The runtime itself raised RuntimeError."))
        lines = lines_of(early)
        self.assertIn("cannot be expected", lines[0])
        self.assertIn("The runtime itself raised RuntimeError.", lines[-1])

    def test_warnings_are_shown_and_leave_the_verdict_good(self) -> None:
        lines = lines_of(report(warnings=["It is newer.", "It may import 'cupy'."]))
        self.assertIn(": can be expected", lines[0])
        self.assertEqual(lines[-2:], ["  ?  warning     It is newer.", "  ?  warning     It may import 'cupy'."])

    def test_pickle_without_code_says_so(self) -> None:
        self.assertIn("  ok written by  pickle, no code in it", lines_of(report(writer="pickle", python=[])))

    def test_compressed_pickle_without_protocol_says_how(self) -> None:
        line = lines_of(report(compression="gz", protocol=None))[1]
        self.assertEqual(line.split("  ")[-1], "12,345 bytes, compressed (gz), SHA-256 0123456789ab…")

    def test_protocol_0_is_shown(self) -> None:
        self.assertIn("protocol 0", lines_of(report(protocol=0))[1])

    def test_parameters_that_are_unknown_are_left_out(self) -> None:
        signatures: tuple[tuple[Any, str], ...] = ((None, "instance Model"), ([], "instance Model()"))
        for signature, shown in signatures:
            instance = CallablePart("instance", "Model", signature)
            self.assertIn(f"  ok model       {shown}", lines_of(report(callable=instance)))

    def test_model_of_unknown_kind_has_no_row(self) -> None:
        lines = lines_of(report(callable=CallablePart("", "", None), complete=False))
        self.assertFalse([line for line in lines if " model " in line])

    def test_modules_that_are_missing_are_not_among_the_present(self) -> None:
        text = "\n".join(lines_of(report(modules=[MISSING])))
        self.assertNotIn("modules", text)
        unversioned = replace(PANDAS, version=None)
        self.assertEqual(lines_of(report(modules=[MISSING, unversioned, PANDAS]))[-1][17:], "pandas, pandas 2.3.1")

    def test_modules_by_the_hundred_stay_in_their_row(self) -> None:
        many = [replace(PANDAS, name=f"package_{number}") for number in range(5_000)]
        lines = lines_of(report(modules=many))
        self.assertEqual(len(lines), 5)
        self.assertTrue(lines[-1].endswith("package_4999 2.3.1"))

    def test_columns_are_aligned(self) -> None:
        changes: dict[str, Any] = {"problems": [MISMATCH, LACKING, SIGNATURE], "warnings": ["It is newer."]}
        for stream in (FILE, Screen()):
            for given in (report(**changes), unread(Fault(Code.EMPTY_FILE, "Empty."), FilePart(0, None, None))):
                rows = lines_of(given, stream)[1:]
                width = max(len(row[5:].split("  ")[0]) for row in rows if row[5] != " ")
                for row in rows:
                    with self.subTest(row=row):
                        self.assertEqual((row[:2], row[4], row[5 + width : 7 + width]), ("  ", " ", "  "))
                        self.assertNotEqual(row[7 + width], " ")
                        self.assertEqual(row, row.rstrip())


class EncodingTest(unittest.TestCase):
    mixed = report(problems=[MISMATCH], warnings=["It is newer."])

    def signs(self, stream: Screen) -> set[str]:
        return {line[2:4].strip() for line in lines_of(self.mixed, stream)[1:]}

    def test_terminal_that_has_signs_shows_them(self) -> None:
        for encoding in ("utf-8", "UTF-8", "utf-16", "gb18030"):
            with self.subTest(encoding=encoding):
                self.assertEqual(self.signs(Screen(encoding)), {"✓", "✗", "!", ""})

    def test_terminal_without_signs_shows_words(self) -> None:
        for encoding in ("ascii", "latin-1", "cp1252", None):
            with self.subTest(encoding=encoding):
                self.assertEqual(self.signs(Screen(encoding)), {"ok", "x", "?", ""})

    def test_file_shows_words(self) -> None:
        for encoding in ("utf-8", "ascii", "latin-1", None):
            with self.subTest(encoding=encoding):
                self.assertEqual(self.signs(Screen(encoding, is_terminal=False)), {"ok", "x", "?", ""})

    def test_names_that_the_encoding_lacks_are_escaped(self) -> None:
        french = report()
        french.model.path = "modèle_✓.pkl"
        ascii_only = "mod\\xe8le_\\u2713"
        encodings = {"utf-8": "modèle_✓", "latin-1": "modèle_\\u2713", "ascii": ascii_only, None: ascii_only}
        for encoding, shown in encodings.items():
            with self.subTest(encoding=encoding):
                text = describe_inspection(french, Screen(encoding))
                self.assertTrue(text.startswith(f"{shown}.pkl: can "))
                text.encode(encoding or "ascii")

    def test_nasty_names_never_break_a_line_or_reach_the_terminal(self) -> None:
        nasty = report(
            writer=NASTY,
            python=[NASTY],
            callable=CallablePart(NASTY, NASTY, [NASTY]),
            modules=[replace(PANDAS, name=NASTY, version=NASTY)],
            problems=[Problem("missing_module", NASTY, NASTY)],
            warnings=[NASTY],
            compression=NASTY,
        )
        nasty.model.path = nasty.model.sha256 = NASTY
        for encoding in ("utf-8", "ascii", "latin-1"):
            for is_terminal in (True, False):
                with self.subTest(encoding=encoding, is_terminal=is_terminal):
                    text = describe_inspection(nasty, Screen(encoding, is_terminal))
                    self.assertEqual(len(text.splitlines()), 8)
                    self.assertTrue(all(line.isprintable() for line in text.split("\n")))
                    text.encode(encoding)
                    for shown in ("\\x1b[2J", "\\x07", "\\r\\n", "\\x9b31m", "\\u202e", "\\u2028", "\\ud800", "\\x00"):
                        self.assertIn(shown, text)

    def test_nasty_fault_is_made_visible(self) -> None:
        text = describe_inspection(unread(Fault(Code.NOT_A_PICKLE, NASTY)), Screen())
        self.assertEqual(len(text.splitlines()), 3)
        self.assertNotIn("\x1b", text)
