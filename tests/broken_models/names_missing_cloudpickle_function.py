"""A function of another cloudpickle."""

from pathlib import Path


def write(path: Path) -> None:
    path.write_bytes(b"ccloudpickle.cloudpickle\n_function_setstate_of_4\n.")
