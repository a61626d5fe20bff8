"""What to do about packages that are not here, or here in another version: only what helps."""

import shlex
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from numerai_predict.faults import Code, Fault
from numerai_predict.inspection.findings import THIS_PYTHON
from numerai_predict.inspection.installed import is_here
from numerai_predict.inspection.packages import pip_name, platform_pythons, platform_version, usual_name

ROOT = Path(__file__).resolve().parents[2]
IMAGE = f"numerai_predict_py_{THIS_PYTHON.replace('.', '_')}"
SHOWN_NAMES = 3
# Modules of the programs that show a notebook, and what of them gets into models.
NOTEBOOKS = {
    "IPython": "IPython is for notebooks: take it out of predict (display() and the like)",
    "databricks": "databricks is for notebooks of Databricks: take it out of predict",
    "dbruntime": "dbutils is there in notebooks of Databricks only: take it out of predict",
    "google.colab": "google.colab is there in Colab only: take it out of predict (drive.mount, files, userdata)",
    "ipywidgets": "ipywidgets is for notebooks: take it out of predict, and use tqdm in place of tqdm.notebook",
    "kaggle_datasets": "kaggle_datasets is there in notebooks of Kaggle only: take it out of predict",
    "kaggle_secrets": "kaggle_secrets is there in notebooks of Kaggle only: take it out of predict",
    "kaggle_web_client": "kaggle_web_client is there in notebooks of Kaggle only: take it out of predict",
    "pyspark.dbutils": "dbutils is there in notebooks of Databricks only: take it out of predict",
}
NOTEBOOKS |= {
    name: f"{name} is for notebooks: take it out of predict"
    for name in ("ipykernel", "jupyter", "jupyter_client", "jupyter_core", "matplotlib_inline", "nbformat", "notebook")
}
# What the standard library had up to this Python: https://peps.python.org/pep-0594/ and pep-0632.
LAST_PYTHON = dict.fromkeys(("asynchat", "asyncore", "distutils", "imp", "smtpd"), "3.11") | dict.fromkeys(
    (
        *("aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap", "msilib", "nis"),
        *("nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib"),
    ),
    "3.12",
)


def for_missing(modules: Sequence[str], inside: bool = False, packages: bool = False) -> str:
    """What to do about modules that are not here. `inside` says that the model's own code imports them, `packages` that
    they are none of the user's own files, and may have the names that pip knows.
    """
    if THIS_PYTHON not in platform_pythons():
        return f"The platform has no Python {THIS_PYTHON}: use {_one_of(platform_pythons())}."
    groups: dict[Callable[[list[str]], str], list[str]] = defaultdict(list)
    own = _carry_from_inside if inside else _carry
    for module in modules:
        is_package = packages or "." in module or bool(pip_name(module))
        groups[_group(module) or (_leave_out if is_package else own)].append(module)
    return " ".join(advise(names) for advise, names in groups.items())


def for_another_version(library: str, here: str) -> str:
    """What to do about a pickle that the library does not fit in the version that is here."""
    package = pip_name(library) or library
    platform = platform_version(library)
    if platform is None or platform == here.partition("+")[0]:
        return f"Train and pickle it again with this version: pip install {package}=={here}"
    return (
        f"The platform has {package} {platform}, this environment has {here}: run the model in the image {IMAGE}, or "
        f"pip install {package}=={platform}"
    )


def lacking(needed: Iterable[str]) -> Fault | None:
    """The fault of a Python that does not have all the packages that the runtime itself needs; None if it has."""
    names = [name for name in needed if not is_here(name)]
    if not names:
        return None
    message = f"This Python ({sys.executable}, {THIS_PYTHON}) does not have {_all_of(names)}."
    return Fault(Code.MISSING_PACKAGES, message, _better_python(names))


def _group(module: str) -> Callable[[list[str]], str] | None:
    if _notebook(module):
        return _take_out
    if LAST_PYTHON.get(module.partition(".")[0]):
        return _replace
    return _install if platform_version(module) else None


def _notebook(module: str) -> str:
    return next((said for name, said in NOTEBOOKS.items() if f"{module}.".startswith(f"{name}.")), "")


def _take_out(modules: list[str]) -> str:
    return " ".join(dict.fromkeys(f"{_notebook(module)}." for module in modules))


def _replace(modules: list[str]) -> str:
    last = {module: LAST_PYTHON[module.partition(".")[0]] for module in modules}
    return " ".join(f"The last Python with {name} is {python}: replace what uses it." for name, python in last.items())


def _install(modules: list[str]) -> str:
    versions = {usual_name(module): platform_version(module) for module in modules}
    pins = " ".join(f"{name}=={version}" for name, version in versions.items())
    has = _all_of([f"{name} {version}" for name, version in versions.items()])
    return (
        f"The platform has {has}, this environment has not: run the model in the image {IMAGE}, or pip install {pins} "
        f"(py{THIS_PYTHON}/requirements.txt has all of its packages)."
    )


def _leave_out(modules: list[str]) -> str:
    names = [usual_name(module) for module in modules]
    return (
        f"The platform does not have {_all_of(names)}: leave {_it(modules)} out of predict, use a package that it has, "
        "or export the weights as plain NumPy arrays."
    )


def _carry(modules: list[str]) -> str:
    return _own(modules, "carry")


def _carry_from_inside(modules: list[str]) -> str:
    return _own(modules, f"import {_it(modules)} outside of predict and carry")


def _own(modules: list[str], do: str) -> str:
    calls = ", ".join(f"cloudpickle.register_pickle_by_value({name})" for name in modules[:SHOWN_NAMES])
    file, package = ("it is your own file", "it is a package")
    if len(modules) > 1:
        file, package = ("they are your own files", "they are packages")
    return (
        f"If {file}, {do} {_it(modules)} inside the pickle: {calls}. If {package}, the platform does not have "
        f"{_it(modules)}: leave {_it(modules)} out of predict, or export the weights as plain NumPy arrays."
    )


def _better_python(names: list[str]) -> str:
    if THIS_PYTHON not in platform_pythons():
        return f"Use {_one_of(platform_pythons())}, as the platform does."
    venv = ROOT / ".venv" / THIS_PYTHON
    ready = venv / "predict/bin/python"
    if (venv / "predict.done").exists() and ready.exists():
        return f"Run it with {shlex.quote(str(ready))}, which has {_it(names)}, or in the image {IMAGE}."
    if (ROOT / "Makefile").exists():
        make = f"make -C {shlex.quote(str(ROOT))} demo PYTHON={shlex.quote(sys.executable)}"
        return f"Run it with {shlex.quote(str(ready))}, which this makes: {make}; or in the image {IMAGE}."
    pins = " ".join(f"{usual_name(name)}=={platform_version(name)}" for name in names)
    return (
        f"{shlex.quote(sys.executable)} -m pip install {pins} installs what is missing; or run it in the image {IMAGE}."
    )


def _it(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _one_of(pythons: Sequence[str]) -> str:
    return f"Python {', '.join(pythons[:-1])} or {pythons[-1]}"


def _all_of(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
