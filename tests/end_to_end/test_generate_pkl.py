"""generate_pkl.py: what becomes of notebooks and of the sample model, and that a failure leaves the old file."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from tests import generate_pkl
from tests.generate_pkl import GenerationError
from tests.harness import LEGACY_MODEL, ROOT, TESTS, PredictTestCase

THIS_PYTHON = Path(sys.executable)
SAMPLE_NOTEBOOK = TESTS / "notebooks/sample_model.ipynb"
OTHER_VERSION = "3.12" if sys.version_info[:2] == (3, 10) else "3.10"

TWO = """\
def predict(live_features, live_benchmark_models):
    return live_features[["feature_a"]].rank(pct=True)
"""
ONE = TWO.replace(", live_benchmark_models", "")
DUMP = "import cloudpickle; open('{0}.pkl', 'wb').write(cloudpickle.dumps({0}))"


@contextlib.contextmanager
def collected() -> Iterator[Callable[[], str]]:
    """Collect what the processes that are started here print; gives the function that reads it."""
    with tempfile.NamedTemporaryFile() as file:
        saved = [(stream, os.dup(stream)) for stream in (1, 2)]
        for stream, _ in saved:
            os.dup2(file.fileno(), stream)
        try:
            yield lambda: Path(file.name).read_text()
        finally:
            for stream, copy in saved:
                os.dup2(copy, stream)
                os.close(copy)


def write_notebook(path: Path, *cells: str) -> Path:
    """Write a notebook of these code cells."""
    written: list[dict[str, Any]] = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": cell} for cell in cells
    ]
    path.write_text(json.dumps({"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    return path


class NotebookTest(PredictTestCase):
    """Real runs under the Python of the tests, in an environment that they share."""

    python: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        environment = tempfile.TemporaryDirectory()
        cls.addClassCleanup(environment.cleanup)
        cls.python = generate_pkl.notebook_environment(THIS_PYTHON, Path(environment.name))

    def setUp(self) -> None:
        super().setUp()
        self.model = self.folder / "made.pkl"
        self.notebook = self.folder / "notebooks/model.ipynb"
        self.notebook.parent.mkdir()

    def make(self, *cells: str) -> None:
        """Make a model of a notebook of these cells, which must succeed."""
        write_notebook(self.notebook, *cells)
        with collected() as said:
            try:
                generate_pkl.notebook_model(self.python, self.notebook, self.model)
            except GenerationError:
                self.fail(said())

    def failure(self, *cells: str) -> str:
        """What is said when no model can be made of a notebook of these cells."""
        write_notebook(self.notebook, *cells)
        with collected() as said:
            with self.assertRaisesRegex(GenerationError, "model.ipynb made no model"):
                generate_pkl.notebook_model(self.python, self.notebook, self.model)
            self.assertFalse(self.model.exists())
            return said()

    def loaded_name(self) -> str:
        """The name of the function in the model that was made."""
        return generate_pkl.answer(
            self.python, "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).__name__)", self.model
        )

    def test_sample_notebook_makes_a_model_that_predict_runs(self) -> None:
        shutil.copyfile(SAMPLE_NOTEBOOK, self.notebook)
        (self.folder / "data").symlink_to(TESTS / "data")
        with collected():
            generate_pkl.notebook_model(self.python, self.notebook, self.model)
            generate_pkl.check(self.python, self.model, legacy=False)
        run = self.predict(self.model, "--strict")
        self.assertEqual(0, run.status, run.stderr)
        self.assertEqual(2, run.report["model"]["parameters"])

    def test_one_pickle_in_the_folder_is_the_model_whatever_its_name(self) -> None:
        self.make(TWO, TWO.replace("predict", "predict_neutral"), DUMP.format("predict_neutral"))
        self.assertEqual("predict_neutral", self.loaded_name())

    def test_pickle_that_was_there_before_is_not_the_model(self) -> None:
        (self.notebook.parent / "old.pkl").write_bytes(b"of last year")
        self.make(TWO)
        self.assertEqual("predict", self.loaded_name())

    def test_pickle_that_was_there_before_is_the_model_once_written_again(self) -> None:
        (self.notebook.parent / "predict_new.pkl").write_bytes(b"of last year")
        self.make(TWO.replace("predict", "predict_new"), DUMP.format("predict_new"))
        self.assertEqual("predict_new", self.loaded_name())

    def test_predict_is_the_model_of_a_notebook_that_wrote_several_pickles(self) -> None:
        self.make(TWO, "def helper(): return 1", DUMP.format("helper"), DUMP.format("predict"))
        self.assertEqual("predict", self.loaded_name())

    def test_magics_shell_lines_and_modules_beside_the_notebook_work(self) -> None:
        beside = "%%writefile beside.py\nWEIGHT = 0.5"
        prefix = "import sys\nsaid = !python -c 'import sys; print(sys.prefix)'\nassert said == [sys.prefix], said"
        self.make(beside, "from beside import WEIGHT\n%time WEIGHT", prefix, TWO)

    def test_pip_of_a_notebook_installs_beside_the_platforms_packages_and_at_their_versions(self) -> None:
        where = "import sys\nsaid = !pip --version\nassert sys.prefix in said[0], said"
        refused = "said = !pip install --no-index pandas==0.1\nassert any('constraint' in line for line in said), said"
        self.make(where, refused, TWO)

    def test_failing_cell_is_named_with_its_error_and_source(self) -> None:
        said = self.failure("a = 1", "", "b = 2\nraise ValueError('no data')", TWO)
        self.assertIn("model.ipynb: cell 2 failed: ValueError: no data\n  | b = 2\n  | raise ValueError", said)

    def test_cell_with_a_syntax_error_is_named(self) -> None:
        self.assertIn("cell 2 failed: SyntaxError", self.failure("a = 1", "def predict(:"))

    def test_failing_cell_that_is_timed_is_named(self) -> None:
        self.assertIn("cell 1 failed: ZeroDivisionError", self.failure("%%time\n1 / 0", TWO))

    def test_notebook_that_exits_fails(self) -> None:
        self.assertIn("cell 1 failed: SystemExit", self.failure("raise SystemExit(0)", TWO))

    def test_notebook_that_asks_fails_and_does_not_wait(self) -> None:
        self.assertIn("cell 1 failed: EOFError", self.failure("input('Key: ')", TWO))

    def test_notebook_without_a_model_is_told_so(self) -> None:
        said = self.failure("predict = 0.5")
        self.assertIn("wrote no .pkl file to its folder and defines no function predict", said)

    def test_predict_that_cannot_be_pickled_is_told_so(self) -> None:
        said = self.failure("lock = __import__('threading').Lock()", TWO.replace("return", "lock; return"))
        self.assertIn("The function predict cannot be pickled: TypeError", said)

    def test_file_that_is_no_notebook_is_told_so(self) -> None:
        for text in ("", "{}", "print(1)"):
            with self.subTest(text), collected() as said:
                self.notebook.write_text(text)
                with self.assertRaises(GenerationError):
                    generate_pkl.notebook_model(self.python, self.notebook, self.model)
                self.assertIn("model.ipynb cannot be read as a notebook", said())


class CheckTest(PredictTestCase):
    """What is refused before it takes a file's place."""

    def setUp(self) -> None:
        super().setUp()
        self.target = self.folder / "model_3_XX.pkl"
        self.target.write_bytes(b"the old one")

    def test_model_with_other_arguments_than_asked_is_refused_either_way(self) -> None:
        two = self.pickle(lambda live_features, live_benchmark_models: live_features, "two.pkl")
        one = self.pickle(lambda live_features: live_features, "one.pkl")
        with collected():
            generate_pkl.check(THIS_PYTHON, two, legacy=False)
            generate_pkl.check(THIS_PYTHON, one, legacy=True)
            with self.assertRaisesRegex(GenerationError, "takes the benchmark models too"):
                generate_pkl.check(THIS_PYTHON, two, legacy=True)
            with self.assertRaisesRegex(GenerationError, "give --legacy"):
                generate_pkl.check(THIS_PYTHON, one, legacy=False)

    def test_model_that_inspection_or_loading_refuses_is_refused(self) -> None:
        damaged = self.folder / "damaged.pkl"
        damaged.write_bytes(b"\x80\x05 not a pickle")
        raises = self.folder / "raises.pkl"
        raises.write_bytes(b"cbuiltins\nint\n(S'no number'\ntR.")
        for model in (damaged, raises):
            with self.subTest(model.name), collected(), self.assertRaises(GenerationError):
                generate_pkl.check(THIS_PYTHON, model, legacy=False)

    def test_notebook_whose_model_is_refused_leaves_the_old_file_and_nothing_else(self) -> None:
        notebook = write_notebook(self.folder / "one.ipynb", ONE)
        before = sorted(self.folder.iterdir())
        with collected(), self.assertRaisesRegex(GenerationError, "give --legacy"):
            generate_pkl.generate(THIS_PYTHON, notebook, False, self.target)
        self.assertEqual(b"the old one", self.target.read_bytes())
        self.assertEqual(before, sorted(self.folder.iterdir()))

    def test_model_that_cannot_be_written_whole_leaves_the_old_file(self) -> None:
        with self.assertRaises(OSError):
            generate_pkl.replace(self.folder / "missing.pkl", self.target)
        self.assertEqual(b"the old one", self.target.read_bytes())
        self.assertEqual([self.target], list(self.folder.glob("*.pkl")) + list(self.folder.glob(".*")))


