"""Which libraries a pickle mentions, seen without parsing it: quick, and wrong in no harmful way."""

import re
from collections.abc import Iterable
from pathlib import Path

from numerai_predict.files import open_file

# Names come before the data that they are of, or behind it, in the globals of a function.
END_BYTES = 16 << 20


def mentioned(path: Path, names: Iterable[str]) -> set[str]:
    """Those of the names that are a word in the file's first or last 16 MiB; in a compressed one, none. Raises OSError.

    What a model imports only when it runs is among them, as code has its names in plain text.
    """
    with open_file(path) as file:
        ends = file.read(END_BYTES)
        file.seek(max(file.tell(), path.stat().st_size - END_BYTES))
        ends += file.read()
    return {name for name in names if re.search(rb"\b%b\b" % name.encode(), ends)}
