"""os._exit(0) while the pickle is loaded."""

import os


def load() -> None:
    os._exit(0)


class Model:
    def __reduce__(self) -> tuple[object, ...]:
        return load, ()


MODEL = Model()
