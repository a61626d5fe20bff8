"""What a person reads at the end of a run."""

import unittest
from dataclasses import replace

from numerai_predict.child.answer import PredictionStats, Problem, Shape
from numerai_predict.faults import Code, Fault
from numerai_predict.report.run_report import RunReport
from numerai_predict.report.sections import (
    BrokenPromise,
    ConfinementPart,
    DataSection,
    DeliverySection,
    FilePart,
    LimitsPart,
    ModelSection,
    PredictionsSection,
    SavedPart,
    UsageSection,
)
from numerai_predict.report.summary import explain, summarize
from numerai_predict.sandbox import PROMISES


class ExplainTest(unittest.TestCase):
    def setUp(self) -> None:
        self.report = RunReport()
        self.report.note_fault(Fault(Code.TIMEOUT, "It took too long.", "Hurry.", "Traceback\n  somewhere\n\n"))

    def test_explain_without_trace_gives_status_code_cause_remedy_and_command(self) -> None:
        expected = "failed: timeout\n  It took too long.\n  Hint: Hurry.\n  Reproduce it with: docker run"
        self.assertEqual(explain(self.report, "docker run", with_trace=False), expected)

    def test_explain_with_trace_begins_with_it(self) -> None:
        plain = explain(self.report, "docker run", with_trace=False)
        self.assertEqual(explain(self.report, "docker run", with_trace=True), f"Traceback\n  somewhere\n\n{plain}")

    def test_explain_escapes_what_commands_a_terminal(self) -> None:
        self.report.note_fault(Fault(Code.TIMEOUT, "a\nb\x1b[2J", "c\x9b\u202e", "d\x1b[H\n  e\r"))
        said = explain(self.report, "docker run", with_trace=True)
        expected = [r"d\x1b[H", "  e", "", "failed: timeout", r"  a\nb\x1b[2J", r"  Hint: c\x9b\u202e"]
        self.assertEqual(expected, said.split("\n")[:-1])

    def test_explain_of_a_fault_without_trace_begins_with_its_status(self) -> None:
        self.report.note_fault(Fault(Code.UPLOAD_FAILED, "No."))
        said = explain(self.report, "docker run", with_trace=True)
        self.assertTrue(said.startswith("error: upload_failed\n  No.\n"))


STATS = PredictionStats(
    rows=7000,
    columns=["prediction"],
    min=0.0,
    mean=0.51239,
    max=1.0,
    std=0.25,
    histogram=[10, 0, 0, 0, 2000, 4000, 990, 0, 0, 0],
    spearman={"v53_lgbm": 0.98765, "v53_flat": None, "v53_minus": -0.5},
)
USAGE = UsageSection(
    wall_s=12.25,
    cpu_s=6.75,
    peak_memory_bytes=512 << 20,
    limits=LimitsPart(wall_s=600.0, memory_bytes=4 << 30),
    phases={"loading": 1.5, "predicting": 10.75},
)


