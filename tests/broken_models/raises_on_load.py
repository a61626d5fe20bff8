"""An exception while the pickle is loaded."""


def load() -> None:
    raise ValueError("no such regime")


class Model:
    def __reduce__(self) -> tuple[object, ...]:
        return load, ()


MODEL = Model()
