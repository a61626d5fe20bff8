"""stub_unpickler.py under anything that a pickle can be: random bytes and opcodes, damaged and hostile pickles, and
real ones, on which it has to agree with the unpickler of the standard library.
"""

import _compat_pickle
import collections
import contextlib
import copyreg
import datetime
import enum
import functools
import importlib
import io
import json
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import cloudpickle
import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor  # type: ignore[import-untyped]
from sklearn.linear_model import LinearRegression, Ridge  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

from numerai_predict.inspection import inspect
from numerai_predict.inspection.stub_unpickler import Traces, trace
from tests.corpus.hostile import BOMBS, BROKEN, hostile_pickles
from tests.corpus.streams import HARMLESS_NAMES, HARMLESS_STRINGS, HOSTILE_NAMES, HOSTILE_STRINGS, assemble
from tests.examples import examples
from tests.harness import TESTS, PredictTestCase
from tests.writers import OWN, TRAPS, corpus

few, many = examples(100), examples(300)

# What one of the damaged pickles may take: without a limit, one wrong index of the memo costs 32 GB.
MEMORY_BYTES = 512 << 20
EXTENSION = 0xF0
# Of a process that inspects one hostile pickle.
LIMIT_BYTES = 1 << 30
LIMIT_S = 10
DEADLINE_S = 0.5
SPARE_S = 2
sprung: list[tuple[Any, ...]] = []


def spring(*args: Any) -> None:
    """What no pickle may get called."""
    sprung.append(args)


class InspectorTestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        before = resource.getrlimit(resource.RLIMIT_DATA)
        used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_DATA, (used + MEMORY_BYTES, before[1]))
        cls.addClassCleanup(resource.setrlimit, resource.RLIMIT_DATA, before)
        inspect.inspect_pickle(io.BytesIO(REAL[0]), "model.pkl")  # It may import something of its own the first time.

    def inspect(self, content: bytes) -> Traces:
        """Everything that is ever done with a pickle before it is loaded; it changes nothing in this process."""
        before = state_of_the_process()
        # Of a byte array too large to be had, CPython itself prints a SystemError about exported buffers.
        with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.redirect_stderr(io.StringIO()):
            traces = trace(io.BytesIO(content))
            inspect.inspect_pickle(io.BytesIO(content), "model.pkl")
        self.assertEqual((before, ""), (state_of_the_process(), printed.getvalue()))
        self.assertEqual([], sprung)
        return traces


def state_of_the_process() -> tuple[Any, ...]:
    """What an import or a call would change."""
    tables = (copyreg.dispatch_table, vars(copyreg)["_extension_registry"], vars(copyreg)["_inverted_registry"])
    return set(sys.modules), *(dict(table) for table in tables), list(sys.path), os.getcwd(), dict(os.environ)


# Streams of opcodes

choices = st.lists(st.integers(0, 1 << 20), max_size=80)


class StreamTest(InspectorTestCase):
    @many
    @given(st.binary(max_size=200))
    def test_random_bytes_are_inspected_and_raise_nothing(self, content: bytes) -> None:
        self.inspect(content)
        self.inspect(b"\x80\x04" + content + b".")

    @many
    @given(choices, st.integers(0, 5))
    def test_valid_opcodes_on_hostile_names_are_inspected_and_call_nothing(
        self, choices: list[int], protocol: int
    ) -> None:
        self.inspect(assemble(choices, [*HOSTILE_NAMES, f"{__name__}:spring"], HOSTILE_STRINGS, protocol))

    @many
    @given(choices, st.integers(0, 5))
    def test_valid_opcodes_that_load_name_what_the_real_unpickler_looks_up(
        self, choices: list[int], protocol: int
    ) -> None:
        content = assemble(choices, HARMLESS_NAMES, HARMLESS_STRINGS, protocol)
        looked_up = really_looked_up(content)
        if looked_up is not None:
            self.assertEqual(looked_up, self.inspect(content).globals)

    def test_module_that_nobody_has_imported_yet_is_named_and_not_imported(self) -> None:
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(sys, "path", [folder, *sys.path]):
            (Path(folder) / "canary.py").write_text("def sing(): pass\n")
            importlib.invalidate_caches()
            for reference in (b"ccanary\nsing\n)R.", b"\x80\x04\x8c\x06canary\x8c\x04sing\x93)R."):
                with self.subTest(reference=reference):
                    self.assertEqual({("canary", "sing")}, self.inspect(reference).globals)
            self.assertNotIn("canary", sys.modules)

    def test_registered_extension_is_named_and_neither_called_nor_replaced(self) -> None:
        copyreg.add_extension(__name__, "spring", EXTENSION)
        self.addCleanup(copyreg.remove_extension, __name__, "spring", EXTENSION)
        reference = b"\x80\x02\x82" + bytes([EXTENSION])
        for cached in (False, True):  # Once it has been loaded, the unpickler has it at hand.
            with self.subTest(cached=cached):
                self.assertEqual({(__name__, "spring")}, self.inspect(reference + b")R.").globals)
                self.assertIs(spring, pickle.loads(reference + b"."))

    def test_strategy_of_opcodes_makes_mostly_pickles_that_can_be_read(self) -> None:
        numbers = [[(place * 7919 + start * 104729) % (1 << 20) for place in range(40)] for start in range(200)]
        streams = [assemble(row, HOSTILE_NAMES, HOSTILE_STRINGS) for row in numbers]
        self.assertGreater(sum(trace(io.BytesIO(stream)).complete for stream in streams), 100)


