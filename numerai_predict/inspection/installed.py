"""Whether a module is here, and in which version; imports and executes none of them."""

import contextlib
import functools
import os
import re
import sys
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES, BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from itertools import chain, takewhile
from pathlib import Path
from typing import Any

from numerai_predict.inspection.packages import canonical, distributions

# Longer than any real one: names come from files that anybody may have written.
MAX_NAME = 500

PYTHONS_FINDERS: tuple[Any, ...] = (BuiltinImporter, FrozenImporter, PathFinder)

# Modules without a file of their own, and what must be here for them.
STAND_INS = {
    "__main__": "sys",
    # setuptools stands in for what Python 3.12 dropped.
    "distutils": "setuptools._distutils",
}

# Packages whose modules are all files: importing every one of them adds no other to sys.modules, so that what they have
# no file for cannot be loaded. SciPy 1.11 is none (scipy.stats.beta_ufunc); and pandas.read_pickle knows where pandas'
# old modules went.
ALL_FILES = frozenset({"catboost", "cloudpickle", "joblib", "lightgbm", "numpy", "sklearn", "xgboost"})

# Names that packages share without having any module of that name: what is missing is the package below.
NAMESPACES = frozenset({"azure", "databricks", "google", "google.cloud"})

# Compiled modules that are known without their package once that is imported (sklearn._loss._loss is `_loss` in
# pickles); others are looked for.
ALONE = frozenset({"_catboost", "_csparsetools", "_cyutility", "_loss", "_moduleTNC", "_ni_label"})
# What Cython, torch, joblib and cryptography put into sys.modules, and no package has a file of.
_NO_FILE = re.compile(r"_cython_[0-9_]{1,20}|_remote_module_non_scriptable|__mp_main__|_openssl")
MAX_FOLDERS = 30_000
# How a package brings modules that it has no file for: it looks into other folders, or registers them itself.
_MAKES_MODULES = re.compile(
    r"__path__[ \t]{0,9}(?:\+?=[^=]|\.(?:append|extend|insert)\()"
    r"|sys\.modules(?:\.(?:setdefault|update)\(|\[[^]\n]{1,200}\][ \t]{0,9}=[^=])"
)
# How packages of old share their name: https://packaging.python.org/en/latest/guides/packaging-namespace-packages/
_SHARES_ITS_NAME = re.compile(r"extend_path|declare_namespace")
MAX_SOURCE = 1 << 20


def is_standard(name: str) -> bool:
    """Whether the module belongs to the standard library of this Python and is there; builds may leave some out."""
    return name.partition(".")[0] in sys.stdlib_module_names and is_here(name)


def is_here(name: str) -> bool:
    """Whether the module `a.b.c` can be found; False for what no module can be named."""
    return _is_name(name) and not missing_part(name)


def missing_part(name: str) -> str:
    """Nothing if all of the module `a.b.c` can be found, else the shortest of `a`, `a.b` and `a.b.c` that cannot; of
    namespaces (`google.cloud`), the shortest that is a package of its own.

    What no module can be named is missing as a whole. What modules may make at run time counts as found: names below a
    module that is no package (`os.path`, `six.moves`, `torch._C._nn`), below a package that makes modules
    (`tensorflow.keras`), and those of compiled modules that are known without their package (`_loss`).
    """
    if not _is_name(name):
        return name
    above = None
    for found, spec in _specs(name):
        if spec is None:
            made = _makes_modules(above, name) if above else _may_be_made_at_run_time(found)
            return "" if made else _below_namespaces(found, name)
        above = spec
    return ""


def skewed_part(name: str) -> str:
    """The missing part of the module that its package has in another version; nothing if there is none."""
    missing = missing_part(name)
    return "" if not missing or is_package_of_its_own(missing) else missing


def is_package_of_its_own(missing: str) -> bool:
    """Whether what is missing is a whole package, which another version of what is here would not have either: one at
    the top level, or in a namespace that packages share (`google.colab`).
    """
    above = missing.rpartition(".")[0]
    return not _is_name(missing) or not above or is_namespace(above)


def is_namespace(name: str) -> bool:
    """Whether packages of others share the name, which is no package itself: `google.cloud`."""
    return name in NAMESPACES or (_is_name(name) and all(_is_shared(spec) for _, spec in _specs(name)))


@functools.cache
def version_of(top_level: str) -> str | None:
    """The installed version of the package that the module comes from; None if there is none, or it has no version."""
    if not _is_name(top_level):
        return None
    for distribution in distributions(top_level):
        with contextlib.suppress(Exception):  # What describes it is damaged.
            if version := _version_of_distribution(distribution):
                return version
    return None


