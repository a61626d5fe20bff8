"""Models of every Python at hand and of two versions of cloudpickle: named rightly before they are loaded, and refused
where another Python wrote them.
"""

import contextlib
import functools
import io
import os
import pickle
import sys
import tempfile
import unittest
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar

from sklearn.linear_model import LinearRegression  # type: ignore[import-untyped]

from numerai_predict.inspection.findings import Findings
from numerai_predict.inspection.inspect import inspect_pickle
from numerai_predict.inspection.stub_unpickler import trace
from tests.harness import ROOT, PredictTestCase, Run
from tests.writers import OWN, TRAPS, Sample, cloudpickles, corpus, interpreters

IMAGES = {folder.name.removeprefix("py") for folder in ROOT.glob("py3.*")}
# Versions whose compilers write the same for many small functions.
ALIKE = [["3.8", "3.9"], ["3.11", "3.12"]]
# The shapes that 3.11 and 3.12 compile alike, and one in which 3.12 does what 3.11 could not do.
TOO_SMALL = {"3.11": {"lambda", "partial", "defaults", "constant"}, "3.12": {"lambda", "partial", "defaults"}}
PARAMETERS = {
    "lambda": ["x"],
    "method": ["live_features", "live_benchmark_models"],
    "with_benchmarks": ["live_features", "live_benchmark_models"],
    "defaults": ["live_features", "live_benchmark_models=…", "factor=…", "*", "clip=…"],
}
KINDS = {"instance": "instance", "method": "method", "partial": "partial"}
SPRUNG = "the trap was sprung"
# Of what runs as a whole: it loads as `docs`, but not without a word.
SHAPE = "prints"


def samples(*shapes: str) -> Iterator[Sample]:
    """Those of these shapes, or of all."""
    return (sample for sample in corpus() if not shapes or sample.shape in shapes)


@functools.cache
def found_in(sample: Sample) -> Findings:
    return inspect_pickle(io.BytesIO(sample.content), "model.pkl")


def needs_of(sample: Sample) -> list[tuple[str, str, str]]:
    """But for cloudpickle itself, which all need."""
    needs = [(module.name, module.status, module.needed_by) for module in found_in(sample).modules]
    return [need for need in needs if need != ("cloudpickle", "present", "reference")]


class FindingsTest(unittest.TestCase):
    def test_corpus_has_every_python_at_hand(self) -> None:
        self.assertIn(OWN, interpreters())
        self.assertEqual(set(interpreters()), {sample.python for sample in corpus()})

    def test_model_of_any_python_is_read_to_its_end(self) -> None:
        for sample in samples():
            with self.subTest(str(sample)):
                self.assertEqual(("", True), (found_in(sample).error, found_in(sample).complete))

    def test_model_of_any_python_names_its_writer(self) -> None:
        for sample in samples():
            with self.subTest(str(sample)):
                self.assertIn(sample.python, found_in(sample).python)
                self.assertIn(found_in(sample).python, [[sample.python], *ALIKE])

    def test_model_that_only_its_python_can_have_written_names_no_other(self) -> None:
        for sample in samples():
            is_small = sample.shape in TOO_SMALL.get(sample.python, ())
            if sample.python not in ("3.8", "3.9") and not is_small:
                with self.subTest(str(sample)):
                    self.assertEqual([sample.python], found_in(sample).python)

    def test_model_of_any_cloudpickle_names_its_version(self) -> None:
        for sample in samples():
            with self.subTest(str(sample)):
                self.assertEqual(f"cloudpickle {sample.cloudpickle}", found_in(sample).writer)

    def test_model_of_any_protocol_names_it(self) -> None:
        for sample in samples():
            with self.subTest(str(sample)):
                self.assertEqual(sample.protocol, found_in(sample).protocol)

    def test_model_of_any_shape_names_its_kind_and_parameters(self) -> None:
        for sample in samples():
            if sample.shape not in (*TRAPS, "restored"):  # They are what a call returns.
                with self.subTest(str(sample)):
                    self.assertEqual(PARAMETERS.get(sample.shape, ["live_features"]), found_in(sample).parameters)
                    self.assertEqual(KINDS.get(sample.shape, "function"), found_in(sample).kind)
                    self.assertIs(found_in(sample).is_callable, True)

    def test_import_inside_a_function_is_found(self) -> None:
        for sample in samples("lazy", "docs", "with_benchmarks"):
            with self.subTest(str(sample)):
                self.assertEqual([("pandas", "present", "import")], needs_of(sample))

    def test_import_of_a_missing_module_tells_whether_it_is_guarded(self) -> None:
        for shape, how in {"unguarded": "import", "guarded": "guarded import"}.items():
            for sample in samples(shape):
                with self.subTest(str(sample)):
                    self.assertEqual([("a_module_that_nobody_has", "missing", how)], needs_of(sample))

    def test_module_that_is_a_global_of_the_function_is_found(self) -> None:
        for sample in samples("modules"):
            with self.subTest(str(sample)):
                self.assertEqual({"json", "statistics"}, trace(io.BytesIO(sample.content)).subimports)

    def test_module_of_the_standard_library_is_no_need(self) -> None:
        for sample in samples("modules", "try_with", "decorated"):
            with self.subTest(str(sample)):
                self.assertEqual([], needs_of(sample))

    def test_inspecting_springs_no_trap_and_imports_nothing(self) -> None:
        found_in(next(samples()))  # The inspector may import something of its own the first time.
        modules = set(sys.modules)
        with in_new_folder(), contextlib.redirect_stdout(io.StringIO()) as printed:
            for sample in samples(*TRAPS, "modules", "lazy", "guarded"):
                inspect_pickle(io.BytesIO(sample.content), "model.pkl")
            self.assertEqual((modules, "", []), (set(sys.modules), printed.getvalue(), os.listdir()))

    def test_trap_is_sprung_by_loading(self) -> None:
        for sample in samples(*TRAPS):
            if sample.python == OWN:
                with self.subTest(str(sample)), in_new_folder():
                    with contextlib.redirect_stdout(io.StringIO()) as printed:
                        pickle.loads(sample.content)
                    self.assertIn((printed.getvalue(), os.listdir()), [(SPRUNG + "\n", []), ("", ["trap"])])

    def test_pickle_without_code_names_no_python(self) -> None:
        for model in ({"weights": [0.5, 0.25]}, LinearRegression()):
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                with self.subTest(model=model, protocol=protocol):
                    findings = inspect_pickle(io.BytesIO(pickle.dumps(model, protocol)), "model.pkl")
                    self.assertEqual(([], True, "pickle"), (findings.python, findings.complete, findings.writer))


