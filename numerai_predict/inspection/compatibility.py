"""Which differences between the libraries that wrote a pickle and those here matter.

A difference breaks if loading the pickle is certain to fail, whatever else is in it: each such rule was tried with both
versions. What fails later, or may not fail at all, is a warning: the object that it concerns may never be used.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from numerai_predict.faults import Code
from numerai_predict.inspection.findings import Difference
from numerai_predict.inspection.fingerprints import Mark
from numerai_predict.inspection.installed import ALL_FILES
from numerai_predict.inspection.packages import pip_name
from numerai_predict.inspection.remedies import for_another_version

SHOWN_MODULES = 3
SHOWN_NAME = 100
# How people write the names of libraries; of others, it is pip's name.
TITLES = {
    "catboost": "CatBoost",
    "lightgbm": "LightGBM",
    "numpy": "NumPy",
    "scipy": "SciPy",
    "torch": "PyTorch",
    "xgboost": "XGBoost",
}


@dataclass(frozen=True)
class _Rule:
    """What versions from `since` on and below `below` make of the objects of another version that leave the `sign`."""

    library: str
    sign: str
    consequence: str
    since: str = "0"
    below: str = "999999"
    breaks: bool = True

    def concerns(self, here: str) -> bool:
        return _number(self.since) <= _number(here) < _number(self.below)


_RULES = (
    # ValueError: <class 'numpy.random._pcg64.PCG64'> is not a known BitGenerator module (numpy#26260).
    _Rule("numpy", "bit_generator_class", "which cannot read its random generators", below="2"),
    # ValueError: node array from the pickle has an incompatible dtype (yzhao062/pyod#519).
    _Rule("sklearn", "old_tree_nodes", "which cannot read trees and forests of versions before 1.3", since="1.3"),
    _Rule("sklearn", "tree_nodes", "which cannot read trees and forests of 1.3 and later", below="1.3"),
    # AttributeError: Can't get attribute '__pyx_unpickle_CyHalfSquaredError'.
    _Rule("sklearn", "pyx_loss", "which cannot read gradient boosting of versions before 1.6", since="1.6"),
    # AttributeError: Can't get attribute 'EuclideanDistance'.
    _Rule("sklearn", "distance", "which cannot read nearest neighbors of versions before 1.3", since="1.3"),
    _Rule("sklearn", "distance64", "which cannot read nearest neighbors of 1.3 and later", below="1.3"),
    # NotImplementedError: (CategoricalDtype(categories=['a', 'b'], …), array([0, 1, 0], dtype=int8)) (pandas#63078).
    # pandas 2.3.3 is the last that there is before 3.0.
    _Rule("pandas", "cython_state", "which cannot read its categories, dates and strings", below="2.3.4"),
    # TypeError: StringDtype.__init__() takes from 1 to 2 positional arguments but 3 were given (pandas#61763).
    _Rule("pandas", "string_dtype", "which cannot read its strings", below="2.3"),
    # AttributeError: Can't get attribute '_function_setstate' (leptonai#120).
    _Rule("cloudpickle", "function_setstate", "which cannot read its functions and classes", below="3"),
    # The arrays of NumPy 2 can be read where all the modules that they name are there.
    _Rule("numpy", "numpy._core", "which may not be able to read all of it", below="2", breaks=False),
    # AttributeError: 'Booster' object has no attribute 'handle', when it predicts (LightGBM#6125).
    _Rule("lightgbm", "_handle", "whose Booster cannot predict with it", below="4", breaks=False),
    # TypeError: '>' not supported between instances of 'NoneType' and 'int', when it predicts.
    _Rule("lightgbm", "n_classes", "whose LGBMRegressor and LGBMRanker cannot predict with it", "4", breaks=False),
)


def differences(
    marks: Iterable[Mark],
    references: Iterable[str],
    missing: Callable[[str], str],
    version_of: Callable[[str], str | None],
    has_gpu: bool = False,
) -> list[Difference]:
    """What the libraries here make of a pickle with these marks that refers to these modules; what breaks comes first.

    `missing` returns the part of a module that its package here lacks, as installed.skewed_part does, and `version_of`
    the version of a library.
    """
    written = _Written(marks, version_of)
    found = [
        *_missing_submodules(written, references, missing),
        *_by_rule(written),
        *_of_another_sklearn(written),
        *_of_another_xgboost(written),
        *_on_gpu(written, has_gpu),
    ]
    broken = {difference.library for difference in found if difference.breaks}
    relevant = [difference for difference in found if difference.breaks or difference.library not in broken]
    return sorted(relevant, key=lambda difference: not difference.breaks)


class _Written:
    """What the marks reveal of the versions that wrote the pickle, and the versions here."""

    def __init__(self, marks: Iterable[Mark], version_of: Callable[[str], str | None]) -> None:
        self._signs: dict[str, set[str]] = defaultdict(set)
        self._versions: dict[str, set[str]] = defaultdict(set)
        self._version_of = version_of
        for mark in marks:
            self._signs[mark.library].add(mark.sign)
            self._versions[mark.library].update({mark.version} - {""})

    def has(self, library: str, sign: str) -> bool:
        return sign in self._signs[library]

    def version(self, library: str) -> str:
        """The most that is known: of "2" and "2.3", "2.3"."""
        return max(self._versions[library], key=lambda version: (_number(version), version), default="")

    def here(self, library: str) -> str | None:
        return self._version_of(library) or None

    def difference(self, library: str, consequence: str, breaks: bool) -> Difference:
        """The library here is not of the version that wrote the pickle, with that consequence."""
        title = TITLES.get(library) or pip_name(library) or library
        version, here = self.version(library), self.here(library)
        writer = f"{title} {version}" if version else f"another version of {title}"
        reader = f"{title} {here}" if here else f"the {title} here"
        return Difference(
            library=library,
            written=version,
            here=here,
            breaks=breaks,
            code=Code.INCOMPATIBLE_LIBRARY.label,
            message=f"The pickle was written with {writer}; this is {reader}, {consequence}.",
            hint=for_another_version(library, here) if here else None,
        )


def _missing_submodules(
    written: _Written, references: Iterable[str], missing: Callable[[str], str]
) -> Iterator[Difference]:
    """A package that lacks one of its modules is here in another version."""
    lacks: dict[str, set[str]] = defaultdict(set)
    for reference in references:
        package, _, below = (part := missing(reference)).partition(".")
        if package and below:
            lacks[package].add(part)
    for package, modules in sorted(lacks.items()):
        yield written.difference(package, f"which has no {_named(sorted(modules))}", breaks=package in ALL_FILES)


def _named(modules: list[str]) -> str:
    shown = ", ".join(name[:SHOWN_NAME] for name in modules[:SHOWN_MODULES])
    more = f" and {len(modules) - SHOWN_MODULES} more" if len(modules) > SHOWN_MODULES else ""
    return f"module{'s' if len(modules) > 1 else ''} {shown}{more}"


def _by_rule(written: _Written) -> Iterator[Difference]:
    for rule in _RULES:
        here = written.here(rule.library)
        if here and written.has(rule.library, rule.sign) and rule.concerns(here):
            yield written.difference(rule.library, rule.consequence, rule.breaks)


def _of_another_sklearn(written: _Written) -> Iterator[Difference]:
    """Estimators are made for their own version (https://scikit-learn.org/stable/model_persistence.html)."""
    version, here = _number(written.version("sklearn")), _number(written.here("sklearn") or "")
    if not version or not here or version[:2] == here[:2]:
        return
    consequence = "whose predictions may differ"
    # AttributeError: 'DecisionTreeRegressor' object has no attribute 'monotonic_cst', when it predicts.
    if written.has("sklearn", "tree") and version < (1, 4) <= here:
        consequence = "whose trees and forests cannot predict with it"
    yield written.difference("sklearn", consequence, breaks=False)


def _of_another_xgboost(written: _Written) -> Iterator[Difference]:
    """XGBRegressor and its kin are restored field by field, which differ ('XGBModel' object has no attribute 'gpu_id',
    'feature_types', …); the Booster within can be read by many versions (dmlc/xgboost#9871).
    """
    version, here = _number(written.version("xgboost")), _number(written.here("xgboost") or "")
    compared = 2 if version[:1] == (1,) else 1  # How many numbers of the version make a difference.
    if version and here and version[:compared] != here[:compared]:
        consequence = "whose XGBRegressor and its kin may not be able to predict with it"
        yield written.difference("xgboost", consequence, breaks=False)


def _on_gpu(written: _Written, has_gpu: bool) -> Iterator[Difference]:
    """RuntimeError: Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False."""
    where = "the platform has none" if has_gpu else "there is no GPU here"
    for sign, what, breaks in (
        ("cuda", "holds GPU tensors", not has_gpu),
        ("cuda_device", "names a GPU to compute on", False),
    ):
        if written.has("torch", sign):
            message = f"The model {what}; {where}."
            code = Code.CUDA_MODEL
            yield Difference("torch", "", written.here("torch"), breaks, code.label, message, code.hint)


def _number(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with: (1, 2) for "1.2.dev3"; empty if there are none."""
    leading = re.match(r"[0-9]{1,9}(\.[0-9]{1,9}){0,9}", version)
    return tuple(map(int, leading[0].split("."))) if leading else ()
