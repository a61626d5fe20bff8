"""Downloads something while it is loaded."""

import urllib.request


def load() -> None:
    urllib.request.urlopen("http://127.0.0.1:9/").close()


class Model:
    def __reduce__(self) -> tuple[object, ...]:
        return load, ()


MODEL = Model()
