"""Divide an environment among folders, one for each layer of the image, so that a library that moves changes one layer.

Usage: python layers.py VENV FOLDER. Makes FOLDER/tensorflow/venv, …, FOLDER/rest/venv out of VENV, which is gone then.
"""

import os
import re
import sys
from importlib.metadata import Distribution, distributions
from importlib.util import cache_from_source
from pathlib import Path

# In the order of the Dockerfile: first what is large and stays at the platform's version, for most engines fetch
# whatever is above a layer that they lack. A Python may have none of a layer's distributions.
LAYERS = {
    "tensorflow": ("tensorflow-cpu", "tensorflow", "tensorflow-io-gcs-filesystem"),
    "torch": ("torch",),
    "jax": ("jax", "jaxlib"),
    "arrays": ("numpy", "scipy", "numba", "llvmlite", "sympy", "h5py"),
    "frames": ("pandas", "pyarrow", "polars", "polars-runtime-32", "matplotlib", "plotly"),
    "models": (
        *("scikit-learn", "statsmodels", "mlxtend", "networkx", "keras", "tf-keras", "onnx"),
        *("catboost", "lightgbm", "xgboost", "xgboost-cpu", "treelite", "treelite-runtime"),
        *("ydf", "ydf-tf", "tensorflow-decision-forests", "pytorch-lightning", "torchmetrics"),
    ),
}
# Everything that no layer above names: what others pull in, and what moves for its security fixes.
REST = "rest"


def name_of(distribution: Distribution) -> str:
    """The name as https://packaging.python.org/en/latest/specifications/name-normalization/ has it."""
    return re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()


def files_of(distribution: Distribution) -> set[Path]:
    """What is left of the files that it installed, wherever they are, and their bytecode."""
    files = {Path(os.path.normpath(str(distribution.locate_file(file)))) for file in distribution.files or ()}
    files |= {Path(cache_from_source(str(file))) for file in files if file.suffix == ".py"}
    return {file for file in files if file.exists() or file.is_symlink()}


def divide(environment: Path, folder: Path) -> None:
    """Move every file of the environment into the folder of its layer."""
    (packages,) = environment.glob("lib/python*/site-packages")
    layer_of = {name: layer for layer, names in LAYERS.items() for name in names}
    for layer in LAYERS:
        (folder / layer).mkdir(parents=True)
    installed = [(name_of(each), each) for each in distributions(path=[str(packages)])]
    for name, distribution in installed:
        for path in files_of(distribution) if name in layer_of else ():
            target = folder / layer_of[name] / path.relative_to(environment.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    remove_empty_folders(environment)
    (folder / REST).mkdir()
    environment.rename(folder / REST / environment.name)


def remove_empty_folders(top: Path) -> None:
    """Or the last layer would change with the folders of all others."""
    for folder, _, _ in os.walk(top, topdown=False):
        if not os.listdir(folder):
            os.rmdir(folder)


if __name__ == "__main__":
    divide(Path(sys.argv[1]), Path(sys.argv[2]))
