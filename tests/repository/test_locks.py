"""py3.*/: the locks hold what the platform has, by the table platform-packages.csv (April 2026), and no GPU package."""

import csv
import re
import sys
import unittest
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from tests.harness import ROOT, TESTS, VERSIONS

TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
GPU_PACKAGES = re.compile(r"nvidia-(?!ml-py$)|cuda-|triton$|.*-cu\d+$")  # nvidia-ml-py only asks the driver
NEWEST_GLIBC = 36  # 2.36 is that of Debian 12, which the images stand on

# The versions that the table has packages of; the column of one that the platform does not have yet is empty.
PLATFORM = ("3.10", "3.11", "3.12", "3.13")

# What the platform lists and we leave out: the reason, the versions, the packages.
LEFT_OUT = (
    ("GPU only", ("3.11", "3.12", "3.13"), "nvidia-*-cu12 triton"),
    ("GPU only", ("3.13",), "cuda-*"),
    ("not installed on Linux", PLATFORM, "colorama"),
    ("not installed on Linux", ("3.10",), "appnope pywin32 pywinpty"),
    ("cannot be imported under TensorFlow 2.16 or newer", PLATFORM, "tensorflow-estimator"),
    ("reads gs:// addresses; TensorFlow asks for it below 3.12 only", ("3.12",), "tensorflow-io-gcs-filesystem"),
    ("a linter", ("3.13",), "ruff"),
    ("type stubs", ("3.10",), "types-python-dateutil"),
    ("notebook: Jupyter", ("3.10",), "jupyter jupyter-* jupyterlab jupyterlab-* notebook notebook-shim terminado"),
    ("notebook: Jupyter", ("3.10",), "nbclient nbconvert nbformat pandocfilters send2trash argon2-cffi*"),
    ("notebook: widgets", ("3.10",), "ipywidgets widgetsnbextension"),
    ("notebook: kernel", ("3.10",), "ipykernel comm debugpy pyzmq"),
    ("notebook: IPython", ("3.10",), "ipython jedi parso matplotlib-inline traitlets prompt-toolkit"),
    ("notebook: IPython", ("3.10",), "stack-data asttokens executing pure-eval pexpect ptyprocess"),
)

# Pickles hold the inner state of these: another version may not read it, or may read it wrongly.
IN_PICKLES = {
    *("cloudpickle", "numpy", "pandas", "pyarrow", "polars", "scipy", "numba", "joblib", "scikit-learn", "statsmodels"),
    *("lightgbm", "xgboost", "catboost", "treelite", "ydf", "tensorflow", "keras", "jax", "jaxlib", "onnx"),
    *("torch", "skorch", "pytorch-lightning", "torchmetrics", "tabpfn", "numerapi", "numerai-tools", "numerblox"),
}

# Where we take another version all the same: the reason, the versions, the package, our version.
OTHER_VERSION = (
    ("3.x reads pickles of 2.x, 2.x not all of 3.x", ("3.10", "3.11", "3.12"), "cloudpickle", "3.1.2"),
    ("one build for all, without CUDA; reads older tensors", VERSIONS, "torch", "2.13.0+cpu"),
    ("1.1.0 cannot unpickle with torch 2.6 or newer", ("3.10", "3.11", "3.12"), "skorch", "1.2.0"),
    ("0.1.11 cannot be imported with this torch", ("3.10",), "tabpfn", "2.1.0"),
    ("0.4.11 comes without a jaxlib and cannot be imported", ("3.10",), "jax", "0.4.30"),
    ("the platform has none", ("3.10",), "jaxlib", "0.4.30"),
)

# Built without CUDA under another name; no build of xgboost-cpu is as old as the xgboost of 3.10.
CPU_TWINS = {"tensorflow": ("3.10", "3.11", "3.12", "3.13"), "xgboost": ("3.11", "3.12", "3.13")}

# Packages that no wheel exists of.
SOURCE_ONLY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Package:
    """A package of a poetry.lock."""

    name: str
    version: str
    files: list[dict[str, str]]
    markers: list[str]
    source: dict[str, str]


@dataclass(frozen=True)
class Folder:
    """A py3.* folder: its three files, and the platform's packages by name."""

    lock: dict[str, Package]
    pyproject: dict[str, Any]
    requirements: dict[str, tuple[str, str]]
    platform: dict[str, str]

    @property
    def torch_group(self) -> dict[str, Any]:
        group: dict[str, Any] = self.pyproject["tool"]["poetry"]["group"]["torch"]["dependencies"]
        return group


