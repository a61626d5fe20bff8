"""A random generator that this NumPy does not know."""

from numpy.random import _pickle


class Generator:
    def __reduce__(self) -> tuple[object, ...]:
        return getattr(_pickle, "__bit_generator_ctor"), ("PCG128",)


MODEL = Generator()
