"""The package as pip installs it, from a copy of what it is built of."""

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

import numerai_predict
from tests.harness import ROOT

SOURCES = ("pyproject.toml", "README.md", "LICENSE", "predict.py", "numerai_predict")


def printed(*command: str | Path, cwd: Path) -> str:
    """What a command prints; one that fails fails the test."""
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout


def files_below(folder: Path) -> set[str]:
    """Every file below the folder but bytecode."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {str(path.relative_to(folder)) for path in files}


class PackageTest(unittest.TestCase):
    folder: ClassVar[Path]
    installed: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = Path(temporary.name)
        source = cls.folder / "source"
        source.mkdir()
        for name in SOURCES:  # setuptools writes into the folder that it builds in.
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / name)
            else:
                shutil.copy(ROOT / name, source)
        printed(sys.executable, "-m", "venv", "venv", cwd=cls.folder)
        printed("venv/bin/pip", "install", "--no-deps", source, cwd=cls.folder)
        (cls.installed,) = cls.folder.glob("venv/lib/python*/site-packages")

    def test_every_file_of_the_package_is_installed(self) -> None:
        expected = files_below(ROOT / "numerai_predict")
        self.assertLessEqual({"py.typed", "inspection/opcodes.json"}, expected)
        self.assertEqual(expected, files_below(self.installed / "numerai_predict"))

    def test_predict_cannot_be_imported_where_the_package_is_installed(self) -> None:
        tops = {path.name for path in self.installed.iterdir() if not path.name.startswith(("pip", "setuptools"))}
        self.assertEqual(
            {"numerai_predict", f"numerai_predict-{numerai_predict.__version__}.dist-info"},
            tops - {"__pycache__", "_distutils_hack", "distutils-precedence.pth", "pkg_resources"},
        )

    def test_version_of_the_package_is_that_of_the_module(self) -> None:
        source = (
            "import importlib.metadata as m, numerai_predict as n; print(m.version('numerai-predict'), n.__version__)"
        )
        versions = printed("venv/bin/python", "-c", source, cwd=self.folder).split()
        self.assertEqual([numerai_predict.__version__] * 2, versions)

    def test_command_lists_what_it_can_do(self) -> None:
        shown = printed("venv/bin/numerai-predict", "--help", cwd=self.folder)
        for command in ("run", "inspect", "presign"):
            self.assertIn(command, shown)


if __name__ == "__main__":
    unittest.main()