@cache
def read(version: str) -> Folder:
    folder = ROOT / f"py{version}"
    packages = tomllib.loads((folder / "poetry.lock").read_text())["package"]
    with (TESTS / "platform-packages.csv").open() as table:
        platform = {row["package"]: row[version] for row in csv.DictReader(table) if row.get(version)}
    requirements = {}
    for line in (folder / "requirements.txt").read_text().splitlines():
        if not line.startswith("#"):
            pin, _, marker = line.partition(" ; ")
            name, _, pinned = pin.partition("==")
            requirements[name] = (pinned, marker)
    return Folder(
        {entry["name"]: package_of(entry) for entry in packages},
        tomllib.loads((folder / "pyproject.toml").read_text()),
        requirements,
        platform,
    )


def package_of(entry: dict[str, Any]) -> Package:
    markers = entry.get("markers", "")
    # One for all dependency groups, or one each; a group without one always wants the package.
    by_group = markers if isinstance(markers, dict) else dict.fromkeys(entry["groups"], markers)
    needed = [by_group.get(group, "") for group in entry["groups"]]
    return Package(entry["name"], entry["version"], entry["files"], needed, entry.get("source", {}))


def on_linux(markers: Iterable[str], version: str) -> bool:
    """Whether one of the environment markers holds on Linux x86_64."""
    values = {
        **{"platform_system": "Linux", "sys_platform": "linux", "os_name": "posix", "platform_machine": "x86_64"},
        **{"platform_python_implementation": "CPython", "implementation_name": "cpython", "python_version": version},
    }
    for marker in markers:
        if re.search("[<>]", marker):
            raise ValueError(f"compares versions, which are no text: {marker}")
        if not marker or eval(marker, {"__builtins__": {}}, values):  # A marker without < and > is Python.
            return True
    return False


def is_wheel_for_linux(file_name: str, version: str) -> bool:
    """Whether pip takes the file under that Python on Debian 12, x86_64."""
    if not file_name.endswith(".whl"):
        return False
    pythons, abis, platforms = (part.split(".") for part in file_name[: -len(".whl")].split("-")[-3:])
    return (
        any(is_abi_for(python, abi, version) for python in pythons for abi in abis)
        and any(map(is_platform_for_linux, platforms))
    )  # fmt: skip


def is_abi_for(python: str, abi: str, version: str) -> bool:
    implementation, minor = python[:2], int(python[3:] or 0)
    ours = int(version.partition(".")[2])
    if implementation == "py" and abi == "none":
        return python[2] == "3" and minor <= ours
    if implementation == "cp" and abi == "abi3":
        return python[2] == "3" and minor <= ours
    return python == f"cp3{ours}" and abi in (python, "none")


def is_platform_for_linux(platform: str) -> bool:
    if platform in ("any", "linux_x86_64", "manylinux1_x86_64", "manylinux2010_x86_64", "manylinux2014_x86_64"):
        return True
    glibc = re.fullmatch(r"manylinux_2_(\d+)_x86_64", platform)
    return glibc is not None and int(glibc[1]) <= NEWEST_GLIBC


def linux_name(package: str, version: str) -> str:
    return f"{package}-cpu" if version in CPU_TWINS.get(package, ()) else package


def left_out(version: str) -> list[str]:
    """The names and patterns that this version's lock need not hold."""
    return [pattern for _, versions, patterns in LEFT_OUT if version in versions for pattern in patterns.split()]


def other_versions(version: str) -> dict[str, str]:
    return {package: ours for _, versions, package, ours in OTHER_VERSION if version in versions}


def direct_dependencies(folder: Folder) -> dict[str, tuple[str, str]]:
    """Version and environment marker of what pyproject.toml names; the version is empty where it is not fixed."""
    found = {}
    for dependency in folder.pyproject["project"]["dependencies"]:
        pin, _, marker = dependency.partition(";")
        name = re.split(r"[^\w.-]", pin)[0]
        found[name] = (pin.partition("==")[2].strip(), marker.strip().replace("'", '"'))
    for name, pin in folder.torch_group.items():
        text = pin if isinstance(pin, str) else pin["version"]
        found[name] = (text.lstrip("="), "")
    return found


