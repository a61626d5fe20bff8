"""The rooms of the package: each has one face, and others see no more of it. import-linter holds who imports whom."""

import ast
import importlib
import json
import subprocess
import sys
import unittest
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.harness import ROOT

PACKAGE = ROOT / "numerai_predict"
FACES = sorted(PACKAGE.glob("*/__init__.py"))
ROOMS = {face.parent.name for face in FACES}
# Who may import a room: what runs as the runtime, and what shows users how to use it.
IMPORTERS = sorted([ROOT / "predict.py", *PACKAGE.rglob("*.py"), *ROOT.glob("examples/*.py")])
# Every command has one.
COMMON = {"main"}


def imports(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Every module of the package that a file imports, in functions too, with the names that it takes of it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or ""), [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)


def room_of(path: Path) -> str:
    """The room that a file is in; empty for one in none."""
    return path.parent.name if path.parent.parent == PACKAGE else ""


def exported(face: Path) -> list[str]:
    """The names in `__all__`."""
    for node in ast.parse(face.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names: list[str] = ast.literal_eval(node.value)
            return names
    return []


def trespasses(path: Path) -> Iterator[str]:
    """What a file imports of another room past its face."""
    for module, names in imports(path):
        room, _, inside = module.removeprefix("numerai_predict").removeprefix(".").partition(".")
        if module.startswith(".") or not module.startswith("numerai_predict") or room == room_of(path):
            continue
        if room in ROOMS and inside:
            yield module
        elif room in ROOMS:
            yield from (f"{module}.{name}" for name in set(names) - set(exported(PACKAGE / room / "__init__.py")))
        elif not room:
            yield from (f"numerai_predict.{name} as a whole" for name in ROOMS & set(names))


class FacesTest(unittest.TestCase):
    def test_no_file_imports_of_another_room_what_its_face_does_not_show(self) -> None:
        for path in IMPORTERS:
            with self.subTest(str(path.relative_to(ROOT))):
                self.assertEqual([], sorted(trespasses(path)))

    def test_no_module_is_imported_relatively(self) -> None:
        for path in IMPORTERS:
            with self.subTest(str(path.relative_to(ROOT))):
                self.assertEqual([], [module for module, _ in imports(path) if module.startswith(".")])

    def test_face_exports_one_by_one_exactly_what_it_imports(self) -> None:
        # That __all__ is sorted is ruff's matter.
        for face in FACES:
            with self.subTest(face.parent.name):
                inside = f"numerai_predict.{face.parent.name}."
                taken = [name for module, names in imports(face) if module.startswith(inside) for name in names]
                self.assertTrue(taken)
                self.assertCountEqual(taken, exported(face))

    def test_every_name_is_what_a_module_of_the_room_calls_so(self) -> None:
        # In a process of its own: a module that was imported before could hide the function of its name.
        program = "import importlib, json; print(json.dumps({room: [type(getattr(importlib.import_module("
        program += "f'numerai_predict.{room}'), name)).__name__ for name in names] for room, names in ROOMS.items()}))"
        names = {face.parent.name: exported(face) for face in FACES}
        argv = [sys.executable, "-c", f"ROOMS = {names!r}; {program}"]
        found = json.loads(subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
        self.assertEqual({room: len(of_room) for room, of_room in names.items()}, {r: len(k) for r, k in found.items()})
        self.assertEqual([], [room for room, kinds in found.items() if "module" in kinds])

    def test_name_that_a_room_does_not_export_is_an_attribute_error(self) -> None:
        for face in FACES:
            with self.subTest(face.parent.name), self.assertRaises(AttributeError):
                importlib.import_module(f"numerai_predict.{face.parent.name}").no_such_name  # noqa: B018


class NamesTest(unittest.TestCase):
    def test_no_two_modules_define_a_public_class_or_function_of_one_name(self) -> None:
        places = defaultdict(list)
        for path in sorted(PACKAGE.rglob("*.py")):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_"):
                    places[node.name].append(str(path.relative_to(PACKAGE)))
        twice = {name: found for name, found in places.items() if len(found) > 1 and name not in COMMON}
        self.assertEqual({}, twice)


if __name__ == "__main__":
    unittest.main()
