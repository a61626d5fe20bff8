"""exceptions.py: what the child reports of an exception, the user's frames first, the runtime's left out."""

import json
import pickle
import unittest
from dataclasses import asdict
from typing import Any

import numpy as np

from numerai_predict.child import EarlierException, RaisedException
from numerai_predict.child.exceptions import Circumstances, describe_exception
from numerai_predict.sandbox.channel import MAX_HEADER_BYTES, encode
from tests.harness import ROOT

RUNTIME = """
def run(model, *inputs):
    return call(model, *inputs)
def call(model, *inputs):
    return model(*inputs)
"""


def module(source: str, file: str) -> dict[str, Any]:
    """The globals of a module with that source, as of a file that is not there."""
    found: dict[str, Any] = {}
    exec(compile(source, file, "exec"), found)
    return found


class DescribeExceptionTest(unittest.TestCase):
    def setUp(self) -> None:
        self.runtime = module(RUNTIME, f"{ROOT}/numerai_predict/child/main.py")

        self.circumstances = Circumstances()

    def describe(self, model: Any, *inputs: Any) -> RaisedException:
        """What is reported of the exception that `model` raises when the runtime calls it."""
        try:
            self.runtime["run"](model, *inputs)
        except BaseException as raised:
            error = raised
        assert error.__traceback__ is not None
        # The first frame is this test's own; in the child, all frames before the user's are the runtime's.
        return describe_exception(error.with_traceback(error.__traceback__.tb_next), self.circumstances)

    def test_describe_reports_class_bases_and_message(self) -> None:
        class Special(KeyError):
            pass

        found = self.describe(module("def predict(error): raise error", "model.py")["predict"], Special("feature_x"))
        self.assertEqual((found.kind, found.message, found.name), ("Special", "'feature_x'", ""))
        self.assertEqual(found.kinds, ["Special", "KeyError", "LookupError", "Exception", "BaseException", "object"])

    def test_describe_reports_the_name_that_was_looked_for(self) -> None:
        source = "def predict(): import numpy.no_such_part"
        self.assertEqual(self.describe(module(source, "model.py")["predict"]).name, "numpy.no_such_part")

    def test_describe_of_a_user_frame_begins_with_it(self) -> None:
        user = module("def predict():\n    helper()\n\ndef helper():\n    1 / 0\n", "/predict.py")
        found = self.describe(user["predict"])
        self.assertEqual(found.where, " in helper (/predict.py line 5)")
        frames = [line.strip() for line in found.trace.splitlines() if line.strip().startswith("File")]
        self.assertEqual(frames, ['File "/predict.py", line 2, in predict', 'File "/predict.py", line 5, in helper'])

    def test_describe_of_a_library_frame_names_the_users_last_line(self) -> None:
        library = module("def fit():\n    raise ValueError('bad')\n", "/site-packages/library.py")
        user = module("def predict(fit):\n    x = 1\n    fit()\n", "<ipython-input-3>")
        found = self.describe(user["predict"], library["fit"])
        self.assertEqual(found.where, " in predict (<ipython-input-3> line 3)")
        self.assertIn('File "/site-packages/library.py", line 2, in fit', found.trace)

    def test_describe_without_a_user_frame_names_no_place(self) -> None:
        found = self.describe(pickle.loads, b"not a pickle")
        self.assertEqual((found.kind, found.where), ("UnpicklingError", ""))
        self.assertNotIn("File", found.trace)
        self.assertIn("UnpicklingError: invalid load key", found.trace)

    def test_describe_leaves_out_our_frames_below_the_users(self) -> None:
        user = module("def predict(run):\n    run(lambda: 1 / 0)\n", "model.py")
        found = self.describe(user["predict"], self.runtime["run"])
        self.assertNotIn(str(ROOT / "numerai_predict"), found.trace)
        self.assertIn('File "model.py", line 2, in predict', found.trace)

    def test_describe_of_a_runtime_whose_path_has_doubled_slashes_begins_with_the_user_frame(self) -> None:
        for file in (f"/{ROOT}/numerai_predict/child/main.py", f"{ROOT}/tests/..//numerai_predict/./child/__main__.py"):
            with self.subTest(file):
                self.runtime = module(RUNTIME, file)
                found = self.describe(module("def predict(): 1 / 0", "/numerai_predict/model.py")["predict"])
                self.assertEqual(found.where, " in predict (/numerai_predict/model.py line 1)")
                self.assertNotIn("child", found.trace)

    def test_describe_leaves_out_the_frame_that_refused_what_the_model_tried(self) -> None:
        ours = module("def refuse(): raise OSError('no network')", f"{ROOT}/numerai_predict/sandbox/confine.py")
        source = """
def predict(refuse):
    try:
        refuse()
    except OSError as error:
        try:
            refuse()
        except OSError:
            raise ValueError("worse") from error
"""
        trace = self.describe(module(source, "model.py")["predict"], ours["refuse"]).trace
        self.assertEqual(trace.count('File "model.py"'), 2)
        self.assertIn("OSError: no network", trace)
        self.assertNotIn("confine.py", trace)

    def test_describe_of_a_chain_shows_the_cause(self) -> None:
        source = """
def predict():
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise ValueError("worse") from error
"""
        trace = self.describe(module(source, "model.py")["predict"]).trace
        self.assertIn("ZeroDivisionError: division by zero", trace)
        self.assertIn("The above exception was the direct cause", trace)
        self.assertTrue(trace.rstrip().endswith("ValueError: worse"))

    def test_describe_reports_all_exceptions_behind_it_nearest_first(self) -> None:
        source = """
def predict():
    try:
        try:
            1 / 0
        except ZeroDivisionError:
            {}["a"]
    except KeyError:
        raise ValueError("worse") from None
"""
        earlier = self.describe(module(source, "model.py")["predict"]).earlier
        self.assertEqual(
            earlier, [EarlierException("KeyError", "'a'"), EarlierException("ZeroDivisionError", "division by zero")]
        )

    def test_describe_of_a_group_reports_its_members(self) -> None:
        class Group(Exception):
            exceptions = (OSError("no network"), KeyError("x"))

        earlier = self.describe(module("def predict(error): raise error", "model.py")["predict"], Group()).earlier
        self.assertEqual([each.kind for each in earlier], ["OSError", "KeyError"])

    def test_describe_of_exceptions_without_end_reports_ten(self) -> None:
        source = """
def predict(number=50):
    try:
        raise OSError(number)
    except OSError:
        if number:
            predict(number - 1)
        raise
"""
        self.assertEqual(len(self.describe(module(source, "model.py")["predict"]).earlier), 10)

    def test_describe_names_the_program_that_could_not_be_started(self) -> None:
        for call in (
            "import subprocess; subprocess.run(['no-such-program', '-L'])",
            "import subprocess, pathlib; subprocess.run([pathlib.Path('no-such-program')])",
            "import asyncio; asyncio.run(asyncio.create_subprocess_exec('no-such-program'))",
            "import os; os.execvp('no-such-program', ['no-such-program'])",
        ):
            with self.subTest(call):
                found = self.describe(module(f"def predict(): {call}", "model.py")["predict"])
                self.assertEqual((found.kind, found.program), ("FileNotFoundError", "no-such-program"))

    def test_describe_of_a_missing_file_or_working_directory_names_no_program(self) -> None:
        for call in ("open('no-such-file')", "import subprocess; subprocess.run(['ls'], cwd='/no/such/folder')"):
            with self.subTest(call):
                found = self.describe(module(f"def predict(): {call}", "model.py")["predict"])
                self.assertEqual((found.kind, found.program), ("FileNotFoundError", ""))

    def test_describe_reports_what_the_call_had_tried_to_reach(self) -> None:
        library = module("def ask(note):\n    note('numer.ai')\n    return {}['a']\n", "/site-packages/library.py")
        source = """
def predict(ask, note):
    try:
        ask(note)
    except KeyError:
        raise ValueError("worse")
"""
        found = self.describe(module(source, "model.py")["predict"], library["ask"], self.circumstances.attempts.note)
        self.assertEqual(found.tried, ["numer.ai"])

    def test_describe_of_a_long_message_shortens_it_and_keeps_the_end_of_the_trace(self) -> None:
        source = "def predict(): raise ValueError('begin' + 'x' * 1_000_000 + 'end')"
        found = self.describe(module(source, "model.py")["predict"])
        self.assertTrue(found.message.startswith("begin"))
        self.assertTrue(found.trace.rstrip().endswith("end"))
        self.assertLess(len(encode({"answer": {"exception": asdict(found)}})), MAX_HEADER_BYTES)

    def test_describe_of_a_long_message_beyond_ascii_fits_into_an_answer(self) -> None:
        found = self.describe(module("def predict(): raise ValueError('ü' * 1_000_000)", "model.py")["predict"])
        self.assertLess(len(encode({"answer": {"exception": asdict(found)}})), MAX_HEADER_BYTES)

    def test_describe_of_an_exit_reports_its_argument(self) -> None:
        found = self.describe(module("import sys\ndef predict(): sys.exit(3)", "model.py")["predict"])
        self.assertEqual((found.kind, found.message), ("SystemExit", "3"))

    def test_describe_reports_versions_of_loaded_libraries_only(self) -> None:
        libraries = self.describe(module("def predict(): 1 / 0", "model.py")["predict"]).libraries
        self.assertEqual(libraries["numpy"], np.__version__)
        self.assertNotIn("tensorflow", libraries)

    def test_describe_of_strange_attributes_gives_plain_data(self) -> None:
        source = (
            "def predict():\n    error = ValueError(b'\\xff', '\\ud800')\n    error.name = object()\n    raise error\n"
        )
        found = self.describe(module(source, "model.py")["predict"])
        self.assertEqual(json.loads(json.dumps(asdict(found))), asdict(found))

    def test_describe_of_an_exception_that_cannot_be_shown_does_not_raise(self) -> None:
        source = "class Odd(Exception):\n    def __str__(self): raise ValueError\n\ndef predict(): raise Odd\n"
        self.assertEqual(self.describe(module(source, "model.py")["predict"]).kind, "Odd")
