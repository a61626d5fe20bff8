"""sys.exit while the pickle is loaded."""

import sys


def load() -> None:
    sys.exit(0)


class Model:
    def __reduce__(self) -> tuple[object, ...]:
        return load, ()


MODEL = Model()