@contextlib.contextmanager
def in_new_folder() -> Iterator[None]:
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def run(content: bytes) -> Run:
    """predict.py on a model with that content."""
    with case_of(content) as case:
        return case.predict(case.folder / "model.pkl")


def inspect_only(content: bytes) -> Run:
    """predict.py --inspect, without live data, on a model with that content."""
    with case_of(content) as case:
        return case.run_command("--inspect", "--model", "model.pkl", "--report", "report.json", "--output_dir", ".")


@contextlib.contextmanager
def case_of(content: bytes) -> Iterator[PredictTestCase]:
    case = PredictTestCase()
    case.setUp()
    try:
        (case.folder / "model.pkl").write_bytes(content)
        yield case
    finally:
        case.doCleanups()


class RunTest(unittest.TestCase):
    """One run of every Python's model, several at a time; the tests look at the results."""

    runs: ClassVar[dict[Sample, Run]] = {}
    inspections: ClassVar[dict[Sample, Run]] = {}
    plain: ClassVar[list[Run]] = []

    @classmethod
    def setUpClass(cls) -> None:
        chosen = [sample for sample in samples(SHAPE) if sample.protocol > 2]
        plain: list[Any] = [{"weights": [0.5]}, LinearRegression()]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            runs = {sample: pool.submit(run, sample.content) for sample in chosen}
            inspections = {
                sample: pool.submit(inspect_only, sample.content) for sample in chosen if sample.cloudpickle == "3"
            }
            of_plain = [pool.submit(run, pickle.dumps(model)) for model in plain]
        cls.runs = results_of(runs)
        cls.inspections = results_of(inspections)
        cls.plain = [future.result() for future in of_plain]

    def check_refused(self, sample: Sample, run: Run) -> None:
        self.assertEqual((1, "python_version_mismatch"), (run.status, run.code), run.stderr)
        self.assertEqual(found_in(sample).python, run.report["model"]["python"])
        self.assertEqual([], run.csvs)
        self.assertNotIn(SPRUNG, run.stdout + run.stderr)
        message, hint = run.report["fault"]["message"], run.report["fault"]["hint"]
        self.assertIn(f"written by Python {' or '.join(found_in(sample).python)}", message)
        image = f"numerai_predict_py_{sample.python.replace('.', '_')}"
        self.assertIn(image if sample.python in IMAGES else "There is no image", hint)

    def test_model_of_another_python_is_refused_and_nothing_of_it_executed(self) -> None:
        for sample, run in self.runs.items():
            if sample.python != OWN:
                with self.subTest(str(sample)):
                    self.check_refused(sample, run)

    def test_model_of_this_python_runs_whichever_cloudpickle_wrote_it(self) -> None:
        own = [run for sample, run in self.runs.items() if sample.python == OWN]
        self.assertEqual(len(cloudpickles(OWN)), len(own))
        for run in own:
            self.assertEqual((0, None, 1), (run.status, run.code, len(run.csvs)), run.stderr)
            self.assertEqual([OWN], run.report["model"]["python"])
            self.assertIn(SPRUNG, run.stdout + run.stderr)

    def test_inspection_of_another_pythons_model_fails_and_executes_nothing(self) -> None:
        for sample, run in self.inspections.items():
            if sample.python != OWN:
                with self.subTest(str(sample)):
                    self.assertEqual((1, []), (run.status, run.csvs), run.stderr)
                    self.assertEqual(found_in(sample).python, run.report["model"]["python"])
                    self.assertIn(f"Python {' or '.join(found_in(sample).python)}", run.stdout)
                    self.assertNotIn(SPRUNG, run.stdout + run.stderr)

    def test_inspection_of_this_pythons_model_succeeds_without_live_data_and_executes_nothing(self) -> None:
        (run,) = (run for sample, run in self.inspections.items() if sample.python == OWN)
        self.assertEqual((0, None, []), (run.status, run.code, run.csvs), run.stderr)
        self.assertEqual([OWN], run.report["model"]["python"])
        self.assertNotIn(SPRUNG, run.stdout + run.stderr)

    def test_pickle_without_code_is_not_refused_for_its_python(self) -> None:
        for run in self.plain:
            self.assertEqual("not_callable", run.code, run.stderr)
            self.assertEqual([], run.report["model"]["python"])


def results_of(runs: dict[Sample, Future[Run]]) -> dict[Sample, Run]:
    return {sample: future.result() for sample, future in runs.items()}
