"""Of a model that has been loaded: whether it can be called with one or two DataFrames, and with how many.

model_signature.py answers the same of a model that is still a pickle.
"""

import inspect
from inspect import Parameter
from typing import Any

from numerai_predict.faults import Code, Fault

# What is often pickled in place of a function, and how that comes about.
MISTAKEN = {
    bytes: "It seems to be pickled twice: write cloudpickle.dump(predict, file), without dumps.",
    str: "Pickle the function itself, not its name or the path of a file.",
    type(None): "Pickle the function, not what it or another call returns: cloudpickle.dump(predict, file).",
}


def count_arguments(model: Any) -> int:
    """1 if the model takes the live features, 2 if it takes the benchmark models too.

    Two or more positional parameters of which at most two are required mean 2; exactly one, or only *args, means 1.
    Raises Fault for what cannot be called so.
    """
    _require_callable(model)
    try:
        signature = inspect.signature(model)
    except (TypeError, ValueError) as error:
        raise Fault(Code.WRONG_SIGNATURE, f"The signature of {_name(model)} cannot be read: {error}.") from error
    parameters = signature.parameters.values()
    positional = [p for p in parameters if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    required = [p for p in positional if p.default is Parameter.empty]
    keywords = [p for p in parameters if p.kind is Parameter.KEYWORD_ONLY and p.default is Parameter.empty]
    starred = any(p.kind is Parameter.VAR_POSITIONAL for p in parameters)
    if keywords or len(required) > 2 or not (positional or starred):
        bare = [parameter.replace(annotation=Parameter.empty) for parameter in parameters]
        shown = signature.replace(parameters=bare, return_annotation=inspect.Signature.empty)
        raise Fault(
            Code.WRONG_SIGNATURE,
            f"The model's signature is {_name(model)}{shown}; it must take one or two positional arguments.",
        )
    return min(len(positional), 2) or 1


def optional_second_argument(model: Any) -> str:
    """The name of the second parameter if it is optional and may not be meant for benchmark models, or nothing."""
    parameters = list(inspect.signature(model).parameters.values())
    second = parameters[1] if len(parameters) > 1 else None
    return second.name if second and second.default is not Parameter.empty and "bench" not in second.name else ""


def _require_callable(model: Any) -> None:
    if isinstance(model, type):
        raise Fault(
            Code.NOT_CALLABLE,
            f"The pickle holds the class {_name(model)} itself, not a function or an instance.",
            "Pickle a function, or an instance whose class has __call__.",
        )
    if callable(model):
        return
    kind = type(model)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    message = f"The pickle holds {'None' if model is None else f'a {name}'}, which cannot be called."
    if callable(getattr(model, "predict", None)):
        hint = (
            "It has a predict method; pickle a function around it: "
            'def predict(live_features): return pd.DataFrame({"prediction": model.predict(live_features[columns])}, '
            "index=live_features.index)."
        )
        raise Fault(Code.NOT_CALLABLE, message, hint)
    raise Fault(Code.NOT_CALLABLE, message, MISTAKEN.get(kind))


def _name(model: Any) -> str:
    return str(getattr(model, "__name__", type(model).__name__))
