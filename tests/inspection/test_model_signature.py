"""model_signature.py: what the model of a pickle is and takes, without loading it, held against what Python says of the
real object.
"""

import abc
import copyreg
import functools
import inspect
import io
import operator
import pickle
import time
import types
import unittest
from collections.abc import Callable
from inspect import Parameter
from typing import Any

import cloudpickle
from cloudpickle.cloudpickle import (
    _class_setstate,
    _code_reduce,
    _function_setstate,
    _make_function,
    _make_skeleton_class,
)
from sklearn.linear_model import Ridge  # type: ignore[import-untyped, unused-ignore]

from numerai_predict.inspection.model_signature import MAX_NESTING, Model, describe_model
from numerai_predict.inspection.stub_unpickler import trace
from tests.harness import by_value

SIGNATURES = (
    "",
    "a",
    "a, b",
    "a, b, c",
    "a=1",
    "a, b=1",
    "a, b=1, c=2",
    "a, b, c, d=1",
    "a=1, b=2, c=3",
    "live_features, live_benchmark_models=None",
    "a, /",
    "a=1, /",
    "a, b, /",
    "a, /, b",
    "a, /, b=1",
    "a, b=1, /, c=2",
    "a, b, c, /",
    "a, *, b",
    "a, *, b=1",
    "a, *, b, c=1",
    "a, *, b=1, c",
    "*, a",
    "*, a=1, **options",
    "*args",
    "*args, a",
    "*args, a=1",
    "a, *args",
    "a, b=1, *args",
    "a, b, c, *args",
    "**options",
    "a, **options",
    "a, /, **options",
    "*args, **options",
    "a=1, *, b, **options",
    "a, b=1, /, c=2, *args, d, e=1, **options",
)
SHAPES = """
import functools

def function({0}): ...

nested = (lambda: lambda {0}: function)()

class Model:
    def __call__({1}): ...
    def method({1}): ...
    @classmethod
    def of_class({1}): ...
    @staticmethod
    def static({0}): ...

class Heir(Model): ...

@functools.wraps(function)
def wrapped(*anything, **more): ...
"""
PROTOCOLS = (2, 3, 4, 5)
# A pickle that nests without end may take no more than this.
QUICK_S = 2


class Own:
    def __call__(self, live_features: Any, benchmarks: Any = None) -> None: ...

    def method(self, live_features: Any, *, clip: bool = True) -> None: ...


class Second:
    def __call__(self, a: Any, b: Any, c: Any) -> None: ...


class Heir(Own): ...


class FirstOfTwo(Heir, Second): ...  # type: ignore[misc]


class BehindALibrary(unittest.TestCase, Second):  # type: ignore[misc]
    """Has the __call__ of a class that the pickle does not carry."""


class OfALibrary(unittest.TestCase): ...


class Silent:
    def predict(self, features: Any) -> None: ...


class Rebuilt(Own):
    """Pickles as a call of a function that the pickle carries too."""

    def __reduce__(self) -> Any:
        return rebuild, ()


class KeywordMade(Own):
    """Protocols 2 and 3 make it by calling a partial."""

    def __new__(cls, *, clip: bool) -> Any:
        return object.__new__(cls)

    def __getnewargs_ex__(self) -> Any:
        return (), {"clip": True}


class HeirOfMade(KeywordMade): ...


class Abstract(abc.ABC):
    @abc.abstractmethod
    def predict(self, features: Any) -> None: ...


class Meta(type): ...


class OfMeta(metaclass=Meta): ...


class WithASignature(Own):
    __signature__ = inspect.Signature()


class Call:
    """Pickles as a call, and then a state: what a hostile pickle may ask for."""

    def __init__(self, function: Any, *args: Any, state: Any = None) -> None:
        self.function, self.args, self.state = function, args, state

    def __reduce__(self) -> Any:
        return self.function, self.args, self.state


def rebuild() -> Rebuilt:
    return Rebuilt()


def predict(live_features: Any, benchmarks: Any = None) -> None: ...


def predict_three(a: Any, b: Any, c: Any) -> None: ...


def top_of(content: bytes) -> object:
    traces = trace(io.BytesIO(content))
    if not traces.complete:
        raise AssertionError(f"not read to its end: {traces.error!r}")
    return traces.top


def found_in(model: Any) -> Model:
    return describe_model(top_of(by_value(model)))


def defined(source: str) -> dict[str, Any]:
    """What a user's script defines: no module of that name exists, so cloudpickle carries it."""
    names: dict[str, Any] = {"__name__": "a_script"}
    exec(source, names)
    return names


