"""What is in the image, seen from inside, and what is not."""

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import subprocess
import unittest
from collections.abc import Iterator
from pathlib import Path

from lock import locked_versions
from packaging.utils import canonicalize_name

VENV = Path("/venv")
OURS = {"venv", "predict.py", "numerai_predict"}
TESTS = {"inside", "lock"}
DEBIAN = {
    *("bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "media", "mnt", "opt", "proc"),
    *("root", "run", "sbin", "srv", "sys", "tmp", "usr", "var", ".dockerenv"),
}
BUILD_TOOLS = (
    *("cc", "gcc", "g++", "clang", "ld", "as", "strip", "make", "cmake", "cargo", "nvcc"),
    *("git", "poetry", "uv", "curl", "wget"),
)
# Python 3.12 and later can read it, whose images have it compiled.
NOT_PYTHON = {"py312_intrinsics.py"}
# numba can use Intel's TBB in place of OpenMP; the platform has none either.
OPTIONAL_LIBRARIES = {"libtbb.so.12"}


def files_of_the_image() -> Iterator[tuple[Path, os.stat_result]]:
    """Every file and folder on the image's own file system."""
    here = os.stat("/").st_dev
    for folder, folders, files in os.walk("/"):
        folders[:] = [name for name in folders if os.lstat(os.path.join(folder, name)).st_dev == here]
        for name in folders + files:
            path = Path(folder, name)
            yield path, path.lstat()


class EnvironmentTest(unittest.TestCase):
    def test_installed_versions_are_the_locked_ones(self) -> None:
        installed = {canonicalize_name(found.name): found.version for found in importlib.metadata.distributions()}
        self.assertEqual(locked_versions(), installed)

    def test_every_module_has_bytecode_that_is_never_held_against_its_source(self) -> None:
        sources = [*(VENV / "lib").rglob("*.py"), *Path("/numerai_predict").rglob("*.py")]
        sources += [path for path in Path(os.__file__).parent.rglob("*.py") if "site-packages" not in path.parts]
        self.assertGreater(len(sources), 5_000)
        stale = []
        for source in sources:
            bytecode = Path(importlib.util.cache_from_source(str(source)))
            # https://peps.python.org/pep-0552: the second word is 1 for an unchecked hash.
            if not bytecode.exists() or bytecode.read_bytes()[4:8] != b"\1\0\0\0":
                stale.append(source)
        self.assertEqual([], [path for path in stale if path.name not in NOT_PYTHON])

    def test_every_shared_library_finds_what_it_needs(self) -> None:
        libraries = [path for path in VENV.rglob("*.so*") if path.is_file()]
        done = subprocess.run(["ldd", *libraries], capture_output=True, text=True, check=False)
        missing = {line.split()[0] for line in done.stdout.splitlines() if "not found" in line}
        # A library beside it, loaded before it, does as well as one that the loader finds.
        shipped = {path.name for path in libraries}
        self.assertEqual(set(), missing - shipped - OPTIONAL_LIBRARIES)

    def test_no_build_tool_is_there(self) -> None:
        self.assertEqual([], [tool for tool in BUILD_TOOLS if shutil.which(tool)])

    def test_nothing_of_ours_is_there_but_the_runtime(self) -> None:
        self.assertEqual(OURS, set(os.listdir("/")) - DEBIAN - TESTS)

    def test_no_package_manager_left_a_cache(self) -> None:
        places = ("/root/.cache", "/var/cache/apt", "/var/lib/apt/lists")
        left = [path for place in places for path in Path(place).rglob("*") if path.is_file() and path.stat().st_size]
        self.assertEqual([], left)

    def test_no_file_lends_another_users_rights(self) -> None:
        lending = [path for path, found in files_of_the_image() if found.st_mode & (stat.S_ISUID | stat.S_ISGID)]
        files = [path for path in lending if path.is_file()]
        self.assertEqual([], files)

    def test_nobody_but_the_owner_may_write_outside_temporary_folders(self) -> None:
        writable = [
            path
            for path, found in files_of_the_image()
            if found.st_mode & stat.S_IWOTH and not stat.S_ISLNK(found.st_mode) and not found.st_mode & stat.S_ISVTX
        ]
        self.assertEqual([], writable)
