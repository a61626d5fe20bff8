"""images/layers.py on a made-up environment; what the layers of a real one weigh, images/pull.py prints."""

import hashlib
import re
import subprocess
import sys
import tempfile
import unittest
from importlib.util import cache_from_source
from pathlib import Path

from tests.harness import ROOT

sys.path.append(str(ROOT / "images"))

from layers import LAYERS, REST

PACKAGES = Path("venv/lib/python3.11/site-packages")


class DivideTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def install(self, root: Path, distribution: str, *files: str) -> None:
        """Write a distribution's files, relative to site-packages, and the record of them; bytecode is none of it."""
        record = f"{distribution}-1.0.dist-info"
        for file in (*files, f"{record}/METADATA"):
            path = root / PACKAGES / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
            if path.suffix == ".py":
                bytecode = Path(cache_from_source(str(path)))
                bytecode.parent.mkdir(exist_ok=True)
                bytecode.touch()
        dropped = f"{distribution}/tests/test_it.py"
        lines = [f"{file},," for file in (*files, f"{record}/METADATA", f"{record}/RECORD", dropped)]
        (root / PACKAGES / record / "RECORD").write_text("\n".join(lines))

    def divide(self, environment: Path, into: Path) -> None:
        command = [sys.executable, str(ROOT / "images/layers.py"), str(environment / "venv"), str(into)]
        subprocess.run(command, check=True)

    def files(self, layer: str) -> set[str]:
        """What is in a layer, by its path in the image, but for what each library has beside its code."""
        top = self.folder / "built" / layer
        found = {str(path.relative_to(top)) for path in top.rglob("*") if not path.is_dir() or path.is_symlink()}
        return {path.removeprefix(f"{PACKAGES}/") for path in found if ".dist-info" not in path}

    def test_files_of_a_library_are_in_its_layer_and_all_others_in_the_last(self) -> None:
        root = self.folder
        self.install(root, "tensorflow_cpu", "tensorflow/__init__.py", "../../../bin/saved_model_cli")
        self.install(root, "numpy", "numpy/core.py", "numpy.libs/libopenblas.so")
        self.install(root, "Google.Auth", "google/auth.py")
        self.install(root, "six", "six.py")
        (root / "venv/lib64").symlink_to("lib")
        self.divide(root, root / "built")
        tag = sys.implementation.cache_tag
        expected = {
            "tensorflow": {
                *("tensorflow/__init__.py", f"tensorflow/__pycache__/__init__.{tag}.pyc", "venv/bin/saved_model_cli")
            },
            "arrays": {"numpy/core.py", f"numpy/__pycache__/core.{tag}.pyc", "numpy.libs/libopenblas.so"},
            REST: {
                *("google/auth.py", f"google/__pycache__/auth.{tag}.pyc"),
                *("six.py", f"__pycache__/six.{tag}.pyc", "venv/lib64"),
            },
        }
        for layer in (*LAYERS, REST):
            self.assertEqual(expected.get(layer, set()), self.files(layer), layer)
        self.assertFalse((root / "venv").exists())
        self.assertTrue((root / "built/torch").is_dir(), "an empty layer is a folder too, for COPY")
        self.assertEqual(
            {"arrays", "tensorflow", REST}, {found.parts[-6] for found in root.glob(f"built/*/{PACKAGES}/*.dist-info")}
        )

    def test_library_that_gets_another_folder_changes_only_its_layer(self) -> None:
        trees = []
        for name, folder in (("before", "a"), ("after", "b")):
            root = self.folder / name
            self.install(root, "torch", f"torch/{folder}/code.py")
            self.install(root, "scipy", "scipy/code.py")
            self.install(root, "six", "six.py")
            self.divide(root, root / "built")
            trees.append({layer: digest(root / "built" / layer) for layer in (*LAYERS, REST)})
        before, after = trees
        self.assertEqual({"torch"}, {layer for layer in before if before[layer] != after[layer]})


def digest(folder: Path) -> str:
    """A hash of all paths and contents, those of empty folders included."""
    paths = sorted(folder.rglob("*"))
    content = [(str(path.relative_to(folder)), path.read_text() if path.is_file() else "") for path in paths]
    return hashlib.sha256(repr(content).encode()).hexdigest()


class LayersTest(unittest.TestCase):
    def test_dockerfiles_copy_every_layer_in_this_order_and_the_system_last(self) -> None:
        for dockerfile in sorted(ROOT.glob("py3.*/Dockerfile")):
            copied = re.findall(r"^COPY --from=(\w+) (\S+) /$", dockerfile.read_text(), re.MULTILINE)
            layers = [("environment", f"/built/{layer}") for layer in (*LAYERS, REST)]
            self.assertEqual([*layers, ("system", "/")], copied)

    def test_every_distribution_of_a_layer_is_in_a_lock_and_in_no_other_layer(self) -> None:
        locks = "\n".join(path.read_text() for path in ROOT.glob("py3.*/poetry.lock"))
        locked = set(re.findall(r'^name = "(.+)"$', locks, re.MULTILINE))
        named = [name for names in LAYERS.values() for name in names]
        self.assertEqual([], [name for name in named if name not in locked])
        self.assertEqual(len(named), len(set(named)))


if __name__ == "__main__":
    unittest.main()
