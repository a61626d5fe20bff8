"""inspect.py: what the pickle of a model contains, found without loading it."""

import bz2
import functools
import gzip
import importlib
import io
import lzma
import pickle
import subprocess
import sys
import textwrap
import types
import unittest
import zipfile
from typing import Any
from unittest import mock

import cloudpickle
import numpy as np
import pandas as pd

from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import bytecode, inspect, installed
from numerai_predict.inspection.findings import THIS_PYTHON, Findings
from numerai_predict.inspection.inspect import MAX_NEEDS, TORCH_MAGIC, inspect_pickle, open_pickle
from numerai_predict.sandbox.channel import MAX_HEADER_BYTES, encode
from tests.harness import LEGACY_MODEL, MODEL, ROOT, by_value


def inspect_bytes(content: bytes, name: str = "model.pkl") -> Findings:
    return inspect_pickle(io.BytesIO(content), name)


def function_of(source: str) -> bytes:
    """A function `predict` from a user's script, as cloudpickle writes it."""
    script: dict[str, Any] = {"__name__": "__main__"}
    exec(textwrap.dedent(source), script)
    return bytes(cloudpickle.dumps(script["predict"]))


def needs(findings: Findings) -> dict[str, tuple[str, str]]:
    return {module.name: (module.status, module.needed_by) for module in findings.modules}


class ModelTest(unittest.TestCase):
    def test_sample_models_are_known_through_and_through(self) -> None:
        takes = {MODEL: ["live_features", "live_benchmark_models"], LEGACY_MODEL: ["live_features"]}
        for path, parameters in takes.items():
            with self.subTest(path.name), path.open("rb") as file:
                findings = inspect_pickle(file, path.name)
                self.assertEqual((path.name, path.stat().st_size), (findings.file_name, findings.file_bytes))
                self.assertEqual(([THIS_PYTHON], "cloudpickle 3"), (findings.python, findings.writer))
                self.assertEqual(
                    ("function", "predict", parameters), (findings.kind, findings.name, findings.parameters)
                )
                self.assertEqual((True, "", []), (findings.complete, findings.error, findings.differences))
                self.assertEqual({"present"}, {module.status for module in findings.modules})
                self.assertLessEqual({"lightgbm", "pandas"}, {module.name for module in findings.modules})

    def test_file_is_at_its_beginning_afterwards(self) -> None:
        file = io.BytesIO(pickle.dumps([1, 2]))
        inspect_pickle(file, "model.pkl")
        self.assertEqual([1, 2], pickle.load(file))

    def test_pickle_without_code_has_no_writer_python(self) -> None:
        findings = inspect_bytes(pickle.dumps({"weights": np.arange(3.0)}))
        self.assertEqual(
            ([], "pickle", "data", "dict"), (findings.python, findings.writer, findings.kind, findings.name)
        )

    def test_functions_of_several_pythons_name_them_all(self) -> None:
        versions = [frozenset({"3.11"}), frozenset({"3.12", "3.13"})]
        content = cloudpickle.dumps([lambda: 1, lambda: 2])
        with mock.patch.object(bytecode, "writers", side_effect=versions):
            self.assertEqual(["3.11", "3.12", "3.13"], inspect_bytes(content).python)

    def test_names_of_the_script_are_listed(self) -> None:
        findings = inspect_bytes(b"\x80\x04c__main__\npredict\n.")
        self.assertEqual(["predict"], findings.main_names)

    def test_names_of_the_script_that_annotate_something_are_listed_as_types(self) -> None:
        findings = inspect_bytes(
            function_of("""
                import functools, sys, types, typing

                sys.modules["__main__"] = types.SimpleNamespace(**globals())
                Score = typing.NewType("Score", float)
                Scores, More, Weight = (typing.NewType(name, float) for name in ("Scores", "More", "Weight"))

                @functools.cache
                def weight():
                    return 1.0

                vars(sys.modules["__main__"]).update(globals())

                class Model:
                    kept: More

                def predict(live_features: list[Scores]) -> typing.Optional[Score]:
                    return Model, Weight(weight())
            """)
        )
        self.assertEqual(["More", "Score", "Scores", "Weight", "weight"], findings.main_names)
        self.assertEqual(["More", "Score", "Scores"], findings.types)

    def test_names_of_modules_that_are_carried_otherwise_are_listed(self) -> None:
        source = """
            import functools
            @functools.cache
            def weight():
                return 1.0
            def carried():
                return weight()
        """
        module = types.ModuleType("no_such_utils")
        exec(textwrap.dedent(source), vars(module))
        with mock.patch.dict(sys.modules, no_such_utils=module):
            referred = bytes(cloudpickle.dumps(functools.wraps(module.carried)(lambda: module.carried())))
            cloudpickle.register_pickle_by_value(module)
            self.addCleanup(cloudpickle.unregister_pickle_by_value, module)
            carried = bytes(cloudpickle.dumps(module.carried))
        self.assertEqual(["no_such_utils:weight"], inspect_bytes(carried).own_names)
        self.assertEqual([], inspect_bytes(referred).own_names)

    def test_what_code_of_the_pickle_may_have_made_is_late(self) -> None:
        code = b"cbuiltins\nexec\n(X\x01\0\0\0atR"
        findings = inspect_bytes(
            b"\x80\x04("
            + b"c__main__\na\ncfirst_one\nf\n"
            + code
            + b"c__main__\nb\nclate_one\nf\ncnumpy.no_such\nf\nt."
        )
        self.assertEqual((["a"], ["b"]), (findings.main_names, findings.late_names))
        self.assertEqual(
            {
                "first_one": ("missing", "reference"),
                "late_one": ("missing", "late reference"),
                "numpy.no_such": ("skewed", "late reference"),
            },
            {name: need for name, need in needs(findings).items() if need[0] != "present"},
        )
        self.assertEqual([], findings.differences)

    def test_names_of_pickles_inside_the_pickle_are_listed(self) -> None:
        inner = b"\x80\x04c__main__\nNet\n."
        findings = inspect_bytes(b"\x80\x04cjson\nloads\n" + pickle.dumps((inner,))[2:-1] + b"R.")
        self.assertEqual(([], ["Net"]), (findings.main_names, findings.nested_names))

    def test_huge_names_are_cut(self) -> None:
        name = "n" * 1_000_000
        findings = inspect_bytes(b"\x80\x04c" + name.encode() + b"\n" + name.encode() + b"\n.")
        self.assertLess(len(str(findings.as_message())), 10_000)

    def test_findings_of_any_names_fit_into_one_message(self) -> None:
        for character in ("\U0001d51e", "\U000e0001"):  # A letter of four bytes; one that needs an escape of ten.
            names = [f"{before}n{i}{character * 400}" for before in ("", "numpy.") for i in range(400)]
            opcodes = b"".join(b"c%s\nx\n0c__main__\n%s\n0" % (name.encode(), name.encode()) for name in names)
            findings = inspect_bytes(b"\x80\x04" + opcodes + b"N.")
            self.assertGreater(len(findings.modules), 50)
            self.assertLess(len(encode({"findings": findings.as_message()})), MAX_HEADER_BYTES)

    def test_thousands_of_modules_are_listed_in_part(self) -> None:
        content = b"\x80\x04" + b"".join(b"cmissing%d\nname\n0" % number for number in range(5_000)) + b"N."
        self.assertLess(len(inspect_bytes(content).modules), 500)


