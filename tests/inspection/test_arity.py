"""arity.py: which callables are models, and whether they get the benchmarks."""

import functools
import operator
import unittest
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from numerai_predict.faults import Code, Fault
from numerai_predict.inspection.arity import count_arguments, optional_second_argument


class Model:
    def __call__(self, live_features: Any, benchmarks: Any) -> None: ...

    def one(self, live_features: Any) -> None: ...

    def three(self, a: Any, b: Any, c: Any) -> None: ...

    @staticmethod
    def static(live_features: Any) -> None: ...

    @classmethod
    def of_class(cls, live_features: Any, benchmarks: Any) -> None: ...


class Made(Model):
    def __new__(cls, live_features: Any) -> Any:
        return live_features


class Estimator:
    def predict(self, features: Any) -> None: ...


def predict(live_features: Any) -> None: ...


def print_to(*values: Any, sep: str = " ") -> None: ...


def predict_both(live_features: Any, live_benchmark_models: Any) -> None: ...


def predict_three(a: Any, b: Any, c: Any) -> None: ...


async def predict_later(a: Any, *, clip: bool) -> None: ...


@functools.wraps(predict_both)
def wrapped(*args: Any) -> None: ...


def fault_of(model: Any) -> Fault:
    try:
        count_arguments(model)
    except Fault as fault:
        return fault
    raise AssertionError(f"{model} was accepted")


class AcceptedTest(unittest.TestCase):
    def check(self, expected: int, models: dict[str, Callable[..., Any]]) -> None:
        for name, model in models.items():
            with self.subTest(model=name):
                self.assertEqual(count_arguments(model), expected)

    def test_count_arguments_with_one_positional_is_1(self) -> None:
        self.check(
            1,
            {
                "function": predict,
                "lambda": lambda features: None,
                "positional only": lambda features, /: None,
                "default": lambda features=None: None,
                "bound method": Model().one,
                "static method": Model.static,
                "static method object": Model.__dict__["static"],
                "partial by keyword": functools.partial(predict_both, live_benchmark_models=None),
                "partial by position": functools.partial(predict_both, None),
                "builtin": len,
                "builtin bound method": [].append,
                "keyword-only with default": lambda features, *, clip=True: None,
                "and **kwargs": lambda features, **options: None,
                "only *args": lambda *args: None,
                "two options": lambda features, clip=True, verbose=False: None,
            },
        )

    def test_count_arguments_with_two_positionals_is_2(self) -> None:
        self.check(
            2,
            {
                "function": predict_both,
                "lambda": lambda features, benchmarks: None,
                "positional only": lambda features, benchmarks, /: None,
                "instance": Model(),
                "class method": Model.of_class,
                "second optional": lambda features, benchmarks=None: None,
                "both optional": lambda features=None, benchmarks=None: None,
                "third optional": lambda features, benchmarks, clip=True: None,
                "two of three optional": lambda features, benchmarks=None, clip=True: None,
                "and *args": lambda features, benchmarks, *rest: None,
                "one and *args": lambda features, *rest: None,
                "*args, **kwargs": lambda *args, **options: None,
                "*args and an option": print_to,
                "partial of three by keyword": functools.partial(predict_three, c=1),
                "partial of three by position": functools.partial(predict_three, 1),
                "builtin": operator.add,
                "functools.wraps": wrapped,
            },
        )


