"""Whether a module is here, in which version, and what to install for it; imports and executes none of them."""

import contextlib
import functools
import sys
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from itertools import chain
from typing import Any

# Longer than any real one: names come from files that anybody may have written.
MAX_NAME = 500

PYTHONS_FINDERS: tuple[Any, ...] = (BuiltinImporter, FrozenImporter, PathFinder)

# Modules without a file of their own, and what must be here for them.
STAND_INS = {
    "__main__": "sys",
    # setuptools stands in for what Python 3.12 dropped.
    "distutils": "setuptools._distutils",
}

# What pip calls packages whose modules have another name; of several, any may be installed, and the first is the usual.
OTHER_NAMES = {
    "Bio": "biopython",
    "Crypto": "pycryptodome",
    "OpenSSL": "pyOpenSSL",
    "PIL": "pillow",
    "alphalens": "alphalens-reloaded alphalens",
    "attr": "attrs",
    "bayes_opt": "bayesian-optimization",
    "binance": "python-binance",
    "bs4": "beautifulsoup4",
    "cupy": "cupy-cuda12x cupy-cuda13x cupy-cuda11x cupy",
    "cv2": "opencv-python opencv-python-headless opencv-contrib-python opencv-contrib-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "empyrical": "empyrical-reloaded empyrical",
    "faiss": "faiss-cpu faiss-gpu",
    "git": "gitpython",
    "haiku": "dm-haiku",
    "imblearn": "imbalanced-learn",
    "jwt": "PyJWT",
    "mpl_toolkits": "matplotlib",
    "psycopg2": "psycopg2-binary psycopg2",
    "pyro": "pyro-ppl",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "sklearn_extra": "scikit-learn-extra",
    "skopt": "scikit-optimize",
    "sksurv": "scikit-survival",
    "slugify": "python-slugify",
    "talib": "TA-Lib",
    "tensorflow": "tensorflow tensorflow-cpu tensorflow-intel tensorflow-macos",
    "umap": "umap-learn",
    "xgboost": "xgboost xgboost-cpu",
    "yaml": "PyYAML",
}
# Packages that pip calls as their modules, but for _ and -.
_SAME_NAMES = """
    accelerate arch autogluon boruta boto3 bottleneck cachetools captum catboost category_encoders cloudpickle cvxopt
    cvxpy darts dask datasets deap dill distributed duckdb econml einops eli5 eod fastai fastparquet featuretools flaml
    flax fsspec gensim gplearn h2o h5py hdbscan hmmlearn huggingface_hub hyperopt interpret jax jaxlib joblib kaggle
    keras lightgbm lightning lightning_fabric lightning_utilities lime llvmlite lmfit loguru lxml matplotlib mlflow
    mlforecast mlxtend modin multitasking networkx neuralforecast ngboost nltk numba numerai_era_data numerai_tools
    numerapi numerbay numerblox numexpr numpy numpyro onnx onnxruntime openai optax optuna orjson pandas pandas_ta
    pandas_ta_classic patsy peewee pingouin plotly polars prophet psutil pyarrow pycaret pydantic pygam pymc
    pynndescent pyod pyspark pytorch_forecasting pytorch_lightning pytorch_tabnet pytorch_tabular pytz quantstats ray
    regex requests rich river rtdl ruptures scipy seaborn sentence_transformers sentencepiece sentry_sdk shap
    simplejson six skforecast skorch spacy sqlalchemy statsforecast statsmodels streamlit sympy ta tables tabpfn
    tabulate tenacity tensorflow_addons tensorflow_decision_forests tensorflow_probability tf_keras threadpoolctl
    tiktoken timm tokenizers toolz torch torch_geometric torchaudio torchmetrics torchvision tqdm transformers treelite
    treelite_runtime tsfresh tslearn typing_extensions ujson vaex wandb xarray ydf yfinance zstandard
"""
SAME_NAMES = frozenset(_SAME_NAMES.split())


def is_standard(name: str) -> bool:
    """Whether the module belongs to the standard library of this Python and is there; builds may leave some out."""
    return name.partition(".")[0] in sys.stdlib_module_names and is_here(name)


def is_here(name: str) -> bool:
    """Whether the module `a.b.c` can be found; False for what no module can be named."""
    return _is_name(name) and not missing_part(name)


def missing_part(name: str) -> str:
    """Nothing if all of the module `a.b.c` can be found, else the shortest of `a`, `a.b` and `a.b.c` that cannot.

    What no module can be named is missing as a whole. What modules may make at run time counts as found: names below a
    module that is no package (`os.path`, `six.moves`, `torch._C._nn`), and names that begin with an underscore, as
    compiled modules may be known without their package (sklearn._loss._loss is `_loss` in pickles).
    """
    if not _is_name(name):
        return name
    found, path = "", None
    for part in name.split("."):
        found = f"{found}.{part}" if found else part
        spec = _find(found, path)
        if spec is None:
            return "" if _may_be_made_at_run_time(found) else found
        if spec.submodule_search_locations is None:
            return ""
        path = list(spec.submodule_search_locations)
    return ""


@functools.cache
def version_of(top_level: str) -> str | None:
    """The installed version of the package that the module comes from; None if there is none, or it has no version."""
    from importlib import metadata

    if not _is_name(top_level):
        return None
    for distribution in _distributions(top_level):
        with contextlib.suppress(Exception):  # Not installed, or what describes it is damaged.
            return metadata.version(distribution)
    return None


def pip_name(top_level: str) -> str:
    """What pip calls the package of the module; empty if it is not known, and so perhaps a file of the user's own."""
    known = top_level in OTHER_NAMES or top_level in SAME_NAMES
    return _distributions(top_level)[0].replace("_", "-") if known else ""


def _distributions(top_level: str) -> list[str]:
    return OTHER_NAMES.get(top_level, top_level).split()


def _is_name(name: str) -> bool:
    return len(name) <= MAX_NAME and all(part.isidentifier() for part in name.split("."))


def _find(name: str, path: list[str] | None) -> ModuleSpec | None:
    """The module in the folders of its package, or at the top level if `path` is None.

    Python's own finders come first: those that packages add may import something to find an answer. They get the last
    part of the name only, as nested namespaces would look for their parent in sys.modules.
    """
    last = name.rpartition(".")[2]
    own = PYTHONS_FINDERS if path is None else (PathFinder,)
    others = (finder for finder in sys.meta_path if finder not in PYTHONS_FINDERS and not _imports(finder))
    asked = chain((_ask(finder, last, path) for finder in own), (_ask(finder, name, path) for finder in others))
    return next(filter(None, asked), None)


def _ask(finder: Any, name: str, path: list[str] | None) -> ModuleSpec | None:
    with contextlib.suppress(Exception):  # A finder that fails has found nothing.
        found: ModuleSpec | None = finder.find_spec(name, path)
        return found
    return None


def _imports(finder: Any) -> bool:
    """setuptools' finder imports its distutils to find out where it is."""
    return type(finder).__module__ == "_distutils_hack"


def _may_be_made_at_run_time(name: str) -> bool:
    if name in STAND_INS:
        return is_here(STAND_INS[name])
    return name.startswith("_") and "." not in name and name not in sys.stdlib_module_names
