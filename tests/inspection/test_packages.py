"""packages.py: what pip calls a module's package, and which of them the platform has."""

import json
import sys
import unittest
from unittest import mock

from numerai_predict.inspection import packages
from numerai_predict.inspection.packages import (
    OTHER_NAMES,
    SAME_NAMES,
    module_of,
    pip_name,
    platform_pythons,
    platform_version,
)
from tests.harness import ROOT, VERSIONS, load_source


class PipNameTest(unittest.TestCase):
    def test_known_packages_have_the_name_that_pip_knows(self) -> None:
        for module, name in (
            ("sklearn", "scikit-learn"),
            ("yaml", "PyYAML"),
            ("cv2", "opencv-python"),
            ("lightgbm", "lightgbm"),
            ("xgboost", "xgboost"),
            ("numerai_tools", "numerai-tools"),
            ("pytorch_lightning", "pytorch-lightning"),
            ("umap", "umap-learn"),
            ("google.protobuf", "protobuf"),
            ("google.cloud.bigquery", "google-cloud-bigquery"),
            ("mpl_toolkits.basemap", "basemap"),
        ):
            with self.subTest(module):
                self.assertEqual(pip_name(module), name)

    def test_an_unknown_module_has_none(self) -> None:
        self.assertEqual(pip_name("my_utils"), "")
        self.assertEqual(pip_name("numpy.linalg"), "")

    def test_no_name_is_in_both_tables_or_of_the_standard_library(self) -> None:
        self.assertFalse(SAME_NAMES & set(OTHER_NAMES))
        self.assertFalse((SAME_NAMES | set(OTHER_NAMES)) & sys.stdlib_module_names)
        self.assertTrue(all(name.replace(".", "_").isidentifier() for name in SAME_NAMES | set(OTHER_NAMES)))

    def test_the_module_of_a_package_is_found_again(self) -> None:
        for pip, module in (("scikit-learn", "sklearn"), ("Pillow", "PIL"), ("pandas-datareader", "pandas_datareader")):
            with self.subTest(pip):
                self.assertEqual(module_of(pip), module)


class PlatformTest(unittest.TestCase):
    @unittest.skipIf(sys.version_info < (3, 11), "the script needs tomllib")
    def test_packages_and_versions_are_those_of_the_requirements_of_every_python(self) -> None:
        export = load_source(ROOT / ".ci/export_requirements.py")
        self.assertEqual(json.loads(export.PACKAGES.read_text()), export.platform_packages())
        self.assertEqual(VERSIONS, platform_pythons())

    def test_every_package_of_the_requirements_but_those_for_windows_is_there(self) -> None:
        for version in VERSIONS:
            text = (ROOT / f"py{version}/requirements.txt").read_text()
            lines = [line for line in text.splitlines() if "==" in line and "Windows" not in line]
            with mock.patch.object(packages, "THIS_PYTHON", version):
                for line in lines:
                    name, pin = line.partition(" ")[0].split("==")
                    self.assertEqual(pin, platform_version(name), f"{version}: {name}")
                self.assertIsNone(platform_version("colorama"))

    def test_a_module_has_the_version_of_its_package(self) -> None:
        with mock.patch.object(packages, "THIS_PYTHON", "3.11"):
            for module, pip in (
                ("sklearn", "scikit-learn"),
                ("xgboost", "xgboost-cpu"),
                ("tensorflow", "tensorflow-cpu"),
                ("google.cloud.storage", "google-cloud-storage"),
                ("google.auth", "google-auth"),
                ("jinja2", "jinja2"),
                ("numerai_tools", "numerai-tools"),
                ("PIL", "pillow"),
            ):
                with self.subTest(module):
                    self.assertIsNotNone(platform_version(module))
                    self.assertEqual(platform_version(module), platform_version(pip))

    def test_what_the_platform_does_not_have_has_no_version(self) -> None:
        for module in ("shap", "my_utils", "google.colab", "google.cloud.bigquery", "IPython", "", "../x"):
            with self.subTest(module):
                self.assertIsNone(platform_version(module))

    def test_a_python_that_the_platform_does_not_have_has_no_packages(self) -> None:
        with mock.patch.object(packages, "THIS_PYTHON", "2.7"):
            self.assertIsNone(platform_version("pandas"))
