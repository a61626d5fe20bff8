"""remedies.py: what helps where packages are missing, and where they are of another version."""

import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from numerai_predict.faults import Code
from numerai_predict.inspection import packages, remedies
from numerai_predict.inspection.findings import THIS_PYTHON
from numerai_predict.inspection.packages import platform_version
from numerai_predict.inspection.remedies import IMAGE, NOTEBOOKS, for_another_version, for_missing, lacking

BY_VALUE = "cloudpickle.register_pickle_by_value"


class MissingTest(unittest.TestCase):
    def test_what_the_platform_has_is_a_matter_of_the_environment(self) -> None:
        version = platform_version("xgboost")
        hint = for_missing(["xgboost"])
        self.assertIn(f"The platform has xgboost {version}, this environment has not:", hint)
        self.assertIn(f"in the image {IMAGE}, or pip install xgboost=={version} ", hint)
        self.assertIn(f"py{THIS_PYTHON}/requirements.txt", hint)
        for wrong in ("does not have", "NumPy arrays", BY_VALUE):
            self.assertNotIn(wrong, hint)

    def test_several_that_the_platform_has_are_installed_at_once_by_the_names_of_pip(self) -> None:
        hint = for_missing(["sklearn", "yaml", "google.auth"])
        for module, name in (("sklearn", "scikit-learn"), ("yaml", "PyYAML"), ("google.auth", "google-auth")):
            self.assertIn(f"{name} {platform_version(module)}", hint)
            self.assertIn(f"{name}=={platform_version(module)}", hint)
        self.assertEqual(1, hint.count("pip install"))

    def test_a_package_that_the_platform_does_not_have_is_left_out(self) -> None:
        for modules, names in (
            (["shap"], "shap: leave it out"),
            (["shap", "cv2"], "shap and opencv-python: leave them out"),
            (["google.cloud.bigquery"], "google-cloud-bigquery: leave it out"),
            (["google.ads"], "google.ads: leave it out"),
        ):
            with self.subTest(modules):
                hint = for_missing(modules)
                self.assertTrue(hint.startswith(f"The platform does not have {names} of predict"), hint)
                self.assertNotIn(BY_VALUE, hint)
                self.assertNotIn("image", hint)

    def test_an_unknown_name_may_be_a_file_of_the_users_own_and_may_be_a_package(self) -> None:
        hint = for_missing(["my_utils"])
        self.assertTrue(hint.startswith(f"If it is your own file, carry it inside the pickle: {BY_VALUE}(my_utils)."))
        self.assertIn("If it is a package, the platform does not have it", hint)
        several = for_missing(["a", "b", "c", "d"])
        self.assertIn(
            f"your own files, carry them inside the pickle: {BY_VALUE}(a), {BY_VALUE}(b), {BY_VALUE}(c).", several
        )

    def test_an_own_file_that_predict_imports_is_to_be_imported_outside_of_it(self) -> None:
        """cloudpickle carries what a function refers to, and not what it will import."""
        self.assertIn(
            "import it outside of predict and carry it inside the pickle", for_missing(["my_utils"], inside=True)
        )

    def test_what_a_library_names_is_no_file_of_the_users_own(self) -> None:
        hint = for_missing(["unheard-of"], packages=True)
        self.assertTrue(hint.startswith("The platform does not have unheard-of: leave it out"), hint)

    def test_modules_of_notebooks_are_taken_out(self) -> None:
        for module in (
            "IPython",
            "IPython.display",
            "ipywidgets",
            "google.colab",
            "google.colab.drive",
            "kaggle_secrets",
        ):
            with self.subTest(module):
                hint = for_missing([module])
                self.assertRegex(hint, "take it out of predict")
                self.assertRegex(hint, "^(IPython|ipywidgets|google.colab|kaggle_secrets) is ")
                for wrong in (BY_VALUE, "NumPy arrays", "own file"):
                    self.assertNotIn(wrong, hint)

    def test_modules_that_only_begin_like_those_of_notebooks_are_none(self) -> None:
        for name in NOTEBOOKS:
            self.assertNotIn("take it out of predict", for_missing([f"{name}x"]))

    def test_modules_that_python_no_longer_has_are_replaced(self) -> None:
        self.assertEqual(
            for_missing(["imp", "telnetlib"]),
            "The last Python with imp is 3.11: replace what uses it. "
            "The last Python with telnetlib is 3.12: replace what uses it.",
        )
        there = {name for name in remedies.LAST_PYTHON if name in sys.stdlib_module_names}
        last = {name for name, python in remedies.LAST_PYTHON.items() if python >= THIS_PYTHON}
        self.assertEqual(last, there)

    def test_modules_of_each_kind_have_their_own_sentence(self) -> None:
        hint = for_missing(["xgboost", "shap", "my_utils", "IPython"])
        for part in ("The platform has xgboost", "does not have shap:", f"{BY_VALUE}(my_utils)", "IPython is for"):
            self.assertIn(part, hint)

    def test_under_a_python_that_the_platform_does_not_have_that_is_the_remedy(self) -> None:
        with mock.patch.object(remedies, "THIS_PYTHON", "3.9"):
            self.assertEqual(
                for_missing(["xgboost"]), "The platform has no Python 3.9: use Python 3.10, 3.11, 3.12 or 3.13."
            )