def shapes(signature: str) -> dict[str, Any]:
    """Everything with that signature, once `self` is given."""
    names = defined(SHAPES.format(signature, f"self, {signature}"))
    model, heir = names["Model"](), names["Heir"]()
    return {
        **{name: names[name] for name in ("function", "nested", "wrapped")},
        **{"instance": model, "heir": heir, "method": model.method, "inherited": heir.method},
        **{"class method": names["Model"].of_class, "static": names["Model"].static},
    }


def partials(signature: str) -> dict[str, Any]:
    """What functools.partial makes of the signature, as far as its arguments fit."""
    whole = shapes(signature)
    function, method = whole["function"], whole["method"]
    made = {
        "nothing": functools.partial(function),
        "first": functools.partial(function, 1),
        "first two": functools.partial(function, 1, 2),
        "a": functools.partial(function, a=1),
        "b": functools.partial(function, b=1),
        "c": functools.partial(function, c=1),
        "first and b": functools.partial(function, 1, b=2),
        "first of partial": functools.partial(functools.partial(function, 1), 2),
        "first of partial by name": functools.partial(functools.partial(function, b=1), 1),
        "first of method": functools.partial(method, 1),
        "b of method": functools.partial(method, b=1),
    }
    # What the Pythons make of a positional-only parameter that is given by name differs.
    unnamed = {
        name for name, one in inspect.signature(function).parameters.items() if one.kind is Parameter.POSITIONAL_ONLY
    }
    return {name: model for name, model in made.items() if has_signature(model) and not unnamed & model.keywords.keys()}


def has_signature(model: Any) -> bool:
    try:
        inspect.signature(model)
    except ValueError:
        return False
    return True


def really_taken(model: Any) -> list[str]:
    """The parameters as inspect.signature sees them, rendered as `describe_model` does it."""
    parameters = list(inspect.signature(model).parameters.values())
    shown = []
    for place, parameter in enumerate(parameters):
        before = parameters[place - 1].kind if place else None
        if before is Parameter.POSITIONAL_ONLY and parameter.kind is not before:
            shown.append("/")
        if parameter.kind is Parameter.KEYWORD_ONLY and before not in (parameter.kind, Parameter.VAR_POSITIONAL):
            shown.append("*")
        # As text, it has the stars and no more, once its default and annotation are gone.
        bare = str(parameter.replace(default=Parameter.empty, annotation=Parameter.empty))
        shown.append(bare if parameter.default is Parameter.empty else f"{bare}=…")
    return [*shown, "/"] if parameters and parameters[-1].kind is Parameter.POSITIONAL_ONLY else shown


