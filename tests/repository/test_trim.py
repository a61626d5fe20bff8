"""images/trim.py on a made-up environment; that the real ones still work, tests/images sees."""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tests.harness import ROOT

sys.path.append(str(ROOT / "images"))

import elf

DROPPED = (
    "pandas/tests/test_frame.py",
    "sklearn/tree/tests/test_tree.py",
    "sympy/core/benchmarks/bench_basic.py",
    "torch/include/ATen/ATen.h",
    "torch/bin/test_jit",
    "torch/lib/libtorchbind_test.so",
    "scipy/linalg/cython_blas.pxd",
    "onnx/defs/math/defs.cc",
    "plotly/package_data/widgetbundle.js",
    "tensorboard/webfiles.zip",
    "tensorflow/python/pywrap_dlopen_global_flags.py",
    "../../../share/jupyter/labextensions/catboost-widget/index.js",
)
KEPT = (
    "tests/__init__.py",
    "numpy/tests/__init__.py",
    "numba/_helperlib.c",
    "pandas/core/frame.py",
    "plotly/package_data/plotly.min.js",
    "torch/bin/torch_shm_manager",
    "torch/lib/libtorch.so",
    "tensorflow/python/keras/tests/helpers.py",
    "../../../bin/f2py",
)


class TrimTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.environment = Path(folder.name)
        self.packages = self.environment / "lib/python3.11/site-packages"
        self.packages.mkdir(parents=True)

    def trim(self) -> None:
        subprocess.run([sys.executable, str(ROOT / "images/trim.py"), str(self.environment)], check=True)

    def write(self, file: str, content: bytes) -> Path:
        path = self.packages / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path.resolve()

    def test_environment_loses_what_no_model_can_use_and_nothing_else(self) -> None:
        for file in DROPPED:
            self.write(file, b"")
        kept = {self.write(file, b"") for file in KEPT}
        self.trim()
        self.assertEqual(kept, {path.resolve() for path in self.environment.rglob("*") if path.is_file()})

    def test_files_of_a_package_with_the_same_content_become_one(self) -> None:
        same = [self.write(f"pytz/zoneinfo/{name}", b"TZif2") for name in ("GB", "Europe/London")]
        others = [
            self.write("tzdata/GB", b"TZif2"),
            self.write("pytz/zoneinfo/Japan", b"TZif3"),
            self.write("pytz/0", b""),
        ]
        others.append(self.write("pytz/1", b""))
        others.append(self.write("pytz/tool", b"TZif2"))
        others[-1].chmod(0o755)
        self.trim()
        self.assertEqual(same[0].stat().st_ino, same[1].stat().st_ino)
        self.assertEqual([b"TZif2"] * 2, [path.read_bytes() for path in same])
        self.assertEqual([1] * 5, [path.stat().st_nlink for path in others])

    @unittest.skipUnless(sys.platform == "linux" and shutil.which("strip"), "needs strip, of the binutils")
    def test_libraries_lose_their_symbols_where_a_loader_sees_no_difference(self) -> None:
        before = library("numpy", "_core/_multiarray_umath*.so", "core/_multiarray_umath*.so").read_bytes()
        patched = library("numpy", "../numpy.libs/libscipy_openblas*", "../numpy.libs/libopenblas*").read_bytes()
        plain = library("lightgbm", "lib/lib_lightgbm.so").read_bytes()
        stripped = self.write("lightgbm/lib/lib_lightgbm.so", plain)
        others = [self.write("numpy/umath.so", before), self.write("numpy.libs/libopenblas.so.0", patched)]
        self.trim()
        self.assertLess(stripped.stat().st_size, len(plain))
        self.assertEqual(elf.loaded(elf.parse(plain)), elf.loaded(elf.parse(stripped.read_bytes())))
        # strip would move what patchelf put into these.
        self.assertTrue(
            all(path.read_bytes() == content for path, content in zip(others, (before, patched), strict=True))
        )
        self.assertEqual({stripped, *others}, {path.resolve() for path in self.packages.rglob("*") if path.is_file()})


def library(package: str, *patterns: str) -> Path:
    """The one of an installed package that a pattern finds."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    folder = Path(spec.submodule_search_locations[0])
    (found,) = [path for pattern in patterns for path in (folder / pattern).parent.glob(Path(pattern).name)]
    return found


if __name__ == "__main__":
    unittest.main()