class AnotherVersionTest(unittest.TestCase):
    def test_in_the_platforms_version_the_model_is_trained_again(self) -> None:
        version = platform_version("sklearn")
        for here in (version, f"{version}+cpu"):
            self.assertEqual(
                for_another_version("sklearn", str(here)),
                f"Train and pickle it again with this version: pip install scikit-learn=={here}",
            )

    def test_another_version_than_the_platforms_is_a_matter_of_the_environment(self) -> None:
        version = platform_version("cloudpickle")
        self.assertEqual(
            for_another_version("cloudpickle", "2.1.0"),
            f"The platform has cloudpickle {version}, this environment has 2.1.0: run the model in the image {IMAGE}, "
            f"or pip install cloudpickle=={version}",
        )

    def test_of_what_the_platform_does_not_have_the_version_here_is_named(self) -> None:
        self.assertIn("pip install shap==0.4", for_another_version("shap", "0.4"))


class LackingTest(unittest.TestCase):
    def hint(self, *names: str) -> str:
        fault = lacking(names)
        assert fault is not None
        self.assertIs(Code.MISSING_PACKAGES, fault.code)
        return fault.hint

    def test_a_python_that_has_all_lacks_none(self) -> None:
        self.assertIsNone(lacking(["numpy", "pandas", "pyarrow"]))

    def test_all_that_is_not_here_is_named_with_the_python(self) -> None:
        fault = lacking(["numpy", "no_such_package", "nor_this_one", "nor_that"])
        assert fault is not None
        self.assertIn("does not have no_such_package, nor_this_one and nor_that.", fault.message)
        self.assertIn(sys.executable, fault.message)

    def test_the_remedy_is_the_environment_of_make_demo_if_there_is_one(self) -> None:
        with tempfile.TemporaryDirectory(prefix="my models ") as folder:
            python = Path(folder, ".venv", THIS_PYTHON, "predict/bin/python")
            python.parent.mkdir(parents=True)
            with mock.patch.object(remedies, "ROOT", Path(folder)):
                self.assertNotIn(f"Run it with '{python}'", self.hint("xgboost_"))
                python.touch()
                Path(folder, ".venv", THIS_PYTHON, "predict.done").touch()
                self.assertIn(f"Run it with '{python}', which has it, or in the image {IMAGE}.", self.hint("xgboost_"))

    def test_in_a_clone_without_it_make_demo_makes_one(self) -> None:
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(remedies, "ROOT", Path(folder)):
            Path(folder, "Makefile").touch()
            self.assertIn(f"make -C {folder} demo PYTHON={sys.executable}", self.hint("no_such_package"))

    def test_outside_of_a_clone_pip_installs_the_platforms_versions(self) -> None:
        not_here = mock.patch.object(remedies, "is_here", return_value=False)
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(remedies, "ROOT", Path(folder)), not_here:
            hint = self.hint("pandas", "pyarrow")
        pins = f"pandas=={platform_version('pandas')} pyarrow=={platform_version('pyarrow')}"
        self.assertIn(f"{sys.executable} -m pip install {pins} ", hint)

    def test_a_python_that_the_platform_does_not_have_is_not_the_one_to_use(self) -> None:
        with mock.patch.object(remedies, "THIS_PYTHON", "3.9"), mock.patch.object(packages, "THIS_PYTHON", "3.9"):
            self.assertIn("Use Python 3.10, 3.11, 3.12 or 3.13", self.hint("no_such_package"))
