"""What a library says that was built for another NumPy (a stand-in)."""


def load() -> None:
    raise ValueError(
        "numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88 from PyObject"
    )


class Model:
    def __reduce__(self) -> tuple[object, ...]:
        return load, ()


MODEL = Model()
