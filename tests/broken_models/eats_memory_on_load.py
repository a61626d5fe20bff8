"""Memory that only grows, while the pickle is loaded."""

import numpy as np


def load() -> None:
    kept: list[object] = []
    while True:
        kept.append(np.ones(1 << 21))


class Model:
    def __reduce__(self) -> tuple[object, ...]:
        return load, ()


MODEL = Model()
