"""What a py3.* folder needs beside itself. test_locks.py and test_dockerfiles.py look into the folders."""

import re
import sys
import unittest

from numerai_predict.inspection import bytecode
from numerai_predict.inspection.inspect import inspect_pickle
from tests.harness import ROOT, TESTS, VERSIONS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class VersionsTest(unittest.TestCase):
    def test_pyproject_is_of_the_python_in_the_folders_name(self) -> None:
        for version in VERSIONS:
            with self.subTest(version):
                project = tomllib.loads((ROOT / f"py{version}/pyproject.toml").read_text())["project"]
                next_version = f"3.{int(version[2:]) + 1}"
                self.assertEqual(f"py{version.replace('.', '-')}", project["name"])
                self.assertIn(f" Python {version} ", project["description"])
                self.assertEqual(f">={version},<{next_version}", project["requires-python"])

    def test_pyenv_is_told_of_every_folder(self) -> None:
        self.assertCountEqual(VERSIONS, (ROOT / ".python-version").read_text().split())

    def test_bytecode_of_every_folders_python_is_known(self) -> None:
        self.assertEqual(set(), set(VERSIONS) - set(bytecode.VERSIONS))

    def test_sample_models_of_every_folder_were_written_by_its_python(self) -> None:
        for version in VERSIONS:
            for kind in ("", "_legacy"):
                model = TESTS / f"models/model_{version.replace('.', '_')}{kind}.pkl"
                with self.subTest(model.name):
                    self.assertTrue(model.exists(), "tests/generate_pkl.py makes it")
                    with model.open("rb") as file:
                        self.assertIn(version, inspect_pickle(file, model.name).python)

    def test_readme_names_the_oldest_and_the_newest_version(self) -> None:
        named = re.findall(r"\((3\.\d+) to (3\.\d+)\)", (ROOT / "README.md").read_text())
        self.assertEqual([(VERSIONS[0], VERSIONS[-1])], named)
