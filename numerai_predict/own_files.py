"""Which frames of a traceback are the runtime's own, by the file that they are in."""

import os


def is_ours(file: str) -> bool:
    """Whether a frame of that file belongs to this package, or to the runpy that started it.

    What a user calls `predict.py`, or keeps in another folder named `numerai_predict`, is not ours.
    """
    return _normal(file).startswith(_FOLDER) or file in _STARTERS


def _normal(path: str) -> str:
    """Without `.`, `..` and doubled slashes: a script that is started in `/` has the file name `//script.py`.

    No file is looked up, as a frame may name anything, and the model may have removed the working directory.
    """
    path = os.path.normpath(path)
    return path[1:] if path.startswith("//") else path  # normpath keeps two slashes in front, as POSIX does.


_FOLDER = f"{_normal(os.path.dirname(__file__))}/"
# From Python 3.11 on runpy is part of the interpreter.
_STARTERS = ("<frozen runpy>", os.path.join(os.path.dirname(os.__file__), "runpy.py"))
