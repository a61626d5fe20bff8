"""A library that is there but does not load."""


def load() -> None:
    raise ImportError("libgomp.so.1: cannot open shared object file: No such file or directory")


class Model:
    def __reduce__(self) -> tuple[object, ...]:
        return load, ()


MODEL = Model()