class ParametersTest(unittest.TestCase):
    def check(self, make: Callable[[str], dict[str, Any]]) -> None:
        """What is found of every signature is what Python says of it."""
        for signature in SIGNATURES:
            models = make(signature)
            taken = {name: really_taken(model) for name, model in models.items()}
            for protocol in PROTOCOLS:
                tops = {name: top_of(cloudpickle.dumps(models[name], protocol=protocol)) for name in models}
                with self.subTest(signature=signature, protocol=protocol):
                    self.assertEqual({name: describe_model(top).parameters for name, top in tops.items()}, taken)

    def test_functions_methods_and_instances_have_the_parameters_that_inspect_sees(self) -> None:
        self.check(shapes)

    def test_partials_have_the_parameters_that_inspect_sees(self) -> None:
        self.check(partials)

    def test_function_with_keyword_only_parameters_has_defaults_only_where_they_are(self) -> None:
        def model(a: Any, b: Any = 1, *, c: Any, d: Any = 2, **options: Any) -> None: ...

        self.assertEqual(found_in(model).parameters, ["a", "b=…", "*", "c", "d=…", "**options"])

    def test_function_with_a_default_of_none_is_optional(self) -> None:
        self.assertEqual(found_in(lambda a=None: a).parameters, ["a=…"])

    def test_bound_method_leaves_out_self(self) -> None:
        self.assertEqual(found_in(Own().method).parameters, ["live_features", "*", "clip=…"])

    def test_bound_method_of_starred_parameters_keeps_them(self) -> None:
        bound = types.MethodType(lambda *args, **options: None, Own())
        self.assertEqual(found_in(bound).parameters, ["*args", "**options"])

    def test_bound_method_without_parameters_has_no_signature(self) -> None:
        model = found_in(types.MethodType(lambda: None, Own()))
        self.assertEqual((None, 0), (model.parameters, model.takes))

    def test_wrapped_function_many_times_has_the_innermost_parameters(self) -> None:
        model: Any = predict_three
        for _ in range(MAX_NESTING):
            model = functools.wraps(model)(lambda *args: None)
        self.assertEqual(found_in(model).parameters, ["a", "b", "c"])
        self.assertIsNone(found_in(functools.wraps(model)(lambda *args: None)).parameters)

    def test_function_that_wraps_a_reference_has_unknown_parameters(self) -> None:
        self.assertIsNone(found_in(functools.wraps(operator.add)(lambda *args: None)).parameters)

    def test_function_with_a_signature_of_its_own_does_not_have_those_of_its_code(self) -> None:
        def model(a: Any, b: Any, c: Any) -> None: ...

        vars(model)["__signature__"] = inspect.signature(predict)
        self.assertIsNone(found_in(model).parameters)

    def test_partial_of_a_reference_has_unknown_parameters(self) -> None:
        self.assertEqual(found_in(functools.partial(operator.add, 1)), Model("partial", "_operator.add", None, True))

    def test_partial_that_was_given_another_signature_has_that_of_its_call(self) -> None:
        # update_wrapper, which gives a partial a name, also sets __wrapped__; inspect follows it.
        for bound in (functools.partial(predict_three, c=1), functools.partial(predict_three, 1, 2, 3)):
            taken = really_taken(bound)
            self.assertEqual(found_in(functools.update_wrapper(bound, predict_three)).parameters, taken)

    def test_function_that_wraps_another_and_takes_no_starred_has_its_own_parameters(self) -> None:
        model = functools.wraps(predict_three)(lambda live, benchmarks: None)
        self.assertEqual((found_in(model).parameters, found_in(model).takes), (["live", "benchmarks"], 2))

    def test_partial_whose_arguments_do_not_fit_is_not_told_as_if_they_did(self) -> None:
        arguments: tuple[tuple[tuple[int, ...], dict[str, int]], ...] = (
            ((1, 2, 3), {}),
            ((), {"unknown": 1}),
            ((1,), {"live_features": 2}),
        )
        for positional, named in arguments:
            model = functools.partial(predict, *positional, **named)
            with self.subTest(positional=positional, named=named):
                self.assertFalse(has_signature(model))
                self.assertEqual((None, 0), (found_in(model).parameters, found_in(model).takes))

    def test_partial_of_a_class_names_it(self) -> None:
        self.assertEqual(found_in(functools.partial(Own)).name, "Own")

    def test_function_of_very_many_parameters_is_told_like_any_other(self) -> None:
        more = ", ".join(f"x{number}=0" for number in range(300))
        parameters = found_in(defined(f"def model(a, b, {more}): ...")["model"]).parameters or []
        self.assertEqual((302, ["a", "b", "x0=…"]), (len(parameters), parameters[:3]))


