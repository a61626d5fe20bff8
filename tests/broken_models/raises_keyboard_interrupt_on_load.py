"""What Ctrl-C raises, raised while the pickle is loaded."""


def load() -> None:
    raise KeyboardInterrupt


class Model:
    def __reduce__(self) -> tuple[object, ...]:
        return load, ()


MODEL = Model()
