"""Writes the pickles in this folder, with the libraries that are installed where it runs.

    pip install --target /tmp/old --no-deps scikit-learn==1.2.2 numpy==1.26.4 scipy==1.11.4
    PYTHONPATH=/tmp/old python make_skew.py sklearn-tree sklearn-neighbors

makes sklearn-1.2.2-tree.pkl and sklearn-1.2.2-neighbors.pkl. Tests read them, and nobody loads them.
"""

import importlib
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
X = [[i / 8, (i * 3 % 8) / 8] for i in range(16)]
Y = [a + b for a, b in X]


def of(module: str) -> Any:
    return importlib.import_module(module)


def fitted(module: str, name: str, **options: Any) -> Any:
    np = of("numpy")
    return getattr(of(module), name)(**options).fit(np.array(X), np.array(Y))


def lightgbm_model() -> Any:
    return fitted("lightgbm", "LGBMRegressor", n_estimators=1, num_leaves=2, min_child_samples=2, verbose=-1)


def catboost_model() -> Any:
    return fitted("catboost", "CatBoostRegressor", iterations=1, depth=1, verbose=0, allow_writing_files=False)


def cuda_tensor() -> Any:
    """Of a machine without a GPU: only the name of the place is another."""
    torch = of("torch")
    torch.serialization.location_tag = lambda storage: "cuda:0"
    return torch.zeros(2)


def predict(live_features: Any) -> Any:
    return live_features


MAKERS: dict[str, Callable[[], Any]] = {
    "sklearn-tree": lambda: fitted("sklearn.tree", "DecisionTreeRegressor", max_depth=1),
    "sklearn-neighbors": lambda: fitted("sklearn.neighbors", "KNeighborsRegressor"),
    "sklearn-boosting": lambda: fitted("sklearn.ensemble", "GradientBoostingRegressor", n_estimators=1, max_depth=1),
    "sklearn-linear": lambda: fitted("sklearn.linear_model", "Ridge"),
    "numpy-array": lambda: of("numpy").arange(3.0),
    "numpy-random": lambda: of("numpy").random.default_rng(1),
    "pandas-categories": lambda: of("pandas").Series(["a", "b", "a"], dtype="category"),
    "pandas-dates": lambda: of("pandas").DatetimeIndex(["2024-01-01", "2024-01-02"]),
    "pandas-strings": lambda: of("pandas").Series(["a", None], dtype="string"),
    "lightgbm-model": lightgbm_model,
    "xgboost-model": lambda: fitted("xgboost", "XGBRegressor", n_estimators=1, max_depth=1),
    "catboost-model": catboost_model,
    "torch-cpu": lambda: of("torch").zeros(2),
    "torch-cuda": cuda_tensor,
    "cloudpickle-function": lambda: predict,
}


def main() -> None:
    for name in sys.argv[1:]:
        library, _, what = name.partition("-")
        made = MAKERS[name]()
        if library == "cloudpickle":
            of("cloudpickle").register_pickle_by_value(sys.modules[__name__])
        dump = of("cloudpickle").dumps if library == "cloudpickle" else pickle.dumps
        version = of(library).__version__.partition("+")[0]
        (HERE / f"{library}-{version}-{what}.pkl").write_bytes(dump(made, protocol=5))


if __name__ == "__main__":
    main()
