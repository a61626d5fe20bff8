"""Make an environment smaller: drop what no model can use, strip libraries of their symbols, keep no file twice.

Usage: python trim.py VENV. Every check of the untrimmed environment passes on the trimmed one.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import elf

# In site-packages.
DROPPED = (
    # It loads TensorFlow with RTLD_GLOBAL, whereupon tensorflow_decision_forests binds to the wrong protobuf and cannot
    # be imported. Only the CPU build of TensorFlow has it.
    "tensorflow/python/pywrap_dlopen_global_flags.py",
    # For compiling against a library: there is no compiler.
    *("tensorflow/include", "torch/include", "torch/share", "pyarrow/include", "jaxlib/include", "lxml/includes"),
    *("numpy/_core/include", "numpy/core/include", "pyarrow/src", "tensorflow/xla_aot_runtime_src"),
    *("**/*.a", "**/*.pyx", "**/*.pxd", "**/*.pxi", "**/*.cu", "**/*.cuh", "**/*.pyi"),
    # What a library was compiled from. numba, torch, numpy and cffi have more, which they read.
    *("fontTools/**/*.c", "onnx/**/*.cc", "onnx/**/*.h", "sklearn/**/*.cpp", "sklearn/**/*.c", "sklearn/**/*.h"),
    # Tests and their data, and benchmarks.
    *("torch/test", "onnx/test", "onnx/backend/test/data", "joblib/test", "sympy/**/benchmarks"),
    *("torch/lib/lib*_test.so", "torch/lib/libbackend_with_compiler.so", "torch/lib/libaoti_custom_ops.so"),
    # Programs and plug-ins that nothing here starts: torch's tests and compiler of protocol buffers, the data server of
    # TensorBoard, libclang (named by TensorFlow, loaded by nobody), TensorFlow's file systems of cloud providers, the
    # worker of TF-DF's distributed training.
    *("torch/bin/test_*", "torch/bin/*Test", "torch/bin/protoc*", "tensorboard_data_server/bin", "clang/native"),
    *("tensorflow_io_gcs_filesystem/core/python/ops/*.so", "tensorflow_decision_forests/keras/grpc_worker_main"),
    # Pages for a browser that no model has: TensorBoard's, and Plotly's for notebooks. plotly.min.js stays, which a
    # figure that is written as HTML holds.
    *("tensorboard/webfiles.zip", "tensorboard/plugins/projector/tf_projector_plugin/*.js"),
    *("plotly/labextension", "plotly/package_data/widgetbundle.js"),
)
# In the environment, beside its libraries: JavaScript and settings for JupyterLab, and manuals.
DROPPED_BESIDE = ("share/jupyter", "etc/jupyter", "share/man")
# Packages keep no tests folder but these, in whose tests others find helpers.
TESTS_KEPT = {"numpy", "torch", "tensorflow", "keras"}
# What a GPU would compute, in CatBoost and in XGBoost 1.7: nine tenths of each. The images are for CPUs; without a GPU
# both say the same as before.
CUDA_LIBRARIES = ("catboost/_catboost.so", "xgboost/lib/libxgboost.so")
CUDA_CODE = (".nv_fatbin", "__nv_relfatbin")


def drop(environment: Path, packages: Path) -> None:
    """Remove what DROPPED and DROPPED_BESIDE name, and tests folders."""
    found = [path for pattern in DROPPED for path in packages.glob(pattern)]
    found += [environment / name for name in DROPPED_BESIDE if (environment / name).exists()]
    found += [path for path in packages.glob("*/**/tests") if path.relative_to(packages).parts[0] not in TESTS_KEPT]
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)  # It may have stood in a folder that is gone.


def files_of(folder: Path) -> Iterator[Path]:
    """All files below a folder, without links, in an order that is the same everywhere."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def is_library(path: Path) -> bool:
    """Whether it is one by its name and its first bytes."""
    with path.open("rb") as file:
        return ".so" in path.name and file.read(len(elf.MAGIC)) == elf.MAGIC


def strip(library: Path) -> bool:
    """Strip a library of the symbols that no loader needs, unless that changes what a loader sees; whether it is done.

    It does in some that were patched after linking, as libraries of wheels are: https://github.com/NixOS/patchelf.
    """
    stripped = library.with_name(f"{library.name}.stripped")
    subprocess.run(["strip", "--strip-unneeded", "-o", stripped, library], check=True)
    try:
        same = elf.loaded(elf.parse(library.read_bytes())) == elf.loaded(elf.parse(stripped.read_bytes()))
    except elf.NotUnderstoodError:
        same = False
    if same:
        stripped.replace(library)
    else:
        stripped.unlink()
    return same


def cut_cuda_code(library: Path) -> None:
    """Take out the code for GPUs, if there is any."""
    parsed = elf.parse(library.read_bytes())
    if parsed.named(CUDA_CODE):
        library.write_bytes(elf.cut(parsed, *CUDA_CODE))


def link_identical(folder: Path) -> None:
    """Make hard links of files below a folder that have the same content and rights."""
    alike = defaultdict(list)
    for path in files_of(folder):
        found = path.stat()
        alike[found.st_size, found.st_mode].append(path)
    for (size, _), paths in alike.items():
        first: dict[bytes, Path] = {}
        for path in paths if size and len(paths) > 1 else ():
            same = first.setdefault(hashlib.sha256(path.read_bytes()).digest(), path)
            if same != path:
                path.unlink()
                os.link(same, path)


def trim(environment: Path) -> None:
    """All of it, in the order in which it must be: `strip` writes a file of its own, which would be no link."""
    (packages,) = environment.glob("lib/python*/site-packages")
    drop(environment, packages)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        stripped = list(pool.map(strip, filter(is_library, files_of(packages))))
    print(f"Stripped {sum(stripped)} of {len(stripped)} libraries")
    for name in CUDA_LIBRARIES:
        if (packages / name).exists():
            cut_cuda_code(packages / name)
    for folder in filter(Path.is_dir, packages.iterdir()):
        link_identical(folder)


if __name__ == "__main__":
    trim(Path(sys.argv[1]))
