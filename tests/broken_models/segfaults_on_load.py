"""A native crash while the pickle is loaded."""

import ctypes


def load() -> None:
    ctypes.string_at(0)


class Model:
    def __reduce__(self) -> tuple[object, ...]:
        return load, ()


MODEL = Model()
