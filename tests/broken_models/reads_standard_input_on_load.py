"""Asks a question that nobody answers, while it is loaded."""


def load() -> None:
    input("Which model? ")


class Model:
    def __reduce__(self) -> tuple[object, ...]:
        return load, ()


MODEL = Model()