# Damaged pickles

REAL = [
    pickle.dumps(value, protocol) for value in (LinearRegression(), pd.DataFrame({"a": [0.5]})) for protocol in (2, 5)
]
damages = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), min_size=1, max_size=6)


def whole_pickles() -> list[bytes]:
    return [*REAL, *(sample.content for sample in corpus())]


class DamageTest(InspectorTestCase):
    @many
    @given(st.integers(0), damages)
    def test_pickle_with_changed_bytes_is_inspected_and_raises_nothing(
        self, which: int, damages: list[tuple[int, int]]
    ) -> None:
        content = bytearray(chosen(which))
        for place, value in damages:
            content[place % len(content)] = value
        self.inspect(bytes(content))

    @few
    @given(st.integers(0), st.integers(0))
    def test_pickle_that_is_cut_is_inspected_but_not_complete(self, which: int, place: int) -> None:
        whole = chosen(which)
        self.assertFalse(self.inspect(whole[: place % len(whole)]).complete)

    @few
    @given(st.integers(0), st.integers(0), st.integers(0), st.integers(0))
    def test_two_halves_of_pickles_are_inspected_and_raise_nothing(
        self, which: int, end: int, other: int, start: int
    ) -> None:
        first, second = chosen(which), chosen(other)
        self.inspect(first[: end % len(first)] + second[start % len(second) :])


def chosen(which: int) -> bytes:
    whole = whole_pickles()
    return whole[which % len(whole)]


# Real pickles


@dataclass
class Point:
    x: float
    label: str = ""


class Color(enum.Enum):
    RED = 1
    GREEN = "g"


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def __getstate__(self) -> tuple[None, dict[str, object]]:
        return None, {"value": self.value}


class Keywords:
    """Made with keywords, which protocols 2 and 3 write as a call of a functools.partial."""

    value: object

    def __new__(cls, value: object) -> "Keywords":
        self = super().__new__(cls)
        self.value = value
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, object]]:
        return (), {"value": self.value}


class Outer:
    class Inner(list[object]):
        """Has a dotted name, items, and attributes."""


def nested(values: list[object]) -> Outer.Inner:
    made = Outer.Inner(values)
    made.note = "attribute"  # type: ignore[attr-defined]
    return made


def recursive(values: list[object]) -> list[object]:
    values.append({"again": values, "twice": (values, values)})
    return values


FEATURES = np.arange(40.0).reshape(20, 2)
TARGET = FEATURES[:, 0] ** 2
THINGS = [
    *(LinearRegression().fit(FEATURES, TARGET), make_pipeline(StandardScaler(), Ridge()).fit(FEATURES, TARGET)),
    RandomForestRegressor(2, max_depth=2, random_state=0).fit(FEATURES, TARGET),
    *(np.arange(6.0).reshape(2, 3), np.asfortranarray(np.eye(3)), np.array(["a", None, 1], dtype=object)),
    *(np.array(["2026-01-01"], dtype="M8[D]"), np.zeros(2, dtype=[("a", "f4"), ("b", "i8")]), np.float32(0.5)),
    *(np.random.default_rng(1), np.random.RandomState(1), np.int8),
    pd.DataFrame({"a": [0.5], "b": ["x"], "c": pd.Categorical(["y"]), "d": pd.Timestamp("2026-01-01")}),
    pd.Series([1, 2], index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
    *(pd.period_range("2026", periods=2), pd.Series([True, None], dtype="boolean")),
    *(Point, Outer.Inner, len, os.path.join, datetime.timezone.utc, Path("a"), range(3)),
]
leaves = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.text(), st.binary()),
    *(st.binary().map(bytearray), st.decimals(), st.fractions(), st.datetimes(timezones=st.timezones()), st.uuids()),
    *(st.timedeltas(), st.times(), st.sampled_from(Color)),
    st.integers(0, len(THINGS) - 1).map(lambda index: THINGS[index]),
)
hashable = st.one_of(st.integers(), st.text(), st.decimals(allow_nan=False), st.fractions(), st.sampled_from(Color))


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists, dicts = st.lists(inner, max_size=3), st.dictionaries(hashable, inner, max_size=3)
    sets = st.sets(hashable, max_size=3)
    wrappers = (
        Slotted,
        Keywords,
        functools.partial(Point, label="p"),
        functools.partial(functools.partial, max),
    )
    return st.one_of(
        *(lists, lists.map(tuple), lists.map(recursive), lists.map(nested), lists.map(collections.deque)),
        *(dicts, dicts.map(collections.OrderedDict), dicts.map(lambda pairs: collections.defaultdict(list, pairs))),
        *(sets, sets.map(frozenset), sets.map(collections.Counter), lists.map(lambda args: ValueError(*args))),
        *(st.builds(wrapper, inner) for wrapper in wrappers),
    )


