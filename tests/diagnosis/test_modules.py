"""modules.py: modules that are not here, by what Python and libraries say of them."""

import unittest
from dataclasses import replace

from numerai_predict.child import Answer
from numerai_predict.diagnosis.exceptions import fault_of_exception
from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import Module, PickleFacts, for_missing
from tests import findings
from tests.diagnosis.cases import FACTS, WHERE, exception

# What libraries say, word for word, and the package that they want.
OPTIONAL = (
    ("Missing optional dependency 'pytables'.  Use pip or conda to install pytables.", "tables"),  # pandas
    ("Missing optional dependency 'xlrd'. Install xlrd >= 2.0.1 for xls Excel support Use pip or conda.", "xlrd"),
    ("`Import tabulate` failed.  Use pip or conda to install the tabulate package.", "tabulate"),
    ("Import lxml failed. Use pip or conda to install the lxml package.", "lxml"),
    (
        "Excel export requires 'xlsxwriter' not found.\nPlease install using the command `pip install xlsxwriter`.",
        "xlsxwriter",
    ),
    ("required package 'great-tables' not found.\nPlease install using `pip install great-tables`.", "great-tables"),
    ("IProgress not found. Please update jupyter and ipywidgets. See https://ipywidgets.readthedocs.io", "ipywidgets"),
    (
        "plot_tree requires no_matplotlib. You can install no_matplotlib with `pip install no_matplotlib`",
        "no_matplotlib",
    ),
    ("You must install graphviz_ to plot tree", "graphviz_"),  # XGBoost
    ("You must install no-matplotlib and restart your session to plot importance.", "no-matplotlib"),  # LightGBM
    ("dask, pandas, and scikit-learn are required for lightgbm.dask.", "dask"),
    ("no_matplotlib is required for plotting", "no_matplotlib"),
    ("gym is not installed", "gym"),
    ("altair>=5.4.0 is required for `.plot`", "altair"),
    ("Loading this requires accelerate: `pip install 'accelerate>=0.26.0'`", "accelerate"),
    ("No module named 'sentencepiece'", "sentencepiece"),
    ("Using bitsandbytes 8-bit requires bitsandbytes: pip install -U bitsandbytes.", "bitsandbytes"),
    ("fetch_openml requires no_pandas.", "no_pandas"),
)


def fault(
    kind: str,
    message: str = "",
    *bases: str,
    name: str = "",
    phase: str = "predicting",
    facts: PickleFacts = FACTS,
) -> Fault:
    raised = exception(kind, message, *bases, name=name, where=WHERE)
    found = fault_of_exception(Answer(exception=raised), phase, facts)
    assert found is not None
    return found


class MissingModuleTest(unittest.TestCase):
    def test_missing_package_has_the_remedy_of_an_inspection(self) -> None:
        for name in ("my_utils", "shap", "IPython", "no_such.package"):
            top = name.partition(".")[0]
            with self.subTest(name):
                found = fault("ModuleNotFoundError", f"No module named {top!r}", name=top)
                self.assertEqual((Code.MISSING_MODULE, for_missing([top], inside=True)), (found.code, found.hint))
                loading = fault("ModuleNotFoundError", f"No module named {top!r}", name=top, phase="loading")
                self.assertEqual((Code.MISSING_MODULE, for_missing([top])), (loading.code, loading.hint))

    def test_missing_part_of_a_namespace_is_a_missing_module(self) -> None:
        for name in ("google.colab", "google.cloud.no_such"):
            with self.subTest(name):
                found = fault("ModuleNotFoundError", f"No module named {name!r}", name=name)
                self.assertIs(Code.MISSING_MODULE, found.code)
                self.assertIn(f"needs the module {name!r}", found.message)

    def test_name_that_a_namespace_lacks_is_a_missing_module(self) -> None:
        message = "cannot import name 'no_such' from 'google.cloud' (unknown location)"
        for phase in ("loading", "predicting"):
            found = fault("ImportError", message, name="google.cloud", phase=phase)
            self.assertIs(Code.MISSING_MODULE, found.code)
            self.assertIn("needs the module 'google.cloud.no_such'", found.message)
            self.assertIn("google-cloud-no-such", found.hint)
        other = fault("ImportError", "cannot import name 'no_such' from 'no_space' (unknown location)")
        self.assertIs(Code.MODEL_RAISED, other.code)

    def test_namespace_that_is_not_here_at_all_is_named_as_the_inspection_does(self) -> None:
        modules = [Module("google.colab", None, "missing", "import")]
        facts = replace(FACTS, findings=replace(findings.GOOD, modules=modules))
        found = fault("ModuleNotFoundError", "No module named 'google'", name="google", facts=facts)
        self.assertIn("needs the module 'google.colab'", found.message)
        self.assertIn("Colab only", found.hint)

    def test_missing_part_of_a_package_is_another_version(self) -> None:
        found = fault("ModuleNotFoundError", "No module named 'sklearn.gone'", name="sklearn.gone", phase="loading")
        self.assertIs(Code.INCOMPATIBLE_LIBRARY, found.code)

    def test_missing_part_of_the_standard_library_is_a_missing_module(self) -> None:
        found = fault("ModuleNotFoundError", "No module named 'json.gone'", name="json.gone")
        self.assertIs(Code.MISSING_MODULE, found.code)

    def test_long_name_is_cut(self) -> None:
        self.assertLess(len(fault("ModuleNotFoundError", "x", name="x" * 100_000).message), 500)