def as_numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


class FolderTest(unittest.TestCase):
    def fail_with(self, problems: Iterable[str]) -> None:
        """Say all problems of one version at once."""
        lines = sorted(problems)
        if lines:
            self.fail("\n  " + "\n  ".join(lines))

    def is_in_lock_for_linux(self, package: str, version: str) -> bool:
        entry = read(version).lock.get(linux_name(package, version))
        return entry is not None and on_linux(entry.markers, version)


class PlatformTest(FolderTest):
    def test_table_of_the_platform_has_a_column_for_each_folder(self) -> None:
        with (TESTS / "platform-packages.csv").open() as table:
            columns = next(csv.reader(table))
        self.assertEqual(columns, ["package", *VERSIONS])

    def test_package_of_the_platform_is_in_the_lock(self) -> None:
        for version in VERSIONS:
            folder = read(version)
            with self.subTest(version=version):
                self.fail_with(
                    f"{linux_name(package, version)}: not in the lock; the platform has {package} {theirs}"
                    for package, theirs in folder.platform.items()
                    if not self.is_in_lock_for_linux(package, version)
                    and not any(fnmatchcase(package, pattern) for pattern in left_out(version))
                )

    def test_package_of_the_platform_in_the_lock_is_not_older(self) -> None:
        for version in VERSIONS:
            folder = read(version)
            with self.subTest(version=version):
                self.fail_with(
                    f"{package}: {folder.lock[package].version}; the platform has {theirs}"
                    for package, theirs in folder.platform.items()
                    if package in folder.lock and as_numbers(folder.lock[package].version) < as_numbers(theirs)
                )

    def test_package_left_out_is_one_of_the_platform_and_not_in_the_lock(self) -> None:
        for version in VERSIONS:
            for pattern in left_out(version):
                with self.subTest(version=version, pattern=pattern):
                    matching = [name for name in read(version).platform if fnmatchcase(name, pattern)]
                    self.assertTrue(matching, "the platform has no such package")
                    self.fail_with(
                        f"{name}: in the lock" for name in matching if self.is_in_lock_for_linux(name, version)
                    )

    def test_package_in_pickles_has_the_version_of_the_platform(self) -> None:
        for version in VERSIONS:
            folder = read(version)
            expected = {name: theirs for name, theirs in folder.platform.items() if name in IN_PICKLES}
            expected.update(other_versions(version))
            for package in [name for name in expected if linux_name(name, version) != name]:
                expected[linux_name(package, version)] = expected[package]
            found = {name: folder.lock[name].version if name in folder.lock else "none" for name in expected}
            with self.subTest(version=version):
                self.fail_with(
                    f"{name}: {found[name]}, but {wanted} reads the pickles"
                    for name, wanted in expected.items()
                    if found[name] != wanted
                )

    def test_package_of_another_version_differs_from_the_platform(self) -> None:
        for version in VERSIONS:
            with self.subTest(version=version):
                theirs = read(version).platform
                self.fail_with(
                    f"{package}: {ours} is the platform's version by now, or no pickle holds its state"
                    for package, ours in other_versions(version).items()
                    if theirs.get(package) == ours or package not in IN_PICKLES
                )

    def test_packages_in_pickles_are_the_platforms(self) -> None:
        known = {package for version in VERSIONS for package in read(version).platform}
        self.assertEqual(IN_PICKLES - known, set())