class KindTest(unittest.TestCase):
    def test_function_lambda_and_method_are_named(self) -> None:
        for model, kind, name in (
            (predict, "function", "predict"),
            (lambda live: None, "function", "<lambda>"),
            (Own().method, "method", "method"),
            (Ridge().predict, "method", "sklearn.linear_model._base.LinearModel.predict"),
            (functools.partial(predict, benchmarks=1), "partial", "predict"),
            (functools.partial(Own().method, clip=False), "partial", "method"),
        ):
            with self.subTest(kind=kind, name=name):
                found = found_in(model)
                self.assertEqual((found.kind, found.name, found.is_callable), (kind, name, True))

    def test_instance_with_call_of_its_own_or_inherited_is_callable(self) -> None:
        for model in (Own(), Heir()):
            with self.subTest(model=model):
                name = type(model).__name__
                self.assertEqual(found_in(model), Model("instance", name, ["live_features", "benchmarks=…"], True, 2))

    def test_instance_with_two_calls_has_that_of_the_first_base(self) -> None:
        self.assertEqual(found_in(FirstOfTwo()).parameters, really_taken(FirstOfTwo()))

    def test_instance_whose_call_may_be_a_librarys_has_unknown_parameters(self) -> None:
        self.assertEqual(found_in(BehindALibrary()), Model("instance", "BehindALibrary", None, True))

    def test_instance_of_a_librarys_heir_is_not_known_to_be_callable(self) -> None:
        self.assertEqual(found_in(OfALibrary()), Model("instance", "OfALibrary", None, None))

    def test_instance_whose_call_is_no_function_is_callable_with_unknown_parameters(self) -> None:
        static = defined("class Model:\n    @staticmethod\n    def __call__(live): ...")["Model"]()
        self.assertEqual(found_in(static), Model("instance", "Model", None, True))

    def test_instance_without_call_is_known_not_to_be_callable(self) -> None:
        self.assertEqual(found_in(Silent()), Model("instance", "Silent", None, False))

    def test_instance_of_an_estimator_is_not_callable(self) -> None:
        expected = Model("instance", "sklearn.linear_model._ridge.Ridge", None, False)
        for protocol in PROTOCOLS:
            self.assertEqual(describe_model(top_of(pickle.dumps(Ridge(), protocol))), expected)
            self.assertEqual(describe_model(top_of(cloudpickle.dumps(Ridge(), protocol=protocol))), expected)

    def test_instance_that_only_its_name_tells_of_is_not_known_to_be_callable(self) -> None:
        for protocol in PROTOCOLS:
            found = describe_model(top_of(pickle.dumps(Own(), protocol)))
            self.assertEqual(found, Model("instance", f"{__name__}.Own", None, None))

    def test_instance_that_a_carried_function_makes_is_not_known_to_be_callable(self) -> None:
        found = found_in(Rebuilt())
        self.assertEqual((found.parameters, found.is_callable), (None, None))

    def test_instance_that_is_made_by_keywords_is_read_in_every_protocol(self) -> None:
        source = inspect.getsource(Own) + inspect.getsource(KeywordMade)
        model = defined(f"from typing import Any\n{source}")["KeywordMade"](clip=True)
        for protocol in PROTOCOLS:
            with self.subTest(protocol=protocol):
                found = describe_model(top_of(cloudpickle.dumps(model, protocol=protocol)))
                self.assertNotEqual(found.is_callable, False)

    def test_class_is_not_callable_as_a_model(self) -> None:
        for kind in (Own, Abstract, Silent):
            self.assertEqual(found_in(kind), Model("class", kind.__name__, None, False))

    def test_class_that_may_make_something_else_is_not_known_to_be_callable(self) -> None:
        for kind in (KeywordMade, HeirOfMade, OfMeta):
            self.assertEqual(found_in(kind), Model("class", kind.__name__, None, None))

    def test_instance_whose_class_has_a_signature_of_its_own_has_unknown_parameters(self) -> None:
        self.assertEqual(found_in(WithASignature()), Model("instance", "WithASignature", None, True))
        model = Own()
        vars(model)["__signature__"] = inspect.signature(predict)
        self.assertEqual(found_in(model), Model("instance", "Own", None, True))
        self.assertEqual(found_in(Own()).takes, 2)

    def test_reference_is_not_known_to_be_callable(self) -> None:
        for protocol in PROTOCOLS:
            content = pickle.dumps(predict, protocol)
            self.assertEqual(describe_model(top_of(content)), Model("reference", f"{__name__}.predict", None, None))

    def test_data_is_named_by_its_type(self) -> None:
        for value in (None, 0.5, "model.pkl", b"pickle", [1], {"model": predict}, (predict,), {1}, frozenset({1})):
            with self.subTest(value=value):
                self.assertEqual(found_in(value), Model("data", type(value).__name__, None, False))

    def test_cloudpickle_without_by_value_is_a_reference(self) -> None:
        self.assertEqual(describe_model(top_of(cloudpickle.dumps(operator.add))).name, "_operator.add")