class NeedsTest(unittest.TestCase):
    def test_what_the_code_imports_from_a_namespace_is_a_module_of_its_own(self) -> None:
        for source in (
            "def predict(live):\n    from google.cloud import no_such, nor_this",
            "def predict(live):\n    import google.cloud.no_such, google.cloud.nor_this.deeper",
        ):
            with self.subTest(source):
                found = needs(inspect_bytes(function_of(source)))
                self.assertEqual(("missing", "import"), found["google.cloud.no_such"])
                self.assertEqual(("missing", "import"), found["google.cloud.nor_this"])
                self.assertNotIn("google.cloud", found)

    def test_module_of_a_namespace_that_is_a_global_of_predict_is_missing_and_no_version_differs(self) -> None:
        found = inspect_bytes(b"ccloudpickle.cloudpickle\nsubimport\nX\x12\x00\x00\x00google.colab.drive\x85R.")
        self.assertEqual(("missing", "reference"), needs(found)["google.colab"])
        self.assertEqual([], found.differences)

    def test_compiled_module_that_is_known_without_its_package_is_not_listed_and_an_own_one_is_missing(self) -> None:
        found = needs(inspect_bytes(b"\x80\x04c_loss\nCyHalfSquaredError\n0c_pcg64\nx\n0c_features\nrank\n."))
        self.assertEqual({"_features": ("missing", "reference")}, found)

    def test_references_to_modules_that_are_not_here_are_missing(self) -> None:
        content = b"\x80\x04cmy_utils\nf\n0cmy_package.models\nModel\n0cnumpy\narray\n."
        self.assertEqual(
            {
                "my_package": ("missing", "reference"),
                "my_utils": ("missing", "reference"),
                "numpy": ("present", "reference"),
            },
            needs(inspect_bytes(content)),
        )

    def test_module_used_as_a_global_is_needed(self) -> None:
        found = needs(
            inspect_bytes(
                function_of("""
            import pandas, json
            def predict(live): return pandas.DataFrame(json.loads(live))
        """)
            )
        )
        self.assertEqual(("present", "reference"), found["pandas"])
        self.assertNotIn("json", found)

    def test_imports_in_functions_are_found_with_their_guards(self) -> None:
        found = needs(
            inspect_bytes(
                function_of("""
            def predict(live):
                import no_such_package.models
                try:
                    import no_such_accelerator
                except ImportError:
                    pass
                def inner():
                    from sklearn.linear_model import LinearRegression
                    import json
                return inner
        """)
            )
        )
        self.assertEqual(("missing", "import"), found["no_such_package"])
        self.assertEqual(("missing", "guarded import"), found["no_such_accelerator"])
        self.assertEqual(("present", "import"), found["sklearn"])
        self.assertNotIn("json", found)

    def test_module_that_is_imported_twice_is_needed_in_the_stronger_way(self) -> None:
        unguarded, guarded = "import no_such_package", "try: import no_such_package\n    except ImportError: pass"
        for outer, inner in ((unguarded, guarded), (guarded, unguarded)):
            with self.subTest(outer=outer):
                source = f"def predict(live):\n    {outer}\n    def inner():\n        "
                source += inner.replace("\n", "\n    ") + "\n    return inner"
                self.assertEqual(("missing", "import"), needs(inspect_bytes(function_of(source)))["no_such_package"])

    def test_module_that_scikit_learn_makes_at_run_time_is_no_need(self) -> None:
        estimator = importlib.import_module("sklearn.ensemble").HistGradientBoostingRegressor(max_iter=2)
        content = pickle.dumps(estimator.fit([[0], [1], [2]], [0, 1, 2]))
        self.assertIn(b"_loss", content)
        self.assertEqual({"numpy", "sklearn"}, set(needs(inspect_bytes(content))))

    def test_thousands_of_modules_are_looked_up_in_part(self) -> None:
        named = b"\x80\x04" + b"".join(b"cnumpy.missing%d\nname\n0" % number for number in range(5_000)) + b"N."
        imported = function_of("def predict(live): import " + ", ".join(f"missing{i}" for i in range(5_000)))
        for content in (named, imported):
            with mock.patch.object(installed, "missing_part", side_effect=installed.missing_part) as looked_up:
                inspect_bytes(content)
            self.assertLessEqual(looked_up.call_count, 2 * MAX_NEEDS)

    def test_installed_version_is_told(self) -> None:
        versions = {module.name: module.version for module in inspect_bytes(pickle.dumps(np.arange(3))).modules}
        self.assertEqual({"numpy": np.__version__}, versions)

    def test_names_in_bytecode_that_cannot_be_read_are_possible_needs(self) -> None:
        arguments = (0, 0, 0, 1, 0, b"\x00\x00", (None,), ("catboost", "mean"), (), "f.py", "f", 1, b"", (), ())
        findings = inspect_bytes(pickle.dumps(Call(CODE_TYPE, *arguments)))
        self.assertEqual(["3.7"], findings.python)
        self.assertIn(("catboost", ("missing", "possible")), needs(findings).items())
        self.assertNotIn("mean", needs(findings))