class OptionalPackageTest(unittest.TestCase):
    def test_package_that_a_library_wants_is_named(self) -> None:
        for kind in ("ImportError", "ModuleNotFoundError"):
            for message, package in OPTIONAL:
                with self.subTest(message, kind=kind):
                    found = fault(kind, message)
                    self.assertIs(Code.MISSING_MODULE, found.code)
                    self.assertIn(
                        f"needs the package {package!r}, which is not installed here ({kind}: ", found.message
                    )
                    self.assertEqual(for_missing([package], packages=True), found.hint)

    def test_lightgbms_own_error_counts_too(self) -> None:
        found = fault("LightGBMError", "dask, pandas, and scikit-learn are required for lightgbm.dask.")
        self.assertIs(Code.MISSING_MODULE, found.code)
        self.assertIs(Code.MODEL_RAISED, fault("LightGBMError", "Check failed: (num_data) > (0)").code)

    def test_any_error_that_asks_for_an_installation_names_the_package(self) -> None:
        message = (
            'Image export using the "kaleido" engine requires the Kaleido package:\n$ pip install --upgrade kaleido\n'
        )
        found = fault("ValueError", message)
        self.assertIs(Code.MISSING_MODULE, found.code)
        self.assertIn("needs the package 'kaleido'", found.message)
        self.assertIs(Code.MODEL_RAISED, fault("ValueError", "too old: pip install --upgrade numpy").code)

    def test_progress_bar_of_a_notebook_has_its_own_remedy(self) -> None:
        self.assertIn("use tqdm in place of tqdm.notebook", fault("ImportError", "IProgress not found.").hint)

    def test_module_that_no_text_names_is_not_named(self) -> None:
        found = fault("ModuleNotFoundError", "something is wrong")
        self.assertIs(Code.MISSING_MODULE, found.code)
        self.assertIn(
            "needs a module that is not installed here (ModuleNotFoundError: something is wrong)", found.message
        )
        self.assertNotIn("''", fault("ModuleNotFoundError").message)

    def test_import_error_of_something_else_is_not_a_missing_module(self) -> None:
        for message in (
            "libgomp.so.1: cannot open shared object file: No such file or directory",
            "/lib/libstdc++.so.6: version `GLIBCXX_3.4.30' not found",
            "_core.so: undefined symbol: PyFoo",
            "libcuda.so.1: cannot open shared object file. Please install no_such_driver.",
            "cannot import name 'x' from 'numpy', pip install no_such_package",
            "cannot import name 'no_such' from 'sklearn.ensemble'",
            "attempted relative import with no known parent package",
            "Pandas requires version '3.0.5' or newer of 'xlrd' (version '2.0.1' currently installed).",
            "This feature is required. It is needed by you, and the latest version is not available.",
            "Please install the latest version: pip install -r requirements.txt",
            "pip install git+https://example.com/x.git",
            "scikit-learn is required, pip install numpy",
            "",
        ):
            with self.subTest(message):
                self.assertIn(fault("ImportError", message).code, (Code.MODEL_RAISED, Code.MISSING_LIBRARY))

    def test_other_errors_with_the_same_words_are_the_models_own(self) -> None:
        for kind in ("ValueError", "RuntimeError", "KeyError"):
            self.assertIsNot(Code.MISSING_MODULE, fault(kind, "Missing optional dependency 'tables'.").code)
