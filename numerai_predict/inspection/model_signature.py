"""Static: what the model in a pickle is and what it takes, without loading it, from what stub_unpickler.py read.

arity.py counts the arguments of a model that has been loaded.
"""

import contextlib
import functools
import inspect
import types
from collections import ChainMap
from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter
from typing import Any

from numerai_predict.inspection.arity import TORCH_MODULE, count_frames, decisive_signature
from numerai_predict.inspection.stub_unpickler import CodeObject, Function, Method, Partial, Standin

# Whose objects cannot be called, though many have a method `predict`; but for those of the second row.
ESTIMATORS = ("sklearn.", "lightgbm.", "xgboost.", "catboost.")
CALLABLE = ("sklearn.gaussian_process.kernels.", "sklearn.metrics.")
# The metaclasses whose classes make instances when they are called, unless they have a __new__ of their own.
PLAIN_TYPES = (("builtins", "type"), ("abc", "ABCMeta"))
MAX_NESTING = 20
MAX_FAMILY = 100


class _Default:
    """A default value, whatever it is."""

    def __repr__(self) -> str:
        return "…"


_DEFAULT = _Default()


@dataclass(frozen=True)
class Model:
    """What the pickle holds: its kind in words and its name; the parameters that a call of it takes, as a signature
    shows them; whether it can be called; and with how many DataFrames, as arity.py counts them (0: not with one or
    two). None is for what is not known.
    """

    kind: str
    name: str
    parameters: list[str] | None = None
    is_callable: bool | None = None
    takes: int | None = None


def describe_model(top: object) -> Model:
    """The model that the pickle holds, by its stand-in or, where it is plain data, by itself."""
    match top:
        case Function() | Method() | Partial():
            return _describe_call(type(top).__name__.lower(), _name_of(top), top, top)
        case Standin(of=Standin() as of):
            return _describe_instance(top, of)
        case Standin(module=""):
            return _describe_class(top)
        case Standin():
            return Model("reference", _name_of(top))
        case CodeObject():
            return Model("data", "code object", is_callable=False)
        case _:
            return Model("data", type(top).__name__, is_callable=False)


def _describe_class(of: Standin) -> Model:
    """A class makes instances, unless it or its metaclass may decide otherwise."""
    is_plain = _type_of(of) in PLAIN_TYPES and not any(
        member and "__new__" in member.contents for member in _family(of)
    )
    return Model("class", of.name, is_callable=False if is_plain else None)


def _type_of(of: Standin) -> tuple[str, str]:
    """The module and name of a class's metaclass; of no module if the pickle carries it."""
    kind = of.contents.get("__class__")
    return (kind.module, kind.name) if isinstance(kind, Standin) else ("", "")


def _describe_instance(instance: Standin, of: Standin) -> Model:
    name = _name_of(of)
    if name.startswith(ESTIMATORS) and not name.startswith(CALLABLE):
        return Model("instance", name, is_callable=False)
    family = _family(of)
    is_known = True
    for member in family:
        if is_known and member and (member.module, member.name) == TORCH_MODULE:
            return _describe_call("instance", name, _forward(instance, family), _shown(instance, family, _anything))
        if member is None or (member.module and (member.module, member.name) != ("builtins", "object")):
            is_known = False
        elif "__call__" in member.contents:
            call = member.contents["__call__"]
            bound = Method(call) if is_known and isinstance(call, Function) else None
            return _describe_call("instance", name, bound, _shown(instance, family, bound))
    return Model("instance", name, is_callable=False if is_known else None)


def _forward(instance: Standin, family: list[Standin | None]) -> object:
    """What the __call__ of a torch.nn.Module calls, None if it is not known."""
    if "forward" in instance.contents:
        return instance.contents["forward"]
    return next((Method(each.contents["forward"]) for each in family if each and "forward" in each.contents), None)


def _shown(instance: Standin, family: list[Standin | None], call: object) -> object:
    """What inspect.signature takes for the call of an instance, None if that is not known."""
    attributes = ChainMap(instance.contents, *(member.contents for member in family if member))
    return None if "__signature__" in attributes else attributes.get("__wrapped__", call)


