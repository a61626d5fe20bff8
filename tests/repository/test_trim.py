"""images/trim.py on a made-up environment; that the real ones still work is told by tests/images."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tests.harness import ROOT

DROPPED = (
    "pandas/tests/test_frame.py",
    "sklearn/tree/tests/test_tree.py",
    "torch/include/ATen/ATen.h",
    "torch/bin/test_jit",
    "scipy/linalg/cython_blas.pxd",
    "tensorflow/python/pywrap_dlopen_global_flags.py",
)
KEPT = (
    "tests/__init__.py",
    "numpy/tests/__init__.py",
    "pandas/core/frame.py",
    "torch/bin/torch_shm_manager",
    "tensorflow/python/keras/tests/helpers.py",
)


class TrimTest(unittest.TestCase):
    def test_environment_loses_what_no_model_can_use_and_nothing_else(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            packages = Path(name)
            for file in DROPPED + KEPT:
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                (packages / file).touch()
            subprocess.run([sys.executable, str(ROOT / "images/trim.py"), name], check=True)
            left = {str(path.relative_to(packages)) for path in packages.rglob("*") if path.is_file()}
            self.assertEqual(set(KEPT), left)