class SampleModelTest(PredictTestCase):
    """The sample model, trained with the libraries of this Python."""

    def test_legacy_sample_model_predicts_as_the_committed_one(self) -> None:
        target = self.folder / "model_3_XX.pkl"
        target.write_bytes(b"the old one")
        with collected():
            generate_pkl.generate(THIS_PYTHON, None, True, target)
        self.assertEqual(self.predictions(LEGACY_MODEL), self.predictions(target))

    def predictions(self, model: Path) -> str:
        """The CSV that predict.py writes for the model."""
        run = self.predict(model, "--strict")
        self.assertEqual(0, run.status, run.stderr)
        text = run.csvs[0].read_text()
        run.csvs[0].unlink()
        return text


class CommandLineTest(unittest.TestCase):
    """What is said before anything is made."""

    def run_command(self, *flags: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
        """Run the command without any package but the standard library."""
        command = [sys.executable, "-S", str(TESTS / "generate_pkl.py"), *flags]
        return subprocess.run(
            command, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60, check=False
        )

    def test_unknown_version_names_the_folders_that_exist(self) -> None:
        for flags in (["--version", "py3.9"], ["--version", "3.11"]):
            with self.subTest(flags):
                done = self.run_command(*flags)
                self.assertEqual(2, done.returncode)
                for folder in ROOT.glob("py3.*"):
                    self.assertIn(folder.name, done.stderr)

    def test_missing_notebook_is_named(self) -> None:
        done = self.run_command("--version", "py3.11", "--notebook-path", "nowhere/model.ipynb")
        self.assertEqual(2, done.returncode)
        self.assertIn("there is no file nowhere/model.ipynb", done.stderr)

    def test_python_that_is_not_installed_is_named_with_the_remedy(self) -> None:
        with tempfile.TemporaryDirectory() as empty:
            done = self.run_command("--version", f"py{OTHER_VERSION}", path=empty)
        self.assertEqual(1, done.returncode)
        self.assertIn(f"Install Python {OTHER_VERSION} so that python{OTHER_VERSION} is on the PATH.", done.stderr)
        self.assertIn(f"model_{OTHER_VERSION.replace('.', '_')}.pkl was not written", done.stderr)

    def test_environment_is_the_one_that_the_makefile_makes(self) -> None:
        running = f"{sys.version_info[0]}.{sys.version_info[1]}"
        with tempfile.TemporaryDirectory() as folder:
            # In make's place, which would install packages; it only notes what it is asked.
            make = Path(folder, "make")
            make.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {folder}/asked\n')
            make.chmod(0o755)
            path = os.environ["PATH"]
            self.addCleanup(os.environ.__setitem__, "PATH", path)
            os.environ["PATH"] = f"{folder}:{path}"
            python = generate_pkl.platform_python(f"py{running}")
            os.environ["PATH"] = path
            asked = Path(folder, "asked").read_text().split()
        self.assertEqual(ROOT / f".venv/{running}/predict/bin/python", python)
        known = subprocess.run(["make", "--dry-run", *asked], cwd=ROOT, capture_output=True, text=True, check=False)
        self.assertEqual(0, known.returncode, known.stderr)

    def test_help_says_what_a_notebooks_model_is(self) -> None:
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown), self.assertRaises(SystemExit):
            generate_pkl.parse_args(["--help"])
        self.assertIn("Its model is the .pkl file that it writes to its folder", shown.getvalue())
