"""A model file and exceptions of a model, as the parent gets to know them."""

import builtins

from numerai_predict.child import RaisedException
from numerai_predict.inspection import PickleFacts

FACTS = PickleFacts(path="/tmp/model.pkl", bytes=12345, compression=None, protocol=5, other="")
WHERE = " in predict (model.py line 5)"


def exception(kind: str, message: str = "", *bases: str, name: str = "", where: str = "") -> RaisedException:
    """What a child reports of an exception; bases beyond those of a builtin class are named."""
    builtin = getattr(builtins, kind, Exception)
    return RaisedException(
        kind=kind,
        kinds=[kind, *bases, *(base.__name__ for base in builtin.__mro__ if base.__name__ != kind)],
        message=message,
        name=name,
        where=where,
        trace="Traceback",
        libraries={"numpy": "1.26.4", "sklearn": "1.6.1", "pandas": "2.2.1"},
    )
