"""The call of a model, held against the platform's: `len(inspect.signature(model).parameters)` frames, one or two.

Every signature comes in every shape that a model may have, and each model is really called: a call works if it raises
no TypeError. model_signature.py must expect of the pickle what arity.py says of the loaded model.
"""

import contextlib
import inspect
import io
import itertools
import sys
import types
import unittest
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import cloudpickle

from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import Findings, count_arguments, inspect_pickle

SIGNATURES = (
    "",
    "live",
    "live, benchmarks",
    "live, benchmarks, third",
    "live=None",
    "live, benchmarks=None",
    "live, clip=True",
    "live=None, benchmarks=None",
    "live, benchmarks, clip=True",
    "live, benchmarks=None, clip=True",
    "live, clip=True, verbose=False",
    "live, clip=True, *, verbose=False",
    "live, benchmarks, third, clip=True",
    "live=None, benchmarks=None, clip=True",
    "live, /",
    "live, benchmarks, /",
    "live, /, benchmarks",
    "live, /, benchmarks=None",
    "live, benchmarks=None, /, clip=True",
    "live, *, clip=True",
    "live, *, clip",
    "live, *, benchmarks=None",
    "live, *, benchmarks",
    "live, *, clip=True, verbose=False",
    "live, benchmarks, *, clip=True",
    "live, benchmarks, *, clip",
    "live, benchmarks, *, clip=True, verbose=False",
    "*, live",
    "*, live=None",
    "*, live=None, benchmarks=None",
    "*frames",
    "*frames, clip=True",
    "*frames, clip",
    "*frames, clip=True, verbose=False",
    "live, *rest",
    "live, benchmarks, *rest",
    "live, benchmarks=None, *rest",
    "live, benchmarks, third, *rest",
    "live, *rest, clip=True",
    "**options",
    "live, **options",
    "live, benchmarks, **options",
    "live, clip=True, **options",
    "live, /, **options",
    "*frames, **options",
    "live, *rest, **options",
    "live, benchmarks, *rest, clip=True, **options",
    "*frames, clip, **options",
)
# What a user's script may make of a function with that signature, and the pickle shows.
SHAPES = """
import functools

def function({0}): ...

nested = (lambda: lambda {0}: function)()

@functools.wraps(lambda live, benchmarks, model: None)
def wrapper({0}): ...

class Model:
    def __call__({1}): ...
    def method({1}): ...
    @classmethod
    def of_class({1}): ...
    @staticmethod
    def static({0}): ...

class Heir(Model): ...

def passed_on(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)
    return inner

class PassedOn:
    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.function = function
    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs)

class Scored:
    def __init__(self, function, factor):
        self.function, self.factor = function, factor
    @passed_on
    def __call__({1}): ...

bare = functools.partial(function)
updated = functools.update_wrapper(functools.partial(function), function)
decorated = passed_on(function)
instance, heir, object_of_a_decorator, decorated_call = Model(), Heir(), PassedOn(function), Scored(function, 2)
method, of_class, static = Model().method, Model.of_class, Model.static
decorated_twice = passed_on(passed_on(function))
"""
CARRIED = ("function", "nested", "bare", "updated", "instance", "heir", "method", "of_class", "static")
DECORATED = ("wrapper", "decorated", "decorated_twice", "object_of_a_decorator", "decorated_call")
PARTIALS = """
import functools

def function({0}): ...

first = functools.partial(function, None)
second = functools.partial(function, None, None)
clip = functools.partial(function, clip=True)
benchmarks = functools.partial(function, benchmarks=None)
live = functools.partial(function, live=None)
third = functools.partial(function, third=None)
of_a_partial = functools.partial(functools.partial(function, None), clip=False)
"""
BY_NAME = ("clip", "benchmarks", "live", "third", "of_a_partial")
BOUND = ("first", "second", *BY_NAME)
# What only a run knows.
LOADED = """
import functools, inspect

def function({0}): ...

class Static:
    @staticmethod
    def __call__({0}): ...

class OfClass:
    @classmethod
    def __call__({1}): ...

class Borrowed:
    __call__ = staticmethod(functools.partial(function))

class Described:
    __signature__ = inspect.signature(lambda *, alpha, beta: None)
    def __call__({1}): ...

class New:
    def __new__({1}): ...

class Meta(type):
    def __call__({1}): ...

class OfMeta(metaclass=Meta): ...

described = lambda {0}: None
described.__signature__ = inspect.signature(lambda *, live_features, live_benchmark_models: None)
static, of_class, borrowed, instance, new, of_meta = Static(), OfClass(), Borrowed(), Described(), New, OfMeta
static_object = Static.__dict__["__call__"]
"""
TORCH = """
class Module:
    def _wrapped_call_impl(self, *args, **kwargs):
        return self.forward(*args, **kwargs)
    __call__ = _wrapped_call_impl

Module.__module__ = "torch.nn.modules.module"
"""
NETS = """
import torch.nn.modules.module

class Net(torch.nn.modules.module.Module):
    def forward({1}): ...

class Deeper(Net): ...

class Empty(torch.nn.modules.module.Module): ...

class Own(Net):
    def forward(self): ...
    def __call__({1}): ...

net, deeper, own, borrowed = Net(), Deeper(), Own(), Empty()
borrowed.forward = lambda {0}: None
"""
LATE = ("static", "of_class", "borrowed", "instance", "new", "of_meta", "static_object", "described")
FRAMES = ("live features", "benchmark models")


def defined(source: str, signature: str) -> dict[str, Any]:
    """What a user's script defines: no module of that name exists, so cloudpickle carries it."""
    names: dict[str, Any] = {"__name__": "a_script"}
    exec(source.format(signature, f"self, {signature}"), names)
    return names