class LockTest(FolderTest):
    def test_cpu_twin_is_in_the_lock_beside_its_original(self) -> None:
        for version in VERSIONS:
            lock = read(version).lock
            twins = {name.removesuffix("-cpu") for name in lock if name.endswith("-cpu")}
            with self.subTest(version=version):
                self.assertEqual(twins, {package for package, versions in CPU_TWINS.items() if version in versions})
                self.fail_with(
                    f"{twin}-cpu: {lock[f'{twin}-cpu'].version}, but {twin} {lock[twin].version}"
                    for twin in twins
                    if lock[f"{twin}-cpu"].version != lock[twin].version
                )
                # Others require tensorflow without a marker: it stays in the lock, and the images do not install it.
                self.fail_with(
                    f"{twin}: would be installed beside {twin}-cpu"
                    for twin in twins - {"tensorflow"}
                    if on_linux(lock[twin].markers, version)
                )

    def test_lock_holds_no_gpu_package(self) -> None:
        for version in VERSIONS:
            with self.subTest(version=version):
                lock = read(version).lock
                self.fail_with(f"{name}: needs a GPU" for name in lock if GPU_PACKAGES.match(name))
                self.assertIn("+cpu", lock["torch"].version)

    def test_lock_takes_torch_alone_from_the_index_without_cuda(self) -> None:
        for version in VERSIONS:
            folder = read(version)
            with self.subTest(version=version):
                [index] = folder.pyproject["tool"]["poetry"]["source"]
                self.assertEqual((index["url"], index["priority"]), (TORCH_INDEX, "explicit"))
                self.assertEqual(folder.torch_group["torch"]["source"], index["name"])
                elsewhere = {name: package.source for name, package in folder.lock.items() if package.source}
                reference = {"type": "legacy", "url": TORCH_INDEX, "reference": index["name"]}
                self.assertEqual(elsewhere, {"torch": reference})

    def test_file_in_the_lock_has_a_sha256(self) -> None:
        for version in VERSIONS:
            with self.subTest(version=version):
                lock = read(version).lock.values()
                self.fail_with(
                    f"{file['file']}: {file.get('hash', 'no hash')}"
                    for package in lock
                    for file in package.files
                    if not re.fullmatch("sha256:[0-9a-f]{64}", file.get("hash", ""))
                )

    def test_package_in_the_lock_has_a_wheel_for_linux(self) -> None:
        for version in VERSIONS:
            with self.subTest(version=version):
                without = {
                    name
                    for name, package in read(version).lock.items()
                    if on_linux(package.markers, version)
                    and not any(is_wheel_for_linux(file["file"], version) for file in package.files)
                }
                self.fail_with(f"{name}: no wheel for Python {version} on x86_64" for name in without - SOURCE_ONLY)
                self.assertEqual(SOURCE_ONLY - without, set(), "these have wheels by now")

    def test_direct_dependency_is_in_the_lock(self) -> None:
        for version in VERSIONS:
            folder = read(version)
            with self.subTest(version=version):
                self.fail_with(
                    f"{name} {pinned}: {folder.lock[name].version if name in folder.lock else 'none'} in the lock"
                    for name, (pinned, _) in direct_dependencies(folder).items()
                    if name not in folder.lock or pinned not in ("", folder.lock[name].version)
                )


class RequirementsTest(FolderTest):
    def test_requirements_pin_what_the_lock_holds(self) -> None:
        for version in VERSIONS:
            folder = read(version)
            # Not +cpu: macOS has no such build, and pip users name the index of their own.
            locked = {name: package.version.partition("+")[0] for name, package in folder.lock.items()}
            pinned = {name: pinned for name, (pinned, _) in folder.requirements.items()}
            with self.subTest(version=version):
                self.fail_with(
                    f"{name}: {locked.get(name, 'none')} in the lock, {pinned.get(name, 'none')} in requirements.txt"
                    for name in locked.keys() | pinned.keys()
                    if locked.get(name) != pinned.get(name)
                )

    def test_requirements_install_no_gpu_package_on_linux(self) -> None:
        for version in VERSIONS:
            folder = read(version)
            with self.subTest(version=version):
                self.fail_with(
                    f"{name} ; {marker}: brings CUDA along"
                    for name, (_, marker) in folder.requirements.items()
                    if on_linux([marker], version) and (GPU_PACKAGES.match(name) or linux_name(name, version) != name)
                )

    def test_requirements_keep_the_markers_of_direct_dependencies(self) -> None:
        for version in VERSIONS:
            folder = read(version)
            with self.subTest(version=version):
                self.fail_with(
                    f"{name}: {marker!r} in pyproject.toml, {folder.requirements[name][1]!r} in requirements.txt"
                    for name, (_, marker) in direct_dependencies(folder).items()
                    if marker and name in folder.requirements and folder.requirements[name][1] != marker
                )

    def test_requirements_without_a_marker_in_pyproject_install_on_every_machine(self) -> None:
        for version in VERSIONS:
            folder = read(version)
            always = ("", f'python_version == "{version}"')
            with self.subTest(version=version):
                self.fail_with(
                    f"{name}: {folder.requirements[name][1]!r}"
                    for name, (_, marker) in direct_dependencies(folder).items()
                    if not marker and name in folder.requirements and folder.requirements[name][1] not in always
                )