class RefusedTest(unittest.TestCase):
    def test_count_arguments_with_wrong_signature_fails_and_shows_it(self) -> None:
        refused: dict[str, Any] = {
            "predict_three(a, b, c)": predict_three,
            "<lambda>(a, b, c, d=1)": lambda a, b, c, d=1: None,
            "<lambda>()": lambda: None,
            "<lambda>(**options)": lambda **options: None,
            "<lambda>(*, clip=True)": lambda *, clip=True: None,
            "<lambda>(features, *, clip)": lambda features, *, clip: None,
            "<lambda>(*args, clip)": lambda *args, clip: None,
            "three(a, b, c)": Model().three,
            "partial(*, live_features=0)": functools.partial(predict, live_features=0),
            "predict_later(a, *, clip)": predict_later,
        }
        for signature, model in refused.items():
            with self.subTest(signature=signature):
                fault = fault_of(model)
                self.assertIs(fault.code, Code.WRONG_SIGNATURE)
                self.assertIn(f"signature is {signature};", fault.message)

    def test_count_arguments_without_readable_signature_fails_and_names_it(self) -> None:
        fault = fault_of(max)
        self.assertIs(fault.code, Code.WRONG_SIGNATURE)
        self.assertIn("signature of max cannot be read", fault.message)

    def test_count_arguments_of_a_ufunc_is_2_or_fails_as_on_the_platform(self) -> None:
        # NumPy 2.2 is the first to give it a signature, add(*args, **kwargs).
        try:
            self.assertEqual(count_arguments(np.add), 2)
        except Fault as fault:
            self.assertIs(fault.code, Code.WRONG_SIGNATURE)
            self.assertIn("signature of add cannot be read", fault.message)

    def test_count_arguments_of_a_class_fails_as_not_callable(self) -> None:
        for kind in (Model, Estimator, int):
            with self.subTest(kind=kind.__name__):
                fault = fault_of(kind)
                self.assertIs(fault.code, Code.NOT_CALLABLE)
                self.assertIn(f"the class {kind.__name__} itself", fault.message)
                self.assertIn("instance", fault.hint)

    def test_count_arguments_of_a_class_that_makes_what_it_likes_is_that_of_its_call(self) -> None:
        self.assertEqual(count_arguments(Made), 1)

    def test_count_arguments_of_an_estimator_hints_at_its_predict_method(self) -> None:
        fault = fault_of(Estimator())
        self.assertIs(fault.code, Code.NOT_CALLABLE)
        self.assertIn(f"{__name__}.Estimator", fault.message)
        self.assertIn("predict method", fault.hint)

    def test_count_arguments_of_data_fails_as_not_callable(self) -> None:
        for kind, model in {"a dict,": {"model": predict}, "a float,": 0.5, "a decimal.Decimal,": Decimal(1)}.items():
            with self.subTest(kind=kind):
                fault = fault_of(model)
                self.assertIs(fault.code, Code.NOT_CALLABLE)
                self.assertIn(kind, fault.message)
                self.assertEqual(fault.hint, Code.NOT_CALLABLE.hint)

    def test_count_arguments_of_what_is_pickled_by_mistake_says_how_that_comes(self) -> None:
        for hint, model in {"pickled twice": b"pickle", "not its name": "model.pkl", "not what it": None}.items():
            with self.subTest(model=model):
                fault = fault_of(model)
                self.assertIs(fault.code, Code.NOT_CALLABLE)
                self.assertIn(hint, fault.hint)

    def test_optional_second_argument_is_named_unless_it_is_for_benchmarks(self) -> None:
        named: dict[str, Callable[..., Any]] = {
            "clip": lambda live, clip=True: None,
            "*rest": lambda live, *rest: None,
            "*args": lambda *args, **options: None,
        }
        for name, model in named.items():
            with self.subTest(name=name):
                self.assertEqual(optional_second_argument(model), name)
        self.assertEqual(optional_second_argument(lambda live, benchmarks=None: None), "")
        self.assertEqual(optional_second_argument(lambda live, clip: None), "")
        self.assertEqual(optional_second_argument(wrapped), "")

    def test_optional_second_argument_of_a_model_that_gets_no_benchmarks_is_none(self) -> None:
        models: tuple[Callable[..., Any], ...] = (
            lambda live: None,
            lambda live, *, clip=True: None,
            lambda live, **options: None,
            lambda live, clip=True, verbose=False: None,
            lambda *args: None,
        )
        for model in models:
            self.assertEqual(optional_second_argument(model), "")