class SummarizeTest(unittest.TestCase):
    def report(self, stats: PredictionStats = STATS) -> RunReport:
        return RunReport(
            model=ModelSection("/tmp/model.pkl", file=FilePart(1234567, 5, None)),
            data={
                "live_features": DataSection("v5.3/live.parquet", "/tmp/live.parquet", True, Shape(7000, 2)),
                "benchmark_models": DataSection("b.parquet", "b.parquet", False),
            },
            predictions=PredictionsSection(
                stats,
                warnings=[Problem("wrong_columns", "The header is wrong.", "Drop it.")],
                notices=["Ids are unknown."],
            ),
            usage=USAGE,
            delivery=DeliverySection(SavedPart("/tmp/live_predictions-1.csv", 9), "https://host/"),
        )

    def rows(self, report: RunReport) -> dict[str, list[str]]:
        """The rows of the summary by their labels; those of the histogram have none."""
        title, *lines = summarize(report).splitlines()
        self.assertEqual(title, "Summary")
        found: dict[str, list[str]] = {}
        for line in lines:
            self.assertEqual(line, line.rstrip())
            self.assertEqual(line[:2], "  ")
            found.setdefault(line[2:18].strip(), []).append(line[19:])
        return found

    def test_summarize_of_a_whole_run_has_every_row(self) -> None:
        rows = self.rows(self.report())
        rows.pop("")
        expected = {
            "model": ["/tmp/model.pkl (1,234,567 bytes)"],
            "live features": ["v5.3/live.parquet: 7,000 rows, 2 columns"],
            "benchmark models": ["b.parquet"],
            "predictions": ["7,000 rows  min 0.0000  mean 0.5124  max 1.0000  std 0.2500"],
            "Spearman": ["+0.9877  v53_lgbm", "    n/a  v53_flat", "-0.5000  v53_minus"],
            "warning": ["The header is wrong."],
            "notice": ["Ids are unknown."],
            "wall time": ["12.25 s of 600 s (loading 1.50, predicting 10.75)"],
            "CPU time": ["6.75 s"],
            "peak memory": ["512 MiB of 4,096 MiB"],
            "written to": ["/tmp/live_predictions-1.csv"],
            "uploaded to": ["https://host/"],
        }
        self.assertEqual(rows, expected)

    def test_summarize_escapes_what_commands_a_terminal(self) -> None:
        report = self.report(replace(STATS, spearman={"\x1b[2J\n": 0.5}))
        report.model.path = "/tmp/\x9b31m.pkl"
        rows = self.rows(report)
        self.assertEqual([r"+0.5000  \x1b[2J\n"], rows["Spearman"])
        self.assertEqual([r"/tmp/\x9b31m.pkl (1,234,567 bytes)"], rows["model"])

    def test_summarize_lists_the_promises_kept_and_why_others_are_not(self) -> None:
        report = self.report()
        broken = [BrokenPromise("files", "the kernel has no Landlock")]
        report.runtime.confinement = ConfinementPart(["network", "memory"], broken)
        rows = self.rows(report)
        self.assertEqual(rows["the model"], [PROMISES["network"], PROMISES["memory"]])
        self.assertEqual(rows["not kept"], ["files: the kernel has no Landlock"])

    def test_summarize_says_what_the_model_takes(self) -> None:
        for parameters, said in {1: "takes the live features", 2: "takes live features and benchmark models"}.items():
            report = RunReport(model=ModelSection("m.pkl", file=FilePart(9, 5, None), parameters=parameters))
            self.assertEqual(self.rows(report)["model"], [f"m.pkl (9 bytes, {said})"])

    def test_summarize_draws_the_histogram_to_scale(self) -> None:
        bins = self.rows(self.report())[""]
        self.assertEqual([line.split()[0] for line in bins], [f"{n / 10:.1f}–{(n + 1) / 10:.1f}" for n in range(10)])
        self.assertEqual(
            [line.split()[1] for line in bins], ["10", "0", "0", "0", "2,000", "4,000", "990", "0", "0", "0"]
        )
        self.assertEqual([line.count("#") for line in bins], [0, 0, 0, 0, 20, 40, 10, 0, 0, 0])

    def test_summarize_draws_a_forged_histogram_without_bars(self) -> None:
        for counts in ([], [0], [0] * 10):
            with self.subTest(counts=counts):
                bins = self.rows(self.report(replace(STATS, histogram=counts))).get("", [])
                self.assertEqual([line.split()[1:] for line in bins], [["0"]] * len(counts))

    def test_summarize_without_limits_says_so(self) -> None:
        report = self.report()
        report.usage = replace(USAGE, limits=LimitsPart(None, None))
        rows = self.rows(report)
        self.assertIn(" s of no limit (", rows["wall time"][0])
        self.assertEqual(rows["peak memory"], ["512 MiB of no limit"])

    def test_summarize_of_one_prediction_leaves_the_deviation_out(self) -> None:
        report = self.report(replace(STATS, std=None))
        self.assertTrue(self.rows(report)["predictions"][0].endswith("max 1.0000"))

    def test_summarize_of_a_run_that_ended_early_has_what_is_known(self) -> None:
        found = self.rows(RunReport(model=ModelSection("model.pkl"), predictions=PredictionsSection()))
        self.assertEqual(found, {"model": ["model.pkl (0 bytes)"]})

    def test_summarize_before_a_model_is_known_has_only_its_title(self) -> None:
        self.assertEqual(self.rows(RunReport()), {})
