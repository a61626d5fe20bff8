"""What torch says of CUDA tensors without a GPU (a stand-in: torch need not be installed)."""


def load() -> None:
    raise RuntimeError("Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False.")


class Model:
    def __reduce__(self) -> tuple[object, ...]:
        return load, ()


MODEL = Model()