def _anything(*args: object, **kwargs: object) -> None:
    """What the __call__ of a torch.nn.Module takes."""


def _describe_call(kind: str, name: str, model: object, shown: object) -> Model:
    """Python works out the signatures: of real methods and partials of a harmless function with the same parameters.
    `shown` is what inspect.signature takes for the model.
    """
    parameters = takes = None
    with contextlib.suppress(TypeError, ValueError):
        mirrors = _mirror(shown, is_followed=True), _mirror(model, is_followed=False)
        takes = 0
        signatures = [inspect.signature(mirror) for mirror in mirrors]
        parameters = str(decisive_signature(*signatures))[1:-1].split(", ")
        takes = count_frames(*signatures)
    return Model(kind, name, parameters if parameters != [""] else [], True, takes)


def _mirror(model: object, is_followed: bool, nesting: int = 0) -> Callable[..., Any]:
    """A callable that takes what the model takes, and does nothing; if `is_followed`, what __wrapped__ says that it
    takes. Raises TypeError or ValueError if that is not known.
    """
    if nesting > MAX_NESTING:
        raise ValueError("wrapped too often")
    match model:
        case types.FunctionType():
            return model
        case Function(attributes=dict(attributes)) | Partial(attributes=dict(attributes)) if (
            is_followed and attributes.keys() & {"__signature__", "__wrapped__"}
        ):
            return _mirror(attributes["__wrapped__"] if "__signature__" not in attributes else None, True, nesting + 1)
        case Function():
            return _function(model)
        case Method():
            return types.MethodType(_mirror(model.function, is_followed, nesting + 1), model)
        case Partial():
            function = _mirror(model.function, is_followed, nesting + 1)
            return functools.partial(function, *[None] * model.arguments, **dict.fromkeys(model.keywords, _DEFAULT))
    raise TypeError("not a function that the pickle carries")


def _function(model: Function) -> Callable[..., Any]:
    code, attributes = model.code, model.attributes
    defaults, named = attributes.get("__defaults__"), attributes.get("__kwdefaults__")
    required = code.argcount - (len(defaults) if isinstance(defaults, tuple) else 0)
    parameters: list[Parameter] = []

    def add(name: str, kind: Any, has_default: bool = False) -> None:
        parameters.append(Parameter(name, kind, default=_DEFAULT if has_default else Parameter.empty))

    names = iter(code.varnames)
    for place in range(code.argcount):
        kind = Parameter.POSITIONAL_ONLY if place < code.posonly else Parameter.POSITIONAL_OR_KEYWORD
        add(next(names), kind, place >= required)
    keywords = [next(names) for _ in range(code.kwonly)]
    if code.flags & inspect.CO_VARARGS:
        add(next(names), Parameter.VAR_POSITIONAL)
    for name in keywords:
        add(name, Parameter.KEYWORD_ONLY, isinstance(named, dict) and name in named)
    if code.flags & inspect.CO_VARKEYWORDS:
        add(next(names), Parameter.VAR_KEYWORD)

    def mirror(*args: object, **options: object) -> None: ...

    vars(mirror)["__signature__"] = inspect.Signature(parameters)
    return mirror


def _family(of: Standin) -> list[Standin | None]:
    """The class and all that it inherits from, in the order of a look-up; a None where that is not known."""
    mirrors: dict[Standin, type] = {}

    def mirror(member: object) -> type:
        if not isinstance(member, Standin) or (member not in mirrors and len(mirrors) >= MAX_FAMILY):
            raise TypeError("not a class that the pickle names")
        if member not in mirrors:
            bases = tuple(mirror(base) for base in member.bases)
            mirrors[member] = type("", bases, {})
        return mirrors[member]

    try:
        order = mirror(of).__mro__
    except (TypeError, RecursionError):
        return [None]
    members = {kind: member for member, kind in mirrors.items()}
    return [members[kind] for kind in order if kind in members]


def _name_of(model: object, nesting: int = 0) -> str:
    match model:
        case Function():
            return model.code.name
        case Method() | Partial() if nesting < MAX_NESTING:
            return _name_of(model.function, nesting + 1)
        case Standin():
            return f"{model.module}.{model.name}" if model.module else model.name
    return type(model).__name__