PICKLERS: dict[str, Callable[[Any, int], bytes]] = {
    "C": pickle.dumps,
    "Python": vars(pickle)["_dumps"],
    # Another test may have this module pickled by value, and the fields of its dataclass cannot be before protocol 2.
    "cloudpickle": lambda value, protocol: bytes(cloudpickle.dumps(value, max(protocol, 2))),
}


class Recording(pickle.Unpickler):
    """Loads, and keeps what is looked up, by the names of Python 3."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content))
        self.is_of_python_2 = content[:1] != b"\x80" or content[1] < 3
        self.names: set[tuple[str, str]] = set()

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        if self.is_of_python_2 and (module, name) in _compat_pickle.NAME_MAPPING:
            module, name = _compat_pickle.NAME_MAPPING[module, name]
        elif self.is_of_python_2:
            module = _compat_pickle.IMPORT_MAPPING.get(module, module)
        self.names.add((module, name))
        return found


def really_looked_up(content: bytes) -> set[tuple[str, str]] | None:
    """What loading the pickle looks up; None if it does not load."""
    recording = Recording(content)
    try:
        recording.load()
    except Exception:
        return None
    return recording.names


class AgreementTest(InspectorTestCase):
    def check_agreement(self, content: bytes) -> None:
        looked_up = really_looked_up(content)
        assert looked_up is not None
        traces = self.inspect(content)
        self.assertIsNone(traces.error)
        self.assertTrue(traces.complete)
        self.assertEqual(looked_up, traces.globals)

    @many
    @given(st.recursive(leaves, containers, max_leaves=6), st.integers(0, 5), st.sampled_from(sorted(PICKLERS)))
    def test_pickle_of_any_objects_names_what_the_real_unpickler_looks_up(
        self, value: object, protocol: int, pickler: str
    ) -> None:
        self.check_agreement(PICKLERS[pickler](value, protocol))

    def test_model_of_this_python_names_what_the_real_unpickler_looks_up(self) -> None:
        for sample in corpus():
            if sample.python == OWN and sample.shape not in TRAPS:
                with self.subTest(str(sample)):
                    self.check_agreement(sample.content)


# Hostile pickles


def inspected(content: bytes) -> dict[str, Any]:
    """What limited.py says of a pickle; {"died": status, "error": log} if it did not get to its end."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pkl"
        path.write_bytes(content)
        command = [sys.executable, TESTS / "corpus/limited.py", path, LIMIT_BYTES, LIMIT_S, DEADLINE_S]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        return {"died": done.returncode, "error": done.stderr.strip().rpartition("\n")[2]}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class HostileTest(unittest.TestCase):
    results: ClassVar[dict[str, dict[str, Any]]] = {}

    @classmethod
    def setUpClass(cls) -> None:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            running = {name: pool.submit(inspected, content) for name, content in hostile_pickles()}
            cls.results = {name: future.result() for name, future in running.items()}

    def test_hostile_pickle_is_inspected_within_time_and_memory(self) -> None:
        for name, result in self.results.items():
            with self.subTest(name):
                self.assertNotIn("died", result)
                self.assertLess(result["seconds"], DEADLINE_S + SPARE_S)
                self.assertLess(result["peak_bytes"], LIMIT_BYTES)

    def test_pickle_that_nobody_can_read_is_not_complete(self) -> None:
        for name in BROKEN:
            with self.subTest(name):
                self.assertFalse(self.results[name]["complete"])
                self.assertTrue(self.results[name]["error_kind"])


class BombTest(PredictTestCase):
    def test_pickle_that_stops_the_inspector_itself_ends_the_run_within_its_limits(self) -> None:
        for code, content in BOMBS.items():
            with self.subTest(code):
                path = self.folder / "model.pkl"
                path.write_bytes(content)
                # On a busy machine a second of computing, ahead of a crash, takes much more.
                run = self.predict(path, "--time_limit", "8" if code == "timeout" else "60")
                self.assertEqual((1, code, []), (run.status, run.code, run.csvs), run.stderr)
                self.assertIn("while inspecting", run.report["fault"]["message"])