class Call:
    """Pickled as a call of a function."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


class _CodeType:
    """Pickled as cloudpickle does the type of code objects, which can also be called."""

    def __reduce__(self) -> Any:
        return cloudpickle.cloudpickle._builtin_type, ("CodeType",)

    def __call__(self) -> None:
        """Never."""


CODE_TYPE = _CodeType()


class WriterTest(unittest.TestCase):
    def test_cloudpickle_is_known_by_its_functions(self) -> None:
        cases = {
            "cloudpickle 3": b"ccloudpickle.cloudpickle\n_function_setstate\n",
            "cloudpickle 2": b"ccloudpickle.cloudpickle_fast\n_function_setstate\n",
            "cloudpickle": b"ccloudpickle.cloudpickle\nsubimport\n",
            "dill": b"cdill._dill\n_create_function\n",
            "pickle": b"cdillinger\nf\n",
        }
        for writer, opcodes in cases.items():
            with self.subTest(writer):
                self.assertEqual(writer, inspect_bytes(b"\x80\x04" + opcodes + b".").writer)

    def test_scikit_learn_tells_its_version_in_any_estimator(self) -> None:
        estimator = importlib.import_module("sklearn.linear_model").LinearRegression()
        with mock.patch("sklearn.base.__version__", "1.2.2"):
            content = pickle.dumps([estimator])
        differences = inspect_bytes(content).differences
        self.assertEqual([("sklearn", "1.2.2", False)], [(d.library, d.written, d.breaks) for d in differences])

    def test_libraries_of_these_versions_differ_in_nothing(self) -> None:
        estimator = importlib.import_module("sklearn.ensemble").RandomForestRegressor(3).fit([[0], [1]], [0, 1])
        frame = pd.DataFrame({"a": ["x"], "b": pd.to_datetime(["2026-01-01"])}).astype({"a": "category"})
        held = [estimator, frame, np.random.default_rng(1), pd.array(["a"], dtype="string")]
        for protocol in range(2, 6):
            with self.subTest(protocol=protocol):
                self.assertEqual([], inspect_bytes(pickle.dumps(held, protocol)).differences)

    def test_tensor_of_a_gpu_breaks_where_there_is_none(self) -> None:
        (path,) = (ROOT / "tests/data/skew").glob("torch-*-cuda.pkl")
        for gpu, breaks in ((ROOT / "no-such-device", True), (ROOT, False)):
            with self.subTest(breaks=breaks), mock.patch.object(inspect, "GPU", gpu):
                codes = [(each.code, each.breaks) for each in inspect_bytes(path.read_bytes()).differences]
                self.assertEqual([("cuda_model", breaks)], codes)


class OtherFileTest(unittest.TestCase):
    def test_joblib_file_is_named_wherever_its_arrays_stand(self) -> None:
        content = io.BytesIO()
        importlib.import_module("joblib").dump(["x" * 10_000, np.arange(1000.0)], content)
        self.assertEqual("a joblib file", inspect_bytes(content.getvalue()).other)

    def test_pickle_that_only_names_joblibs_wrapper_is_no_joblib_file(self) -> None:
        self.assertEqual("", inspect_bytes(b"\x80\x04cjoblib.numpy_pickle\nNumpyArrayWrapper\n.").other)

    def test_old_file_of_torch_is_named(self) -> None:
        self.assertEqual("a file of torch.save", inspect_bytes(pickle.dumps(TORCH_MAGIC, 2) + b"more").other)

    def test_cut_pickle_has_its_error(self) -> None:
        findings = inspect_bytes(pickle.dumps(list(range(1000)))[:-5])
        self.assertEqual((False, "UnpicklingError", ""), (findings.complete, findings.error_kind, findings.kind))


class CompressionTest(unittest.TestCase):
    content = pickle.dumps([np.arange(1 << 20), by_value(len)])

    def test_compressed_pickles_are_looked_into(self) -> None:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("model.pkl", self.content)
        compressed = {
            "model.pkl.gz": gzip.compress(self.content, 1),
            "model.pkl.bz2": bz2.compress(self.content),
            "MODEL.PKL.XZ": lzma.compress(self.content, preset=0),
            "model.pkl.zip": archive.getvalue(),
        }
        for name, content in compressed.items():
            with self.subTest(name):
                findings = inspect_bytes(content, name)
                self.assertEqual((True, len(content)), (findings.complete, findings.file_bytes), findings.error)
                self.assertIn("numpy", needs(findings))
                with open_pickle(io.BytesIO(content), name) as stream:
                    self.assertEqual(self.content, stream.read())

    def test_damaged_archive_is_unreadable_or_has_its_error(self) -> None:
        with self.assertRaises(Fault) as raised:
            inspect_bytes(b"PK\x03\x04 and no more", "model.zip")
        self.assertIs(Code.UNREADABLE_PICKLE, raised.exception.code)
        findings = inspect_bytes(gzip.compress(self.content, 1)[:-100_000], "model.gz")
        self.assertEqual((False, "EOFError"), (findings.complete, findings.error_kind))

    def test_archive_of_many_files_is_unreadable_in_few_words(self) -> None:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            for number in range(10_000):
                file.writestr(f"{number}\x1b[2J", b"")
        with self.assertRaises(Fault) as raised:
            inspect_bytes(archive.getvalue(), "model.zip")
        self.assertIs(Code.UNREADABLE_PICKLE, raised.exception.code)
        self.assertLess(len(raised.exception.message), 10 * inspect.MAX_TEXT)
        self.assertTrue(raised.exception.message.isprintable())

    def test_archive_that_no_memory_is_left_for_is_not_called_unreadable(self) -> None:
        with (
            mock.patch("pandas.io.common.get_handle", side_effect=MemoryError),
            self.assertRaises(MemoryError),
        ):
            inspect_bytes(gzip.compress(self.content, 1), "model.gz")


class StartTest(unittest.TestCase):
    def test_child_that_only_looks_does_not_import_pandas(self) -> None:
        program = """
            import sys
            from numerai_predict.inspection.inspect import inspect_pickle
            inspect_pickle(open(sys.argv[1], "rb"), "model.pkl")
            print("pandas" in sys.modules)
        """
        command = [sys.executable, "-c", textwrap.dedent(program), str(MODEL)]
        self.assertEqual(b"False\n", subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)


if __name__ == "__main__":
    unittest.main()
