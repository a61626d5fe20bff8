"""Modules that the model needs and that are not here."""

import re
import sys

from numerai_predict.diagnosis.loading import incompatible
from numerai_predict.diagnosis.raised import Raised
from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import for_missing, is_here, is_namespace, is_package_of_its_own, module_of

MAX_NAME = 200
# The name of a package in a sentence, and no word that such sentences go on with.
_NAME = (
    r"[`'\"]?(?!(?:an?|it|that|the|this|these|those|you|we|all|latest|newer|optional|missing|required|version)\b)"
    r"(?P<name>[A-Za-z_][\w.-]{0,99}?)[`'\"]?"
)
# Whatever is raised with it: plotly has a ValueError.
_PIP_INSTALL = re.compile(
    r"\bpip3? install (?:--?[a-z-]{1,20} ){0,3}['\"]?(?!git\+|https?:|requirements|-)(?P<name>[\w.-]{1,100})"
)
# What libraries say of a package that they could do without until now: pandas, polars, tqdm, scikit-learn, XGBoost,
# LightGBM, fsspec, Keras, SHAP and their kin. The first that fits names it.
_OPTIONAL = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"Missing optional dependency '(?P<name>[\w.-]{1,100})'",
        r"No module named '?(?P<name>[\w.]{1,100})'?",
        r"\b(?P<name>IProgress) not found",
        rf"import {_NAME} failed",
        rf"required package {_NAME} not found",
        _PIP_INSTALL.pattern,
        r"\bconda install (?:-c [\w-]{1,30} )?(?P<name>[\w.-]{1,100})",
        rf"(?:\b(?:must|should|please|need to) |^)install (?:the )?(?:package )?{_NAME}(?:[\s.,;:()]|$)",
        rf"^{_NAME}(?:[<>=!~]=?[\w.]{{1,20}})?(?:, (?:and )?[\w-]{{1,40}}){{0,5}} (?:is|are|must be|needs to be) "
        r"(?:required|needed|installed)",
        rf"^{_NAME} (?:is not|isn't|was not|not) (?:installed|found|available)",
        rf"\brequires? (?:the )?(?:package )?{_NAME}(?: to be installed| package| library|[.,;:]|$)",
    )
)
# What Python says of a namespace that lacks a package: from google.cloud import bigquery.
_NOT_IN_NAMESPACE = re.compile(
    r"^cannot import name '(?P<name>\w{1,100})' from '(?P<space>[\w.]{1,100})' \(unknown loc"
)
# A package that is there and does not load.
_BROKEN = re.compile(r"shared object|undefined symbol|DLL load failed|GLIBC|cannot import name")
_LIBRARIES_OWN = {"ImportError", "LightGBMError"}
# What they name in place of the package as pip calls it.
_PACKAGES = {"IProgress": "ipywidgets", "pytables": "tables"}


def missing_module(raised: Raised) -> Fault | None:
    """The fault of a model that imports what is not here."""
    if "ModuleNotFoundError" in raised.kinds and raised.name:
        return _not_found(raised, _as_inspected(raised))
    if "ImportError" in raised.kinds and (found := raised.says(_NOT_IN_NAMESPACE)) and is_namespace(found["space"]):
        return _not_found(raised, f"{found['space']}.{found['name']}")
    if raised.says(_BROKEN):
        return None
    patterns = (_PIP_INSTALL,) if _LIBRARIES_OWN.isdisjoint(raised.kinds) else _OPTIONAL
    return _optional(raised, next(filter(None, map(raised.says, patterns)), None))


def _not_found(raised: Raised, name: str) -> Fault:
    package = name.partition(".")[0]
    # Where the package itself is found, it is the version that differs.
    if not is_package_of_its_own(name) and package not in sys.stdlib_module_names:
        return incompatible(raised, package)
    return Fault(
        Code.MISSING_MODULE,
        f"{_subject(raised)} needs the module {name!r}, which is not installed here{raised.where}.",
        for_missing([name], inside=not raised.is_loading),
    )


def _as_inspected(raised: Raised) -> str:
    """The whole name, where Python names a namespace that is not here: google.colab for google."""
    modules = raised.facts.findings.modules if raised.facts.findings else []
    below = (module.name for module in modules if module.name.startswith(f"{raised.name}."))
    return next(below, raised.name[:MAX_NAME])


def _optional(raised: Raised, found: re.Match[str] | None) -> Fault | None:
    if found is None:
        if "ModuleNotFoundError" not in raised.kinds:
            return None
        message = f"{_subject(raised)} needs a module that is not installed here ({raised.said}){raised.where}."
        return Fault(Code.MISSING_MODULE, message)
    name = found["name"].rstrip(".-")
    name = _PACKAGES.get(name, name)
    if is_here(module_of(name)):
        return None
    return Fault(
        Code.MISSING_MODULE,
        f"{_subject(raised)} needs the package {name!r}, which is not installed here ({raised.said}){raised.where}.",
        for_missing([name], packages=True),
    )


def _subject(raised: Raised) -> str:
    return "The pickle" if raised.is_loading else "The model"