def _version_of_distribution(name: str) -> str | None:
    """The version that importlib.metadata finds; None if it finds no such package. Where a wheel has been installed, as
    almost everywhere, this does without it: with what it imports of `email`, it takes longer than all else here.
    """
    searched = [str(entry) or "." for entry in sys.path]
    if not any(map(_holds_an_egg, searched)):
        folders = [_described_in(folder, os.stat(folder).st_mtime_ns) for folder in filter(os.path.isdir, searched)]
        found = next(filter(None, (packages.get(canonical(name)) for packages in folders)), [])
        if not found:
            return None
        if len(found) == 1 and found[0].endswith(".dist-info") and (version := _stated_version(found[0])):
            return version
    from importlib import metadata

    return metadata.version(name)


def _holds_an_egg(entry: str) -> bool:
    """Whether the entry of sys.path may hold a package as easy_install left it, or is an archive."""
    return entry.endswith(".egg") or os.path.isfile(entry)


@functools.lru_cache(maxsize=64)
def _described_in(folder: str, modified: int) -> dict[str, list[str]]:
    """Where the packages of a folder are described, by their names as indexes compare them; `modified` is when the
    folder was changed last.
    """
    found: dict[str, list[str]] = {}
    for entry in os.listdir(folder):
        if entry.lower().endswith((".dist-info", ".egg-info")):
            name = entry.rpartition(".")[0].partition("-")[0]
            found.setdefault(canonical(name), []).append(os.path.join(folder, entry))
    return found


def _stated_version(dist_info: str) -> str:
    """What the head of the package's description says; empty if it does not."""
    with open(os.path.join(dist_info, "METADATA"), encoding="utf-8", errors="replace") as file:
        head = takewhile(str.strip, file)
        return next((line.partition(":")[2].strip() for line in head if line.startswith("Version:")), "")


def _is_name(name: str) -> bool:
    return len(name) <= MAX_NAME and all(part.isidentifier() for part in name.split("."))


def _specs(name: str) -> Iterator[tuple[str, ModuleSpec | None]]:
    """`a`, `a.b` and `a.b.c` with what is found of each, up to the first that is missing or no package."""
    found, path = "", None
    for part in name.split("."):
        found = f"{found}.{part}" if found else part
        spec = _find(found, path)
        yield found, spec
        if spec is None or spec.submodule_search_locations is None:
            return
        path = list(spec.submodule_search_locations)


def _below_namespaces(missing: str, name: str) -> str:
    parts = name.split(".")
    while missing in NAMESPACES and missing != name:
        missing = ".".join(parts[: missing.count(".") + 2])
    return missing


def _is_shared(package: ModuleSpec | None) -> bool:
    if package is None or package.submodule_search_locations is None:
        return False
    return package.origin is None or bool(_SHARES_ITS_NAME.search(_source(package)))


def _makes_modules(package: ModuleSpec, name: str) -> bool:
    if name.partition(".")[0] in ALL_FILES or _is_shared(package):
        return False
    return bool(_MAKES_MODULES.search(_source(package)))


def _source(package: ModuleSpec) -> str:
    return _text(package.origin) if package.origin and package.origin.endswith(".py") else ""


@functools.lru_cache(maxsize=16)
def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(MAX_SOURCE)
    except OSError:
        return ""


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
    if not name.startswith("_") or name in sys.stdlib_module_names:
        return False
    if name in ALONE or _NO_FILE.fullmatch(name):
        return True
    compiled = _compiled_modules()
    return compiled is None or name in compiled


@functools.cache
def _compiled_modules() -> frozenset[str] | None:
    """The last parts of the names of all compiled modules in installed packages; None if there are too many to look."""
    found: set[str] = set()
    walks = map(os.walk, _package_folders())
    for number, (_, folders, files) in enumerate(chain.from_iterable(walks)):
        if number == MAX_FOLDERS:
            return None
        folders[:] = filter(str.isidentifier, folders)  # No other is a package.
        found.update(file.partition(".")[0] for file in files if file.endswith(tuple(EXTENSION_SUFFIXES)))
    return frozenset(found)


def _package_folders() -> list[str]:
    """The folders of sys.path that hold packages: those of the standard library do not, and may have them below."""
    import sysconfig

    standard = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    standard |= {folder / "lib-dynload" for folder in standard}
    return [entry for entry in sys.path if os.path.isdir(entry) and Path(entry) not in standard]
