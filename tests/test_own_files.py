"""own_files.py: which frames are the runtime's, also where the package is in the root folder."""

import runpy
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from numerai_predict import own_files
from numerai_predict.own_files import is_ours
from tests.harness import ROOT

# Prints whether the file of a function in the package is ours, and the file that it is given.
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[2])
from numerai_predict import own_files
print(own_files.is_ours(own_files.is_ours.__code__.co_filename), own_files.is_ours(sys.argv[1]))
"""


class OwnFilesTest(unittest.TestCase):
    def test_files_of_the_package_are_ours_however_they_are_spelled(self) -> None:
        for file in (
            f"{ROOT}/numerai_predict/child/main.py",
            f"/{ROOT}/numerai_predict/child/__main__.py",
            f"{ROOT}//numerai_predict/own_files.py",
            f"{ROOT}/./numerai_predict/child/main.py",
            f"{ROOT}/tests/../numerai_predict/child/main.py",
        ):
            with self.subTest(file):
                self.assertTrue(is_ours(file))

    def test_runpy_which_starts_us_is_ours(self) -> None:
        for file in ("<frozen runpy>", runpy.__file__):
            with self.subTest(file):
                self.assertTrue(is_ours(file))

    def test_files_of_the_user_are_not_ours_whatever_their_name(self) -> None:
        for file in (
            *("predict.py", "/predict.py", "//predict.py", f"{ROOT}/predict.py", "numerai_predict/model.py"),
            *("/home/me/numerai_predict/model.py", f"{ROOT}/numerai_predict_2/model.py", f"{ROOT}/tests/model.py"),
            *("<ipython-input-3>", "<string>", "<frozen importlib._bootstrap>", ""),
        ):
            with self.subTest(file):
                self.assertFalse(is_ours(file))

    def test_package_in_a_folder_that_was_named_in_another_way_is_ours(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            package = Path(folder, "numerai_predict")
            package.mkdir()
            (package / "__init__.py").touch()
            (package / "own_files.py").write_text(Path(own_files.__file__).read_text())
            for path in (".", "", "sub/..", f"/{folder}", f"{folder}//"):
                with self.subTest(path):
                    (Path(folder) / "sub").mkdir(exist_ok=True)
                    done = subprocess.run(
                        [sys.executable, "-c", PROGRAM, f"//{folder.lstrip('/')}/numerai_predict/child/main.py", path],
                        cwd=folder,
                        capture_output=True,
                        text=True,
                        check=True,
                    )
                    self.assertEqual("True True\n", done.stdout)
