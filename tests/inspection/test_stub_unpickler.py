"""stub_unpickler.py: what a pickle asks for is noted, and none of it is done."""

import copyreg
import datetime
import functools
import gzip
import importlib
import io
import json
import os
import pickle
import re
import sys
import tempfile
import time
import types
import unittest
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, Union, cast
from unittest import mock

import cloudpickle
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression  # type: ignore[import-untyped]

from numerai_predict.inspection import stub_unpickler
from numerai_predict.inspection.stub_unpickler import Function, Method, Partial, Standin, Traces, trace
from tests.harness import by_value


def trace_bytes(content: bytes) -> Traces:
    return trace(io.BytesIO(content))


def trace_of(value: Any, protocol: int = pickle.DEFAULT_PROTOCOL) -> Traces:
    traces = trace_bytes(pickle.dumps(value, protocol))
    if not traces.complete:
        raise AssertionError(traces.error)
    return traces


def scale(live_features: Any, factor: float = 2.0) -> Any:
    return live_features * factor


class Calls:
    """Pickled as a call of any function with any arguments."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


class NothingHappensTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.trap = Path(folder.name) / "trap"

    def test_calls_of_a_pickle_are_noted_and_not_made(self) -> None:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with self.subTest(protocol=protocol):
                traces = trace_of([Calls(os.mkdir, str(self.trap)), Calls(exec, "raise SystemExit")], protocol)
                self.assertLessEqual({("posix", "mkdir"), ("builtins", "exec")}, traces.globals)
                self.assertFalse(self.trap.exists())

    def test_modules_that_a_pickle_names_are_not_imported(self) -> None:
        before = set(sys.modules)
        traces = trace_bytes(b"\x80\x04cantigravity\nfly\n.")
        self.assertEqual({("antigravity", "fly")}, traces.globals)
        self.assertEqual(before, set(sys.modules))

    def test_subimport_of_cloudpickle_is_noted_and_not_done(self) -> None:
        sys.modules.pop("this", None)
        traces = trace_bytes(pickle.dumps(Calls(cloudpickle.cloudpickle.subimport, "this")))
        self.assertEqual({"this"}, traces.subimports)
        self.assertNotIn("this", sys.modules)

    def test_object_in_the_cache_of_extensions_is_not_given_out(self) -> None:
        copyreg.add_extension("posix", "mkdir", 240)
        self.addCleanup(copyreg.remove_extension, "posix", "mkdir", 240)
        pickle.loads(b"\x80\x02\x82\xf0.")
        traces = trace_bytes(
            b"\x80\x02\x82\xf0(X" + len(str(self.trap)).to_bytes(4, "little") + str(self.trap).encode() + b"tR."
        )
        self.assertEqual({("posix", "mkdir")}, traces.globals)
        self.assertFalse(self.trap.exists())
        self.assertIs(os.mkdir, pickle.loads(b"\x80\x02\x82\xf0."))

    def test_state_cannot_change_what_we_hold(self) -> None:
        function = pickle.loads(cloudpickle.dumps(scale)) and by_value(scale)
        for opcodes in (b"}X\x04\x00\x00\x00codeK\x01sb.", b"N}X\x04\x00\x00\x00codeK\x01s\x86b."):
            traces = trace_bytes(function[:-1] + opcodes)
            self.assertTrue(traces.complete, traces.error)
            self.assertEqual("scale", cast(Function, traces.top).code.name)


class StandinTest(unittest.TestCase):
    def test_plain_data_is_itself(self) -> None:
        for value in (
            None,
            7,
            0.5,
            "text",
            b"bytes",
            [1, [2]],
            (1, 2),
            {"a": {1}},
            {1, 2},
            frozenset({3}),
            bytearray(b"x"),
        ):
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                with self.subTest(value=value, protocol=protocol):
                    self.assertEqual(value, trace_of(value, protocol).top)

    def test_global_and_its_instance_are_told_apart(self) -> None:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with self.subTest(protocol=protocol):
                named = cast(Standin, trace_of(OrderedDict, protocol).top)
                made = cast(Standin, trace_of(OrderedDict(a=1), protocol).top)
                self.assertEqual(("collections", "OrderedDict", None), (named.module, named.name, named.of))
                self.assertEqual("OrderedDict", cast(Standin, made.of).name)

    def test_instance_of_a_plain_class_knows_its_class(self) -> None:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with self.subTest(protocol=protocol):
                made = cast(Standin, trace_of(Traces(), protocol).top)
                self.assertEqual("Traces", cast(Standin, made.of).name)

    def test_names_of_python_2_are_those_of_python_3(self) -> None:
        self.assertEqual(
            {("builtins", "set"), ("copyreg", "_reconstructor")},
            trace_bytes(b"\x80\x02c__builtin__\nset\nccopy_reg\n_reconstructor\n\x86.").globals,
        )
        self.assertEqual({("copy_reg", "x")}, trace_bytes(b"\x80\x03ccopy_reg\nx\n.").globals)

    def test_function_is_rebuilt_with_code_and_defaults(self) -> None:
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            traces = trace_bytes(by_value(scale, protocol))
            with self.subTest(protocol=protocol):
                function = cast(Function, traces.top)
                self.assertEqual((2, ("live_features", "factor")), (function.code.argcount, function.code.varnames[:2]))
                self.assertEqual((2.0,), function.attributes["__defaults__"])
                self.assertEqual(scale.__code__.co_code, function.code.code)

    def test_code_of_nested_functions_is_found(self) -> None:
        def outer() -> Any:
            def inner() -> Any:
                return lambda: 1

            return inner

        found = {code.name for code in trace_bytes(by_value(outer)).codes}
        self.assertEqual({"outer", "inner", "<lambda>"}, found - {"__annotate__"})  # Python 3.14 has one per function.

    def test_code_in_a_pickle_of_dill_is_found(self) -> None:
        dill = types.ModuleType("dill._dill")
        for name in ("_create_code", "_create_function"):
            stand_in = types.FunctionType((lambda: None).__code__, {}, name)
            stand_in.__module__, stand_in.__qualname__ = "dill._dill", name
            setattr(dill, name, stand_in)
        _, code = cloudpickle.cloudpickle._code_reduce(scale.__code__)
        with mock.patch.dict(sys.modules, {"dill": types.ModuleType("dill"), "dill._dill": dill}):
            # dill puts the line table of old Pythons in front of the arguments.
            written = Calls(dill._create_code, b"", *code)
            traces = trace_of(Calls(dill._create_function, written, {}, "scale", (2.0,)))
        self.assertEqual(["scale"], [found.name for found in traces.codes])
        self.assertEqual((2.0,), cast(Function, traces.top).attributes["__defaults__"])

    def test_what_a_carried_function_returns_is_unknown_and_keeps_nothing(self) -> None:
        result = Calls(scale, 1)
        self.assertIs(stub_unpickler.UNKNOWN, trace_bytes(by_value(result)).top)
        trace_bytes(by_value(Calls(cloudpickle.cloudpickle._class_setstate, result, ({"__call__": 1}, {}))))
        self.assertEqual({}, stub_unpickler.UNKNOWN.contents)

    def test_methods_and_partials_are_rebuilt(self) -> None:
        class Model:
            def predict(self, live_features: Any) -> Any:
                return live_features

        self.assertIsInstance(trace_bytes(by_value(Model().predict)).top, Method)
        partial = cast(Partial, trace_bytes(by_value(functools.partial(scale, 1, factor=3))).top)
        self.assertEqual((1, ("factor",)), (partial.arguments, partial.keywords))


def makes_it(*names: str) -> None:
    """Code of the pickle: nobody knows what it does before it runs."""


class Plain:
    def __init__(self) -> None:
        self.weight = 1.0

    def predict(self) -> float:
        return self.weight


class HasState(Plain):
    def __setstate__(self, state: object) -> None:
        makes_it()


class InheritsState(HasState):
    pass


class HasConstructor:
    def __new__(cls) -> "HasConstructor":
        return super().__new__(cls)


class Initialised:
    def __init__(self) -> None:
        makes_it()

    def __reduce__(self) -> Any:
        return Initialised, ()


class Extended(list[int]):
    def extend(self, items: object) -> None:
        makes_it()


class Appended:
    def append(self, item: int) -> None:
        makes_it()

    def __reduce__(self) -> Any:
        return copyreg.__newobj__, (Appended,), None, iter([1, 2])  # type: ignore[attr-defined]


class Metaclass(type):
    pass


class OfMetaclass(metaclass=Metaclass):
    pass


class LateTest(unittest.TestCase):
    """What is asked for when code has run that may have made it."""

    def late(self, *before: Any) -> bool:
        wanted = Calls(exec)  # Any global that nothing else names; nothing runs.
        content = by_value((*before, wanted))
        traces = trace_bytes(content)
        self.assertTrue(traces.complete, traces.error)
        return ("builtins", "exec") in traces.late

    def test_after_code_that_the_pickle_carries(self) -> None:
        for before in (
            Calls(makes_it, "a"),
            Calls(functools.partial(makes_it, "a")),
            Calls(Plain().predict),
            HasState(),
            InheritsState(),
            HasConstructor(),
            Initialised(),
            Extended([1, 2]),
            Appended(),
            OfMetaclass,
        ):
            with self.subTest(before=before):
                self.assertTrue(self.late(before))

    def test_after_a_call_that_may_run_anything(self) -> None:
        for before in (
            Calls(eval, "1"),
            Calls(__import__, "json"),
            Calls(map, makes_it, [1]),
            Calls(functools.reduce, makes_it, [1]),
            Calls(pickle.loads, b"N."),
            Calls(sys.path.append, "/"),
            Calls(importlib.import_module, "json"),
        ):
            with self.subTest(before=before):
                self.assertTrue(self.late(before))

    def test_not_after_what_ordinary_models_hold(self) -> None:
        for before in (
            makes_it,
            Plain,
            Plain(),
            Plain().predict,
            functools.partial(makes_it, "a"),
            LinearRegression().fit([[1.0]], [1.0]),
            pd.DataFrame({"a": [1.0]}),
            np.random.default_rng(1),
            OrderedDict(a=1),
            datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc),
            Path("a"),
            re.compile("a"),
            {1, 2},
            frozenset({1}),
            bytearray(b"a"),
            ValueError("a"),
            list[int],
            Union[int, str],  # noqa: UP007 - pickled in another way than int | str
        ):
            with self.subTest(before=before):
                self.assertFalse(self.late(before))

    def test_module_that_a_function_uses_is_late_as_well(self) -> None:
        def uses() -> Any:
            return json

        self.assertIn(("json", ""), trace_bytes(by_value((Calls(makes_it), uses))).late)
        self.assertNotIn(("json", ""), trace_bytes(by_value((uses, Calls(makes_it)))).late)


class NestedPickleTest(unittest.TestCase):
    NAMES = b"\x80\x04c__main__\nNet\n."

    def test_pickles_inside_the_pickle_have_their_names_noted(self) -> None:
        plain = Plain()
        for where, state in (
            ("state", {"net": self.NAMES}),
            ("array of bytes", {"net": bytearray(self.NAMES)}),
            ("list", {"net": [1, (2, self.NAMES)]}),
            ("pickle of a container", {"net": pickle.dumps({"nets": [self.NAMES]})}),
            ("beginning of a large pickle", {"net": self.NAMES[:-1] + pickle.dumps(bytes(2 << 20))[2:]}),
            ("joblib dump", {"net": b"\x80\x04]c__main__\nNet\n\x00"}),
        ):
            with self.subTest(where):
                vars(plain).update(state)
                traces = trace_bytes(by_value(plain))
                self.assertEqual((True, {"Net"}), (traces.complete, traces.nested_names))
                self.assertNotIn(("__main__", "Net"), traces.globals)

    def test_pickle_among_the_globals_of_a_function_has_its_names_noted(self) -> None:
        content = self.NAMES

        def reads() -> Any:
            return pickle.loads(content)

        self.assertEqual({"Net"}, trace_bytes(by_value(reads)).nested_names)

    def test_other_bytes_and_pickles_name_nothing(self) -> None:
        plain = Plain()
        for net in (
            b"__main__",
            b"c__main__\nNet\n.",  # As protocol 0, it could be any text.
            by_value(Plain()),
            b"\x80\x04\x8c\x08__main__.",
            b"PK\x03\x04",
        ):
            with self.subTest(net=net):
                vars(plain).update(net=net)
                self.assertEqual(set(), trace_bytes(by_value(plain)).nested_names)

    def test_archive_of_torch_has_its_names_noted(self) -> None:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            entry = zipfile.ZipInfo("archive/data.pkl")
            entry.extra = b"FB\x03\x00ZZZ"  # torch aligns what follows with it.
            archive.writestr(entry, b"\x80\x02X\x01\0\0\0aQ" + self.NAMES[2:])
        plain = Plain()
        vars(plain).update(net=content.getvalue())
        self.assertEqual({"Net"}, trace_bytes(by_value(plain)).nested_names)

    def test_many_and_deep_pickles_end(self) -> None:
        deep = self.NAMES
        for _ in range(100):
            deep = pickle.dumps([deep] * 50)
        traces = trace(io.BytesIO(pickle.dumps([Calls(makes_it, deep) for _ in range(100)])), 5.0)
        self.assertTrue(traces.complete)


class LargeFileTest(unittest.TestCase):
    def test_large_arrays_are_passed_over_and_what_follows_is_read(self) -> None:
        blocks = [np.arange(3 << 20, dtype=np.uint8), np.zeros(1 << 20), np.arange(10)]
        for protocol in (2, 3, 4, 5):
            with self.subTest(protocol=protocol):
                traces = trace_of([*blocks, OrderedDict()], protocol)
                self.assertEqual("OrderedDict", cast(Standin, cast(list[Any], traces.top)[-1]).name)

    def test_large_block_keeps_its_ends(self) -> None:
        for size in (stub_unpickler.LARGE_BLOCK_BYTES - 1, stub_unpickler.LARGE_BLOCK_BYTES, 5 << 20):
            block = b"<" * 60_000 + bytes(size - 120_000) + b">" * 60_000
            with self.subTest(size=size):
                read = cast(bytes, trace_of(block).top)
                self.assertEqual((size, block[:60_000], block[-60_000:]), (len(read), read[:60_000], read[-60_000:]))

    def test_large_block_that_the_file_does_not_hold_is_an_end_too_early(self) -> None:
        content = pickle.dumps(bytes(5 << 20))
        for size in (len(content) - 1, len(content) - 100_000, 1 << 20, 70_000, 100):
            with self.subTest(size=size):
                traces = trace_bytes(content[:size])
                self.assertFalse(traces.complete)
                self.assertRegex(str(traces.error), "truncated|Ran out of input")

    def test_large_text_is_read_whole(self) -> None:
        text = "ä" * (2 << 20)
        self.assertEqual(text, trace_of(text).top)

    def test_compressed_file_is_read_through(self) -> None:
        content = gzip.compress(pickle.dumps([bytes(5 << 20), OrderedDict()]), 1)
        with gzip.open(io.BytesIO(content)) as file:
            self.assertTrue(trace(cast(BinaryIO, file)).complete)

    def test_reading_ends_when_the_time_is_up(self) -> None:
        content = pickle.dumps([float(i) for i in range(1_000_000)])
        began = time.monotonic()
        traces = trace(io.BytesIO(content), deadline_s=0.0)
        self.assertEqual((False, None), (traces.complete, traces.error))
        self.assertLess(time.monotonic() - began, 5)

    def test_passing_over_a_large_block_ends_when_the_time_is_up(self) -> None:
        size = 2 << 30
        content = SlowlyUnpacked(b"\x80\x04\x8e" + size.to_bytes(8, "little") + bytes(1 << 20))
        began = time.monotonic()
        traces = trace(content, deadline_s=0.1)
        self.assertEqual((False, None), (traces.complete, traces.error))
        self.assertLess(time.monotonic() - began, SlowlyUnpacked.SECONDS_OF_A_GIB)


class SlowlyUnpacked(io.BytesIO):
    """A file in which every byte that is passed over takes its time, as it has to be unpacked."""

    SECONDS_OF_A_GIB = 2.0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            time.sleep(self.SECONDS_OF_A_GIB * max(0, offset) / (1 << 30))
        return super().seek(offset, whence)


class LimitsTest(unittest.TestCase):
    def test_name_longer_than_any_ends_the_reading(self) -> None:
        long = b"a." * stub_unpickler.MAX_NAME
        for content in (b"c" + long + b"\nname\n.", b"cmodule\n" + long + b"\n."):
            traces = trace_bytes(content)
            self.assertEqual((False, None, set()), (traces.complete, traces.error, traces.globals))

    def test_more_names_than_a_model_has_end_the_reading(self) -> None:
        content = b"\x80\x04" + b"".join(b"cm\nn%d\n0" % i for i in range(stub_unpickler.MAX_STANDINS + 5)) + b"N."
        traces = trace_bytes(content)
        self.assertEqual(
            (False, None, stub_unpickler.MAX_STANDINS), (traces.complete, traces.error, len(traces.globals))
        )

    def test_more_carried_classes_than_a_model_has_end_the_reading(self) -> None:
        make = b"ccloudpickle.cloudpickle\n_make_skeleton_class\nq\x000(N\x8c\x01a)tq\x010"
        content = b"\x80\x04" + make + b"h\x00h\x01R0" * (stub_unpickler.MAX_STANDINS + 5) + b"N."
        traces = trace_bytes(content)
        self.assertEqual((False, None), (traces.complete, traces.error))

    def test_large_containers_are_not_copied(self) -> None:
        numbers = list(range(stub_unpickler.MAX_REBUILT + 1))
        self.assertIsInstance(trace_of(Calls(tuple, numbers)).top, Standin)
        self.assertEqual((1, 2), trace_of(Calls(tuple, [1, 2])).top)

    def test_bytes_that_are_no_pickle_are_an_error_and_no_exception(self) -> None:
        for content in (b"", b"\x80", b"\x80\x09.", b"garbage", b"\x80\x04\x8c", b"(((.", b"\x80\x04K\x01R."):
            with self.subTest(content=content):
                traces = trace_bytes(content)
                self.assertFalse(traces.complete)
                assert traces.error is not None
                self.assertIsNone(traces.error.__traceback__)  # It would hold all that has been read.

    def test_names_before_the_end_of_a_cut_pickle_are_kept(self) -> None:
        traces = trace_bytes(pickle.dumps([OrderedDict(), np.arange(100_000)])[:-1000])
        self.assertIn(("collections", "OrderedDict"), traces.globals)


if __name__ == "__main__":
    unittest.main()
