"""What the pickled objects of libraries reveal of the versions that wrote them.

All of it comes from a file that anybody may have written: the functions here take any value, raise nothing, and search
only the ends of long ones.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

# Libraries whose calls and states are worth a look.
LIBRARIES = frozenset({"catboost", "lightgbm", "numpy", "pandas", "sklearn", "torch", "xgboost"})
END_BYTES = 1 << 16


@dataclass(frozen=True)
class Mark:
    """A library left its `sign` in the pickle. `version` is as much as is known of the writer's: "1.2.2", "2.3", "3";
    empty if the sign itself is all that is known.
    """

    library: str
    version: str
    sign: str


def of_global(module: str, name: str) -> Iterable[Mark]:
    """What is known because the pickle names `name` of `module`."""
    if module == "numpy._core" or module.startswith("numpy._core."):
        yield Mark("numpy", "2", "numpy._core")
    for pattern, mark in _REVEALING_NAMES:
        if pattern.fullmatch(f"{module}:{name}"):
            yield mark


def of_call(module: str, name: str, args: tuple[object, ...]) -> Iterable[Mark]:
    """What is known from the arguments with which the pickle calls `name` of `module`."""
    for (package, called), read in _CALLS.items():
        if called == name and _is_in(module, package):
            yield from read(args)


def of_state(module: str, name: str, state: object) -> Iterable[Mark]:
    """What is known from the state that is set on an instance of `name` of `module`, or on what that returns."""
    if isinstance(state, dict):
        yield from _sklearn_version(state)
    for (package, given), read in _STATES.items():
        if given in ("", name) and _is_in(module, package):
            yield from read(state)


def _is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


# Names

_REVEALING_NAMES = (
    # cloudpickle 3.0 moved them from cloudpickle_fast.
    (
        re.compile(r"cloudpickle\.cloudpickle:_(function|class)_setstate"),
        Mark("cloudpickle", "3", "function_setstate"),
    ),
    (re.compile(r"cloudpickle\.cloudpickle_fast:\w+"), Mark("cloudpickle", "2", "cloudpickle_fast")),
    (re.compile(r"sklearn\.tree\._tree:Tree"), Mark("sklearn", "", "tree")),
    # Up to 1.5 Cython wrote how its objects are unpickled; 1.6 does so itself.
    (re.compile(r"(sklearn\._loss\.)?_loss:__pyx_unpickle_Cy\w+"), Mark("sklearn", "", "pyx_loss")),
    # EuclideanDistance and its like were given a number of bits with 1.3.
    (re.compile(r"sklearn\.metrics\._dist_metrics:\w+Distance"), Mark("sklearn", "", "distance")),
    (re.compile(r"sklearn\.metrics\._dist_metrics:\w+Distance64"), Mark("sklearn", "", "distance64")),
)


# Calls


def _bit_generator(args: tuple[object, ...]) -> Iterable[Mark]:
    """NumPy 1 wrote the name of the generator, NumPy 2 writes its class (https://github.com/numpy/numpy/issues/26260)."""
    if args and isinstance(args[0], type):
        yield Mark("numpy", "2", "bit_generator_class")


def _string_dtype(args: tuple[object, ...]) -> Iterable[Mark]:
    """With pandas 2.3 came the second argument, na_value (https://github.com/pandas-dev/pandas/issues/61763)."""
    if len(args) >= 2:
        yield Mark("pandas", "2.3", "string_dtype")


def _torch_storage(args: tuple[object, ...]) -> Iterable[Mark]:
    """The device of the storage comes before its numbers, as a string in the pickle that torch made of it."""
    if args and isinstance(args[0], (bytes, bytearray)) and _CUDA.search(args[0], 0, END_BYTES):
        yield Mark("torch", "", "cuda")


def _torch_device(args: tuple[object, ...]) -> Iterable[Mark]:
    if args and isinstance(args[0], str) and args[0].startswith("cuda"):
        yield Mark("torch", "", "cuda_device")


# BINUNICODE and its length, then "cuda" or "cuda:0".
_CUDA = re.compile(rb"X[\x04-\x08]\x00\x00\x00cuda(:[0-9]+)?q")
_CALLS: dict[tuple[str, str], Callable[[tuple[object, ...]], Iterable[Mark]]] = {
    ("numpy.random._pickle", "__bit_generator_ctor"): _bit_generator,
    ("pandas", "StringDtype"): _string_dtype,
    ("torch.storage", "_load_from_bytes"): _torch_storage,
    ("torch", "device"): _torch_device,
}


# States


def _sklearn_version(state: dict[object, object]) -> Iterable[Mark]:
    """Every estimator writes it: sklearn.base.BaseEstimator.__getstate__."""
    version = state.get("_sklearn_version")
    if isinstance(version, str) and re.fullmatch(r"[0-9]{1,3}(\.[0-9a-z]{1,9}){1,4}", version):
        yield Mark("sklearn", version, "_sklearn_version")


def _tree_nodes(state: object) -> Iterable[Mark]:
    """The fields of a tree's nodes, in the dtype of their array; scikit-learn reads exactly its own
    (https://github.com/yzhao062/pyod/issues/519).
    """
    fields = state[3] if isinstance(state, tuple) and len(state) > 3 else None
    if isinstance(fields, tuple) and "left_child" in fields and "impurity" in fields:
        yield Mark("sklearn", "", "tree_nodes" if "missing_go_to_left" in fields else "old_tree_nodes")


def _array_state(state: object) -> Iterable[Mark]:
    """Those of pandas 3 lack the third part (https://github.com/pandas-dev/pandas/issues/63078)."""
    if isinstance(state, tuple) and len(state) == 2:
        yield Mark("pandas", "3", "cython_state")


def _booster_of_xgboost(state: object) -> Iterable[Mark]:
    """XGBoost ends its buffer with its version: UBJSON since 1.6, JSON before."""
    handle = state.get("handle") if isinstance(state, dict) else None
    if isinstance(handle, (bytes, bytearray)):
        found = [*_UBJSON_VERSION.finditer(handle, max(0, len(handle) - END_BYTES))]
        for match in found[-1:]:
            yield Mark("xgboost", ".".join(str(part[0]) for part in match.groups()), "ubjson")


def _booster_of_lightgbm(state: object) -> Iterable[Mark]:
    """LightGBM 4 renamed `handle` (https://github.com/microsoft/LightGBM/issues/6125)."""
    if isinstance(state, dict) and "_handle" in state:
        yield Mark("lightgbm", "4", "_handle")
    elif isinstance(state, dict) and "handle" in state:
        yield Mark("lightgbm", "3", "handle")


def _model_of_lightgbm(state: object) -> Iterable[Mark]:
    """Regressors of LightGBM 3 have None classes, those of 4 have -1."""
    if isinstance(state, dict) and "_n_classes" in state and state["_n_classes"] is None:
        yield Mark("lightgbm", "3", "n_classes")


def _model_of_catboost(state: object) -> Iterable[Mark]:
    """The release is in the model's description of its build, near its end."""
    model = state.get("__model") if isinstance(state, dict) else None
    if isinstance(model, (bytes, bytearray)):
        for start, end in ((0, END_BYTES), (max(END_BYTES, len(model) - END_BYTES), len(model))):
            if match := _CATBOOST_RELEASE.search(model, start, end):
                yield Mark("catboost", match[1].decode("ascii"), "version_info")


_UBJSON_VERSION = re.compile(rb"version\[#L\x00{7}\x03[iU](.)[iU](.)[iU](.)", re.DOTALL)
_CATBOOST_RELEASE = re.compile(rb"CatBoost release ([0-9]{1,3}(?:\.[0-9]{1,3}){1,3})\b", re.IGNORECASE)
_STATES: dict[tuple[str, str], Callable[[object], Iterable[Mark]]] = {
    ("numpy", "dtype"): _tree_nodes,
    ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"): _array_state,
    ("xgboost", "Booster"): _booster_of_xgboost,
    ("lightgbm", "Booster"): _booster_of_lightgbm,
    ("lightgbm.sklearn", ""): _model_of_lightgbm,
    ("catboost", ""): _model_of_catboost,
}
