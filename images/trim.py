"""Make an environment smaller: drop what no model can use, strip large libraries of their symbols.

Usage: python trim.py SITE_PACKAGES. Every check of the untrimmed environment passes on the trimmed one.
"""

import shutil
import subprocess
import sys
from pathlib import Path

DROPPED = (
    # It loads TensorFlow with RTLD_GLOBAL, whereupon tensorflow_decision_forests binds to the wrong protobuf and cannot
    # be imported. Only the CPU build of TensorFlow has it.
    "tensorflow/python/pywrap_dlopen_global_flags.py",
    # For compiling against a library: there is no compiler.
    *("tensorflow/include", "torch/include", "torch/share", "pyarrow/include", "jaxlib/include"),
    *("numpy/_core/include", "numpy/core/include"),
    *("**/*.a", "**/*.pyx", "**/*.pxd", "**/*.cu", "**/*.cuh", "**/*.pyi"),
    # Tests and their data.
    *("torch/test", "onnx/test", "onnx/backend/test/data", "joblib/test"),
    # Programs and plug-ins that nothing here starts: torch's tests and compiler of protocol buffers, the data server of
    # TensorBoard, libclang (named by TensorFlow, loaded by nobody), TensorFlow's file systems of cloud providers, the
    # worker of TF-DF's distributed training, Plotly's extension of JupyterLab.
    *("torch/bin/test_*", "torch/bin/protoc*", "tensorboard_data_server/bin", "clang/native"),
    *("tensorflow_io_gcs_filesystem/core/python/ops/*.so", "tensorflow_decision_forests/keras/grpc_worker_main"),
    "plotly/labextension",
)
# Packages keep no tests folder but these, in whose tests others find helpers.
TESTS_KEPT = {"numpy", "torch", "tensorflow", "keras"}
# The large libraries whose wheels did not patch them after linking; never one in a *.libs folder.
STRIPPED = (
    *("tensorflow/libtensorflow_cc.so.2", "tensorflow/libtensorflow_framework.so.2"),
    "tensorflow/compiler/mlir/stablehlo/stablehlo_extension.so",
    *("jaxlib/libjax_common.so", "jaxlib/xla_extension.so", "jaxlib/mlir/_mlir_libs/*.so"),
    *("torch/lib/libtorch_cpu.so", "torch/lib/libtorch_python.so", "llvmlite/binding/libllvmlite.so", "ydf/cc/ydf.so"),
    *("catboost/_catboost.so", "polars/polars.abi3.so", "_polars_runtime_32/*.so", "pyarrow/lib*.so*"),
    *("ml_dtypes/_ml_dtypes_ext.*.so", "curl_cffi/_wrapper.abi3.so"),
)


def drop(packages: Path) -> None:
    """Remove what DROPPED names, and tests folders."""
    found = [path for pattern in DROPPED for path in packages.glob(pattern)]
    found += [path for path in packages.glob("*/**/tests") if path.relative_to(packages).parts[0] not in TESTS_KEPT]
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)  # It may have stood in a folder that is gone.


def strip(packages: Path) -> None:
    """Strip what STRIPPED names of all symbols that the loader does not need."""
    for pattern in STRIPPED:
        for path in packages.glob(pattern):
            subprocess.run(["strip", "--strip-unneeded", str(path)], check=True)


if __name__ == "__main__":
    drop(Path(sys.argv[1]))
    strip(Path(sys.argv[1]))