def models(source: str, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for signature in SIGNATURES:
        script = defined(source, signature)
        for name in names:
            # What the Pythons make of a positional-only parameter that a partial is given by its name differs.
            if "/" not in signature or name not in BY_NAME:
                yield f"{name} of ({signature})", script[name]


def calls_that_work(model: Callable[..., Any]) -> set[int]:
    """With how many frames the model can be called."""
    found = set()
    for frames in (1, 2):
        try:
            model(*FRAMES[:frames])
        except TypeError:
            continue
        found.add(frames)
    return found


def platform_call(model: Callable[..., Any]) -> int:
    """How many frames the platform passes, 0 if it refuses the model."""
    try:
        count = len(inspect.signature(model).parameters)
    except (TypeError, ValueError):
        return 0
    return count if count in (1, 2) else 0


def our_call(model: Callable[..., Any]) -> int:
    """How many frames we pass, 0 if we refuse the model for its signature."""
    try:
        return count_arguments(model)
    except Fault as fault:
        if fault.code is not Code.WRONG_SIGNATURE:
            raise
        return 0


def look_into(model: Callable[..., Any]) -> Findings:
    return inspect_pickle(io.BytesIO(cloudpickle.dumps(model)), "model.pkl")


@contextlib.contextmanager
def torch_modules() -> Iterator[None]:
    """A torch.nn.Module where torch is not installed."""
    names = ("torch", "torch.nn", "torch.nn.modules", "torch.nn.modules.module")
    made = {name: types.ModuleType(name) for name in names}
    exec(TORCH, vars(made[names[-1]]))
    for name, inner in itertools.pairwise(names):
        setattr(made[name], inner.rpartition(".")[2], made[inner])
    with mock.patch.dict(sys.modules, made):
        yield


class CallTest(unittest.TestCase):
    def check(self, source: str, names: tuple[str, ...], is_plain: bool = True) -> None:
        """A model that runs on the platform runs here by the same call, and another one by the call that works. What
        passes on whatever it is given may also be called as on the platform.
        """
        for name, model in models(source, names):
            work, ours, theirs = calls_that_work(model), our_call(model), platform_call(model)
            with self.subTest(model=name):
                if theirs in work:
                    self.assertEqual(ours, theirs)
                else:
                    self.assertIn(ours, (work or {0}) if is_plain else {*work, theirs})

    def check_expected(self, source: str, names: tuple[str, ...], is_known: bool = True) -> None:
        """What is expected of the pickle is what the run does, or nothing where only a run can know."""
        for name, model in models(source, names):
            with self.subTest(model=name):
                expected = {our_call(model)} if is_known else {our_call(model), None}
                self.assertIn(look_into(model).takes, expected)

    def test_table_has_signatures_enough(self) -> None:
        self.assertGreaterEqual(len(set(SIGNATURES)), 40)

    def test_functions_methods_and_instances_are_called_as_on_the_platform(self) -> None:
        self.check(SHAPES, CARRIED)

    def test_functions_methods_and_instances_are_expected_to_be_called_so(self) -> None:
        self.check_expected(SHAPES, CARRIED)

    def test_decorated_models_are_called_as_on_the_platform(self) -> None:
        self.check(SHAPES, DECORATED, is_plain=False)

    def test_decorated_models_are_expected_to_be_called_so(self) -> None:
        self.check_expected(SHAPES, DECORATED)

    def test_partials_are_called_as_on_the_platform(self) -> None:
        self.check(PARTIALS, BOUND)

    def test_partials_are_expected_to_be_called_so(self) -> None:
        self.check_expected(PARTIALS, BOUND)

    def test_models_with_a_signature_or_call_of_their_own_are_called_as_on_the_platform(self) -> None:
        self.check(LOADED, LATE)

    def test_models_with_a_signature_or_call_of_their_own_are_not_expected_to_be_called_otherwise(self) -> None:
        self.check_expected(LOADED, LATE, is_known=False)

    def test_torch_modules_are_called_as_their_forward_can_be(self) -> None:
        with torch_modules():
            self.check(NETS, ("net", "deeper", "own", "borrowed"))

    def test_torch_modules_are_expected_to_be_called_so(self) -> None:
        with torch_modules():
            self.check_expected(NETS, ("net", "deeper", "own", "borrowed"))

    def test_models_whose_call_fits_both_ways_get_what_they_can_take(self) -> None:
        models = {
            "live, *rest": (2, 2),
            "*frames": (1, 1),
            "*frames, **options": (2, 2),
            "*frames, clip=True": (2, 2),
            "live, clip=True": (2, 2),
            "live, benchmarks=None, clip=True": (2, 0),
            "live, clip=True, verbose=False": (1, 0),
            "live, *rest, **options": (2, 0),
        }
        for signature, calls in models.items():
            with self.subTest(signature=signature):
                model = defined(SHAPES, signature)["function"]
                self.assertEqual((our_call(model), platform_call(model)), calls)

    def test_decorated_model_that_the_platform_would_call_wrongly_gets_what_it_can_take(self) -> None:
        for signature in ("live, *, clip=True", "live, **options", "live, /, **options"):
            for name in DECORATED:
                with self.subTest(signature=signature, name=name):
                    model = defined(SHAPES, signature)[name]
                    self.assertEqual((our_call(model), look_into(model).takes), (1, 1))

    def test_decorator_without_wraps_gets_both_frames(self) -> None:
        script = defined(
            "def timed(function):\n    def inner(*args, **kwargs): return function(*args, **kwargs)\n    return inner\n"
            "@timed\ndef predict({0}): ...",
            "live, benchmarks",
        )
        self.assertEqual((our_call(script["predict"]), look_into(script["predict"]).takes), (2, 2))
