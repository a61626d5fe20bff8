"""Modules that the model needs and that are not here."""

from numerai_predict.diagnosis.loading import incompatible
from numerai_predict.diagnosis.raised import Raised
from numerai_predict.faults import Code, Fault


def missing_module(raised: Raised) -> Fault | None:
    """The fault of a model that imports what is not here."""
    if "ModuleNotFoundError" not in raised.kinds:
        return None
    # A dotted name means that the package itself was found: it is the version that differs.
    if "." in raised.name:
        return incompatible(raised, raised.name.partition(".")[0])
    what = "The pickle" if raised.is_loading else "The model"
    return Fault(
        Code.MISSING_MODULE, f"{what} needs the module {raised.name!r}, which is not installed here{raised.where}."
    )
