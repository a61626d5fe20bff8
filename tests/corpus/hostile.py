"""Pickles made to bring down who reads them: by their size, by their depth, by the time that they take."""

import _codecs
import functools
import struct
import types
from collections.abc import Callable, Iterator
from typing import Any

import cloudpickle
from cloudpickle import cloudpickle as inside
from sklearn.linear_model import LinearRegression  # type: ignore[import-untyped]

MANY = 100_000
PROTOCOL = 3  # The last without frames.
# Where types.CodeType takes the bytecode, and the names that it uses.
CODE, NAMES = 6, 8


def hostile_pickles() -> Iterator[tuple[str, bytes]]:
    """Those of the first two tables, by name, one at a time: some have megabytes."""
    for name, opcodes in BROKEN.items():
        yield name, b"\x80\x03" + opcodes
    for name, make in HEAVY.items():
        yield name, b"\x80\x03" + make()


def size(count: int) -> bytes:
    return struct.pack("<Q", count)


def body(value: object) -> bytes:
    """The opcodes that leave the value on the stack."""
    return bytes(cloudpickle.dumps(value, PROTOCOL)[2:-1])


def called(function: object, *args: object, times: int = MANY) -> bytes:
    """The function called with the same arguments again and again."""
    return body(args) + body(function) + b"q\0" + b"0" + b"q\1" + b"h\0h\1R0" * times + b"N."


def given(value: object, state: object, times: int = 1) -> bytes:
    """The value given the same state again and again."""
    return body(value) + body(state) + b"q\1" + b"0" + b"h\1b" * times + b"."


def named(line: bytes) -> bytes:
    """A global for each of many numbers."""
    return b"".join(line % number for number in range(MANY)) + b"N."


def fields() -> dict[str, int]:
    return {f"field {number}": number for number in range(MANY)}


def function() -> Any:
    """One that is carried by value."""
    return lambda live_features, other=None: live_features


def wraps_itself() -> Any:
    predict = function()
    predict.__wrapped__ = predict
    return predict


def class_of_its_own() -> Any:
    class Model:
        pass

    return Model


def calls_itself() -> Any:
    model = class_of_its_own()()
    type(model).__call__ = model
    return model


def compiled(changes: dict[int, object]) -> bytes:
    """Many code objects, of a function but for the arguments at these places."""
    args = list(inside._code_reduce(function().__code__)[1])
    for place, value in changes.items():
        args[place] = value
    return called(types.CodeType, *args)


def function_of_changed_code() -> bytes:
    state = body((18, "argcount", None, None, None, 7, 7, 7, 7, 7))
    return body(inside._make_function) + b"(" + body(function().__code__) + state + b"b}" + body("name") + b"tR."


# What no unpickler can read.
BROKEN = {
    "index 2**31 in the memo": b"Nr\xff\xff\xff\x7f.",
    "block of 2**40 bytes": b"\x8e" + size(1 << 40) + b"x.",
    "block of 2**63 - 1 bytes": b"\x8e" + size((1 << 63) - 1) + b"x.",
    "byte array of 2**40 bytes": b"\x96" + size(1 << 40) + b"x.",
    "text of 2**40 bytes": b"\x8d" + size(1 << 40) + b"x.",
    "integer of 2**31 bytes": b"\x8b\xff\xff\xff\x7fx.",
    "integer of negative length": b"\x8b\xff\xff\xff\xffx.",
    "integer of a million digits": b"I" + b"7" * 10**6 + b"\n.",
    "frame of 2**62 bytes": b"\x95" + size(1 << 62) + b"N.",
    "buffer from elsewhere": b"\x97.",
    "extension that nobody registered": b"\x82\x01.",
    "extension of negative number": b"\x84\xff\xff\xff\xff.",
    "protocol of the future": b"\x80\x09N.",
}
HEAVY: dict[str, Callable[[], bytes]] = {
    "persistent id": lambda: b"NQ.",
    "million lists in each other": lambda: b"]" * 10**6 + b"a" * (10**6 - 1) + b".",
    "million tuples in each other": lambda: b"N" + b"\x85" * 10**6 + b".",
    "million marks": lambda: b"(" * 10**6 + b"t" * 10**6 + b".",
    "tuple doubled a thousand times": lambda: b"N" + b"2\x86" * 1000 + b".",
    "state doubled a thousand times": lambda: body(LinearRegression()) + b"N" + b"2\x86" * 1000 + b"b.",
    "many globals": lambda: named(b"cm\nC%d\n0"),
    "many modules": lambda: named(b"cm%d\nC\n0"),
    "many parts of a package": lambda: named(b"csklearn.m%d\nC\n0"),
    "many types": lambda: called(inside._builtin_type, "CodeType", times=10 * MANY),
    "many classes": lambda: called(inside._make_skeleton_class, type, "C", (object,), {}, "1", None),
    "many imports": lambda: called(inside.subimport, "wave", times=10 * MANY),
    "many partials": lambda: called(functools.partial, print, *range(MANY)),
    "many lists of a list": lambda: called(list, list(range(10_000)), times=10 * MANY),
    "many bytes of a text": lambda: called(_codecs.encode, "x" * 10**6, "latin1"),
    "many changes of a function": lambda: called(inside._function_setstate, function(), (fields(), fields())),
    "many changes of a class": lambda: called(inside._class_setstate, class_of_its_own(), (fields(), {})),
    "many states of an estimator": lambda: given(LinearRegression(), fields(), MANY),
    "many codes of a megabyte": lambda: compiled({CODE: function().__code__.co_code * 100_000}),
    "many codes of many names": lambda: compiled({NAMES: ("name",) * MANY}),
    "function of code that is given a state": function_of_changed_code,
    "function that wraps itself": lambda: bytes(cloudpickle.dumps(wraps_itself())),
    "class that calls itself": lambda: bytes(cloudpickle.dumps(calls_itself())),
    "partial of itself": lambda: b"cfunctools\npartial\nN\x85Rq\0(h\0)}Ntb.",
}
# Nothing but its limits stops an unpickler that has to take the hash of these, or, as Python 3.14 remembers hashes, to
# compare two of them; by the code of the fault.
BOMBS = {
    "timeout": b"\x80\x03}" + (b"N" + b"2\x86" * 60 + b"Ns") * 2 + b".",
    "model_crashed": b"\x80\x03}N" + b"\x85" * 10**6 + b"Ns.",
}