class HostileTest(unittest.TestCase):
    def described(self, model: Any) -> Model:
        """What is found of a pickle that no model is, but that must be read at once and raise nothing."""
        content = cloudpickle.dumps(model)
        began = time.monotonic()
        found = describe_model(top_of(content))
        self.assertLess(time.monotonic() - began, QUICK_S)
        return found

    def test_instance_of_thousands_of_bases_is_described(self) -> None:
        bases: tuple[Any, ...] = ()
        for depth in range(20):
            bases = tuple(skeleton(f"C{depth}.{number}", bases) for number in range(200))
        found = self.described(an_instance(skeleton("M", bases)))
        self.assertEqual((found.kind, found.name), ("instance", "M"))

    def test_instance_of_bases_that_are_none_is_described(self) -> None:
        bases: tuple[Any, ...] = (1, "text", None, b"", (), [], Call(operator.add, 1, 2))
        for base in bases:
            with self.subTest(base=base):
                model = an_instance(skeleton("M", (base,)))
                self.assertIsNone(self.described(model).is_callable)

    def test_instance_whose_call_is_data_is_described(self) -> None:
        calls: tuple[Any, ...] = (1, "text", (), {}, Call(operator.add, 1, 2))
        for call in calls:
            with self.subTest(call=call):
                filled = Call(_class_setstate, skeleton("M", ()), ({"__call__": call}, {}))
                model = an_instance(filled)
                self.assertIsNone(self.described(model).parameters)

    def test_function_that_wraps_itself_has_unknown_parameters(self) -> None:
        one, other = defined("def f(a): ...")["f"], defined("def f(a): ...")["f"]
        one.__wrapped__ = one
        self.assertEqual(self.described(one), Model("function", "f", None, True))
        one.__wrapped__, other.__wrapped__ = other, one
        self.assertEqual(self.described(one), Model("function", "f", None, True))

    def test_partial_of_itself_has_unknown_parameters(self) -> None:
        model = Call(functools.partial, carried_function())
        model.state = (model, (), {}, None)
        found = self.described(model)
        self.assertEqual((found.kind, found.parameters), ("partial", None))

    def test_partial_nested_too_deep_has_unknown_parameters(self) -> None:
        model = carried_function()
        for _ in range(10 * MAX_NESTING):
            model = Call(functools.partial, model)
        self.assertIsNone(self.described(model).parameters)

    def test_state_of_a_function_code_or_method_changes_nothing(self) -> None:
        fields = {"code": 1, "attributes": {"__defaults__": (1, 2)}, "function": 1}
        states: tuple[Any, ...] = (fields, (None, fields), ({}, fields), 1, "text", (), [1], {"__class__": int}, {1: 2})
        for state in states:
            function = carried_function(state)
            with self.subTest(state=state):
                self.assertEqual(self.described(function).parameters, ["live_features", "benchmarks"])
                self.assertEqual(self.described(function).name, "predict")
                method = Call(types.MethodType, function, 1, state=state)
                self.assertEqual(self.described(method).parameters, ["benchmarks"])

    def test_state_of_a_partial_that_is_none_changes_nothing(self) -> None:
        def f() -> None: ...

        whole: tuple[Any, ...] = ((f,), (f, 1, {}, None), (f, (), [], None), (f, (), {}), (None, {}))
        for state in (1, "text", {"arguments": 2}, *whole):
            with self.subTest(state=state):
                model = Call(functools.partial, carried_function(), 1, state=state)
                self.assertEqual(self.described(model).parameters, ["benchmarks"])

    def test_state_of_a_partial_with_odd_keywords_is_described(self) -> None:
        state = (carried_function(), (1,) * 1000, {1: 2, b"a": 3, None: 4, "benchmarks": 5}, None)
        model = Call(functools.partial, carried_function(), state=state)
        self.assertEqual(self.described(model).kind, "partial")

    def test_attributes_of_a_function_that_are_none_are_described(self) -> None:
        code = defined("def f(a, b, *, c): ...")["f"].__code__
        odd: tuple[Any, ...] = (1, "ab", {"a": 1}, [1, 2], (None,) * 1000, Call(operator.add, 1, 2))
        for value in odd:
            attributes = {"__defaults__": value, "__kwdefaults__": value, "__annotations__": value, 1: value}
            function = Call(_function_setstate, carried_function(of=code), (attributes, {"__closure__": value}))
            with self.subTest(value=value):
                parameters = self.described(function).parameters or []
                self.assertEqual([name.removesuffix("=…") for name in parameters], ["a", "b", "*", "c"])

    def test_defaults_of_a_function_that_are_too_many_or_of_others_are_described(self) -> None:
        for attributes, parameters in (
            ({"__defaults__": (1, 2, 3)}, ["live_features=…", "benchmarks=…"]),
            ({"__kwdefaults__": {"live_features": 1, "unknown": 2, 3: 4}}, ["live_features", "benchmarks"]),
        ):
            with self.subTest(attributes=attributes):
                function = Call(_function_setstate, carried_function(), (attributes, {}))
                self.assertEqual(self.described(function).parameters, parameters)

    def test_defaults_in_the_call_that_makes_a_function_are_told(self) -> None:
        # cloudpickle leaves them to the state; dill gives them at once.
        model = Call(_make_function, predict.__code__, {}, "f", (None,), None)
        self.assertEqual(self.described(model).parameters, ["live_features", "benchmarks=…"])


def carried_function(state: Any = None, of: types.CodeType = predict.__code__) -> Call:
    """A function as cloudpickle writes it, but for its attributes, and a state for it and for its code."""
    code = Call(types.CodeType, *_code_reduce(of)[1], state=state)
    return Call(_make_function, code, {"__name__": "a_script"}, "f", None, None, state=state)


def an_instance(of: Call) -> Call:
    """As protocols 0 and 1 write it."""
    return Call(vars(copyreg)["_reconstructor"], of, object, None)


def skeleton(name: str, bases: tuple[Any, ...]) -> Call:
    """A class as cloudpickle writes it."""
    return Call(_make_skeleton_class, type, name, bases, {}, name, None)
