"""Of a model that has been loaded: whether it can be called with one or two DataFrames, and with how many.

model_signature.py answers the same of a model that is still a pickle.
"""

import functools
import inspect
import types
from inspect import Parameter, Signature
from typing import Any

from numerai_predict.faults import Code, Fault

# Its __call__ takes anything and passes it on to `forward`:
# https://github.com/pytorch/pytorch/blob/main/torch/nn/modules/module.py
TORCH_MODULE = ("torch.nn.modules.module", "Module")
# What is often pickled in place of a function, and how that comes about.
MISTAKEN = {
    bytes: "It seems to be pickled twice: write cloudpickle.dump(predict, file), without dumps.",
    str: "Pickle the function itself, not its name or the path of a file.",
    type(None): "Pickle the function, not what it or another call returns: cloudpickle.dump(predict, file).",
}


def count_arguments(model: Any) -> int:
    """1 if the model is called with the live features, 2 if with the benchmark models too (count_frames).

    Raises Fault for what cannot be called so.
    """
    _require_callable(model)
    try:
        shown, real = _signatures(model)
    except (TypeError, ValueError) as error:
        raise Fault(Code.WRONG_SIGNATURE, f"The signature of {_name(model)} cannot be read: {error}.") from error
    frames = count_frames(shown, real)
    if not frames:
        decisive = decisive_signature(shown, real)
        bare = [parameter.replace(annotation=Parameter.empty) for parameter in decisive.parameters.values()]
        signature = decisive.replace(parameters=bare, return_annotation=Signature.empty)
        raise Fault(
            Code.WRONG_SIGNATURE,
            f"The model's signature is {_name(model)}{signature}; it must take one or two positional arguments.",
        )
    return frames


def optional_second_argument(model: Any) -> str:
    """The parameter that takes the benchmark models and may not be meant for them: an optional one by its name, or
    `*rest`. Empty if there is none, or the model is called with the live features alone.
    """
    shown, real = _signatures(model)
    if count_frames(shown, real) != 2:
        return ""
    parameters = decisive_signature(shown, real).parameters.values()
    positional = _positional(parameters)
    if len(positional) < 2:
        return next(f"*{parameter.name}" for parameter in parameters if parameter.kind is Parameter.VAR_POSITIONAL)
    return positional[1].name if _is_another_option(positional[1]) else ""


def count_frames(shown: Signature, real: Signature) -> int:
    """With how many DataFrames a model is called: 1, 2, or 0 for neither; `shown` is what inspect.signature says of
    it, `real` is the signature without what only describes it (`__wrapped__`, `__signature__`).

    The platform counts the parameters, of whatever kind: of one it passes the live features, of two both, and of any
    other number none. So do we, unless that call would not fit and the other one does.
    """
    count = len(shown.parameters)
    decisive = decisive_signature(shown, real)
    likely = count if count in (1, 2) else _likely(decisive)
    for frames in (likely, 3 - likely):
        if _fits(decisive, frames) and _fits(real, frames):
            return frames
    return count if count in (1, 2) and _fits(real, count) else 0


def decisive_signature(shown: Signature, real: Signature) -> Signature:
    """The signature that a call has to fit: what takes *args passes them on to what it wraps."""
    starred = any(parameter.kind is Parameter.VAR_POSITIONAL for parameter in real.parameters.values())
    return shown if starred else real


def _likely(signature: Signature) -> int:
    """With how many the platform, which refuses such a model, would call it if it took only what it needs."""
    positional = _positional(signature.parameters.values())
    return 1 if len(positional) > 1 and _is_another_option(positional[1]) else 2


def _fits(signature: Signature, frames: int) -> bool:
    try:
        signature.bind(*[None] * frames)
    except TypeError:
        return False
    return True


def _positional(parameters: Any) -> list[Parameter]:
    return [p for p in parameters if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]


def _is_another_option(parameter: Parameter) -> bool:
    return parameter.default is not Parameter.empty and "bench" not in parameter.name


def _signatures(model: Any) -> tuple[Signature, Signature]:
    return inspect.signature(model), inspect.signature(_bare(model))


def _bare(model: Any) -> Any:
    """What a call of the model comes to, without what only describes it; the model itself where that is not Python."""
    match model:
        case types.FunctionType():
            bare = types.FunctionType(model.__code__, {}, None, model.__defaults__, model.__closure__)
            bare.__kwdefaults__ = model.__kwdefaults__
            return bare
        case types.MethodType():
            return types.MethodType(_bare(model.__func__), model.__self__)
        case functools.partial():
            return functools.partial(_bare(model.func), *model.args, **model.keywords)
    call = _call_of(model)
    return _bare(call) if isinstance(call, (types.FunctionType, types.MethodType, functools.partial)) else model


def _call_of(model: Any) -> Any:
    """What Python calls in place of an instance, as a bound method."""
    kind = next(kind for kind in type(model).__mro__ if "__call__" in vars(kind))
    if (kind.__module__, kind.__qualname__) == TORCH_MODULE:
        return model.forward
    call = vars(kind)["__call__"]
    return call.__get__(model, type(model)) if hasattr(call, "__get__") else call


def _require_callable(model: Any) -> None:
    if isinstance(model, type) and _makes_instances(model):
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


def _makes_instances(kind: type) -> bool:
    """Whether a call of the class returns an instance of it, and so no DataFrame."""
    made = (vars(base).get("__new__") for base in kind.__mro__)
    return type(kind).__call__ is type.__call__ and not any(isinstance(new, staticmethod) for new in made)


def _name(model: Any) -> str:
    return str(getattr(model, "__name__", type(model).__name__))
