"""Write one pickle for every shape of model, as the Python that runs this and the cloudpickle on its path do.

Usage: PYTHONPATH=CLOUDPICKLE python write.py FOLDER
Runs under Python 3.8 and later, with nothing but the standard library and cloudpickle.
"""
# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs

import contextlib
import functools
import json
import operator
import os
import statistics
import sys

import cloudpickle

# The shapes that are also written in protocol 2, which has other names, and no opcodes for bytes.
OLD_FASHIONED = {"lambda", "instance", "method", "restored", "modules", "docs"}


def constant(live_features):
    return 7


def loop(live_features):
    total = 0
    for position, column in enumerate(live_features):
        total += position * len(column)
    return total


def closure(threshold):
    def predict(live_features):
        kept = [f"{column}>{threshold}" for column in live_features if len(column) > threshold]
        return kept, threshold

    return predict


def try_with(live_features):
    try:
        with contextlib.suppress(KeyError):
            return live_features["feature"] // 0
    except ZeroDivisionError:
        return -1
    return 0


def outer(live_features):
    def middle(column):
        def inner(value):
            return value + len(column)

        return inner

    return [middle(column)(1) for column in live_features]


def generator(live_features):
    return sum(len(column) for column in live_features if column)


def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        print(function.__name__)
        return function(*args, **kwargs)

    return wrapper


@logged
def decorated(live_features):
    return live_features.rank(pct=True)


def defaults(live_features, live_benchmark_models=None, factor: float = 0.5, *, clip: bool = True) -> float:
    return factor if clip else 1.0


def lazy(live_features):
    import pandas

    return pandas.Series(live_features.index)


def guarded(live_features):
    try:
        import a_module_that_nobody_has as fast  # type: ignore[import-not-found]
    except ImportError:
        fast = None
    return fast or live_features


def unguarded(live_features):
    import a_module_that_nobody_has

    return a_module_that_nobody_has.predict(live_features)


def modules(live_features):
    return statistics.mean(json.loads(live_features))


def docs(live_features):
    import pandas

    columns = [column for column in live_features.columns if column.startswith("feature_")]
    ranks = live_features[columns].mean(axis=1).rank(pct=True)
    return pandas.DataFrame({"prediction": ranks}, index=live_features.index)


def with_benchmarks(live_features, live_benchmark_models):
    blend = docs(live_features)["prediction"] + live_benchmark_models.iloc[:, 0]
    return blend.rank(pct=True).to_frame("prediction")


class Model:
    def __init__(self, weights):
        self.weights = weights

    def __call__(self, live_features):
        weighted = [live_features[column] * weight for column, weight in self.weights.items()]
        return sum(weighted).rank(pct=True).to_frame("prediction")

    def predict(self, live_features, live_benchmark_models):
        return self(live_features)


class Restored(Model):
    """Is made by a function, which cloudpickle carries inside."""

    def __reduce__(self):
        return restore, (self.weights,)


def restore(weights):
    return Restored(weights)


def scaled(factor, live_features):
    return live_features * factor


class Call:
    """Calls a function when it is loaded."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


class Trapped:
    """Loads as `docs`, after it has called a function."""

    def __init__(self, function, *args):
        self.trap = Call(function, *args)

    def __reduce__(self):
        return operator.itemgetter(1), ((self.trap, docs),)


def shapes():
    return {
        "lambda": lambda x: x + 1,
        "constant": constant,
        "loop": loop,
        "closure": closure(3),
        "try_with": try_with,
        "instance": Model({"feature_a": 0.5}),
        "method": Model({"feature_a": 0.5}).predict,
        "restored": Restored({"feature_a": 0.5}),
        "partial": functools.partial(scaled, 0.5),
        "nested": outer,
        "generator": generator,
        "decorated": decorated,
        "defaults": defaults,
        "lazy": lazy,
        "guarded": guarded,
        "unguarded": unguarded,
        "modules": modules,
        "docs": docs,
        "with_benchmarks": with_benchmarks,
        "prints": Trapped(print, "the trap was sprung"),
        "makes_a_folder": Trapped(os.mkdir, "trap"),
    }


def main(folder):
    for name, model in shapes().items():
        protocols = {2, cloudpickle.DEFAULT_PROTOCOL} if name in OLD_FASHIONED else {cloudpickle.DEFAULT_PROTOCOL}
        for protocol in protocols:
            with open(os.path.join(folder, f"{name}.{protocol}.pkl"), "wb") as file:
                cloudpickle.dump(model, file, protocol)


if __name__ == "__main__":
    main(sys.argv[1])
