"""What pip calls the packages of modules, and which of them the platform has."""

import functools
import json
import re
from pathlib import Path

from numerai_predict.inspection.findings import THIS_PYTHON

# What pip calls packages whose modules have another name; of several, any may be installed, and the first is the usual.
OTHER_NAMES = {
    "Bio": "biopython",
    "Crypto": "pycryptodome",
    "OpenSSL": "pyOpenSSL",
    "PIL": "pillow",
    "_cffi_backend": "cffi",
    "absl": "absl-py",
    "alphalens": "alphalens-reloaded alphalens",
    "attr": "attrs",
    "bayes_opt": "bayesian-optimization",
    "binance": "python-binance",
    "bs4": "beautifulsoup4",
    "clang": "libclang",
    "cudf": "cudf-cu12 cudf-cu13 cudf-cu11",
    "cuml": "cuml-cu12 cuml-cu13 cuml-cu11",
    "cupy": "cupy-cuda12x cupy-cuda13x cupy-cuda11x cupy",
    "cv2": "opencv-python opencv-python-headless opencv-contrib-python opencv-contrib-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "empyrical": "empyrical-reloaded empyrical",
    "faiss": "faiss-cpu faiss-gpu",
    "functorch": "torch",
    "git": "gitpython",
    "google.protobuf": "protobuf",
    "googleapiclient": "google-api-python-client",
    "grpc": "grpcio",
    "haiku": "dm-haiku",
    "imblearn": "imbalanced-learn",
    "jwt": "PyJWT",
    "markdown_it": "markdown-it-py",
    "mpl_toolkits": "matplotlib",
    "mpl_toolkits.basemap": "basemap",
    "pasta": "google-pasta",
    "pkg_resources": "setuptools",
    "playhouse": "peewee",
    "proto": "proto-plus",
    "psycopg2": "psycopg2-binary psycopg2",
    "pylab": "matplotlib",
    "pyro": "pyro-ppl",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "sklearn_extra": "scikit-learn-extra",
    "skopt": "scikit-optimize",
    "sksurv": "scikit-survival",
    "slugify": "python-slugify",
    "talib": "TA-Lib",
    "tensorflow": "tensorflow tensorflow-cpu tensorflow-intel tensorflow-macos",
    "torchgen": "torch",
    "umap": "umap-learn",
    "xgboost": "xgboost xgboost-cpu",
    "yaml": "PyYAML",
    "yggdrasil_decision_forests": "ydf",
}
# Packages that pip calls as their modules, but for _ and -.
_SAME_NAMES = """
    accelerate aeon aiohttp altair arch autogluon bitsandbytes bokeh boruta boto3 bottleneck cachetools captum
    catboost category_encoders cloudpickle cvxopt cvxpy darts dash dask dask_ml datasets deap dill distributed duckdb
    econml einops eli5 eod evaluate fastai fastparquet featuretools flaml flax fsspec gcsfs gensim
    google_auth_oauthlib gplearn gradio graphviz h2o h5py hdbscan hmmlearn httpx huggingface_hub hyperopt ibis imodels
    interpret jax jaxlib jinja2 joblib kaggle kaleido keras lightautoml lightgbm lightning lightning_fabric
    lightning_utilities lime llvmlite lmfit loguru lxml matplotlib mlflow mlforecast mlxtend modin multitasking
    narwhals networkx neuralforecast ngboost nltk numba numerai_era_data numerai_tools numerapi numerbay numerblox
    numexpr numpy numpyro onnx onnxruntime onnxscript openai openpyxl optax optree optuna orjson pandas
    pandas_datareader pandas_ta pandas_ta_classic patsy peewee peft pingouin plotly polars polars_ols prophet psutil
    pyarrow pycaret pydantic pygam pykalman pymc pymongo pynndescent pyod pyspark pytest pytorch_forecasting
    pytorch_lightning pytorch_tabnet pytorch_tabular pytz quantstats ray redis regex requests rich river rtdl ruptures
    s3fs safetensors scikeras scipy seaborn sentence_transformers sentencepiece sentry_sdk shap simplejson six
    skforecast skorch sktime spacy sqlalchemy statsforecast statsmodels streamlit sympy ta tables tabpfn tabulate
    tenacity tensorflow_addons tensorflow_decision_forests tensorflow_probability tf_keras threadpoolctl tiktoken timm
    tokenizers toolz torch torch_geometric torchaudio torchmetrics torchvision tqdm transformers treelite
    treelite_runtime triton tsai tsfresh tslearn typing_extensions ujson vaex wandb xarray xlrd xlsxwriter ydf
    yfinance zstandard
"""
SAME_NAMES = frozenset(_SAME_NAMES.split())


def pip_name(module: str) -> str:
    """What pip calls the package of the module; empty if it is not known, and so perhaps a file of the user's own."""
    if module.startswith("google.cloud.") and module not in OTHER_NAMES:
        return canonical(module)
    known = module in OTHER_NAMES or module in SAME_NAMES
    return distributions(module)[0].replace("_", "-") if known else ""


def module_of(pip: str) -> str:
    """The module of the package that pip calls so."""
    same = (module for module, names in OTHER_NAMES.items() if pip.lower() in names.lower().split())
    return next(same, pip.replace("-", "_"))


def distributions(module: str) -> list[str]:
    """The packages that may have brought the module, as pip calls them."""
    return OTHER_NAMES.get(module, module).split()


def platform_version(module: str, python: str | None = None) -> str | None:
    """The version of the module's package that the platform has for that Python, or this; None if it has none."""
    pins = _platform_packages().get(python or THIS_PYTHON, {})
    package = module if module in OTHER_NAMES else pip_name(module) or module
    return next((pins[name] for name in map(canonical, distributions(package)) if name in pins), None)


def platform_pythons() -> list[str]:
    """The Python versions of the platform."""
    return list(_platform_packages())


def usual_name(module: str) -> str:
    """What pip calls the package of the module, as far as known, else the module's own name."""
    return pip_name(module) or (canonical(module) if platform_version(module) else module)


def canonical(name: str) -> str:
    """The name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@functools.cache
def _platform_packages() -> dict[str, dict[str, str]]:
    """By Python version what the images have, as the locks of the py3.* folders do (.ci/export_requirements.py)."""
    file = Path(__file__).with_name("platform_packages.json")
    packages: dict[str, dict[str, str]] = json.loads(file.read_bytes())
    return packages
