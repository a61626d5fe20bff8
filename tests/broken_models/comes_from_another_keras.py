"""What Keras says of a model of another version (a stand-in: Keras need not be installed)."""


def load() -> None:
    module = "keras.src.models.functional"
    raise TypeError(f"Could not deserialize class 'Functional' because its parent module {module} cannot be imported.")


class Model:
    def __reduce__(self) -> tuple[object, ...]:
        return load, ()


MODEL = Model()
