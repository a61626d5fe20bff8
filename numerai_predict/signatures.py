"""What the model of a pickle is and what it takes, told from the stand-ins of inert.py."""

from dataclasses import dataclass
from typing import Any

from numerai_predict.inert import Function, Method, Partial, Standin

# Whose objects can never be called, though many have a method `predict`.
ESTIMATORS = ("sklearn", "lightgbm", "xgboost", "catboost")
MAX_NESTING = 20
MAX_FAMILY = 100
MAX_PARAMETERS = 100


@dataclass(frozen=True)
class Model:
    """What the pickle holds: its kind in words, its name, its parameters as in a signature (None: not known), and
    whether it can be called (None: not known).
    """

    kind: str
    name: str
    parameters: list[str] | None = None
    is_callable: bool | None = None


def describe(top: object) -> Model:
    """The model that the pickle holds, by its stand-in or, where it is plain data, by itself."""
    match top:
        case Function():
            return Model("function", top.code.name, parameters_of(top), True)
        case Method():
            return Model("method", _name_of(top.function), parameters_of(top), True)
        case Partial():
            return Model("partial", _name_of(top.function), parameters_of(top), True)
        case Standin(of=Standin() as of):
            return _describe_instance(of)
        case Standin(module=""):
            return Model("class", top.name, None, False)
        case Standin():
            return Model("reference", f"{top.module}.{top.name}")
        case _:
            return Model("data", type(top).__name__, None, False)


def _describe_instance(of: Standin) -> Model:
    name = f"{of.module}.{of.name}" if of.module else of.name
    if of.module.partition(".")[0] in ESTIMATORS:
        return Model("instance", name, None, False)
    call, is_known = _find(of, "__call__")
    if call is None:
        return Model("instance", name, None, False if is_known else None)
    return Model("instance", name, _without_first(parameters_of(call)), True)


def parameters_of(model: object, nesting: int = 0) -> list[str] | None:
    """The parameters of a function, method or partial as a call sees them, those with defaults as `name=…`; None where
    they cannot be read.
    """
    if nesting > MAX_NESTING:
        return None
    match model:
        case Function(attributes={"__wrapped__": wrapped}):
            return parameters_of(wrapped, nesting + 1)
        case Function():
            return _with_defaults(model.code.parameters()[:MAX_PARAMETERS], model.attributes)
        case Method():
            return _without_first(parameters_of(model.function, nesting + 1))
        case Partial():
            return _bound(parameters_of(model.function, nesting + 1), model.arguments, model.keywords)
    return None


def _with_defaults(parameters: list[str], attributes: dict[Any, Any]) -> list[str]:
    defaults, keywords = attributes.get("__defaults__"), attributes.get("__kwdefaults__")
    positional = [i for i, name in enumerate(_until_star(parameters)) if name != "/"]
    count = len(defaults) if isinstance(defaults, tuple) else 0
    optional = set(positional[max(0, len(positional) - count) :]) if count else set()
    named = keywords if isinstance(keywords, dict) else {}
    return [
        f"{name}=…" if i in optional or (i not in positional and name in named) else name
        for i, name in enumerate(parameters)
    ]


def _until_star(parameters: list[str]) -> list[str]:
    starred = (i for i, name in enumerate(parameters) if name.startswith("*"))
    return parameters[: next(starred, len(parameters))]


def _without_first(parameters: list[str] | None) -> list[str] | None:
    """Those that are left when `self` is given."""
    return _bound(parameters, 1, ())


def _bound(parameters: list[str] | None, count: int, keywords: tuple[str, ...]) -> list[str] | None:
    """Those that are left when the first `count` and the named ones are given."""
    if parameters is None:
        return None
    positional = [name for name in _until_star(parameters) if name != "/"]
    left = positional[count:]
    # What comes after a parameter that is given by name can only be given by name.
    first = next((i for i, name in enumerate(left) if name.removesuffix("=…") in keywords), len(left))
    rest = parameters[len(_until_star(parameters)) :]
    star = [] if first == len(left) or (rest and rest[0].startswith("*")) else ["*"]
    return left[:first] + star + [_given(name, keywords) for name in left[first:] + rest]


def _given(name: str, keywords: tuple[str, ...]) -> str:
    return f"{name}=…" if name in keywords else name


def _find(of: Standin, name: str) -> tuple[object, bool]:
    """The attribute that a class carried in the pickle has or inherits, and whether all that it inherits is known."""
    family = [of]
    is_known = True
    for member in family:
        if name in member.contents:
            return member.contents[name], True
        carried = member.module == "" or (member.module, member.name) == ("builtins", "object")
        bases = [base for base in member.bases[: MAX_FAMILY - len(family)] if isinstance(base, Standin)]
        is_known = is_known and carried and len(bases) == len(member.bases)
        family += [base for base in bases if base not in family]
    return None, is_known


def _name_of(model: object, nesting: int = 0) -> str:
    match model:
        case Function():
            return model.code.name
        case Method() | Partial() if nesting < MAX_NESTING:
            return _name_of(model.function, nesting + 1)
        case Standin():
            return f"{model.module}.{model.name}"
    return type(model).__name__
