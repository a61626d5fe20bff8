"""Whether a model's slot at Numerai takes its predictions."""

import difflib
from collections.abc import Mapping

from numerai_predict.api import Slot


def slot_problem(name: str, account: Mapping[str, Slot]) -> str:
    """Why nothing can be submitted to the slot of that name, and the remedy; empty if it can."""
    slot = account.get(name)
    if slot is None:
        similar = difflib.get_close_matches(name, account, n=1)
        meant = f" Is it {similar[0]}?" if similar else ""
        return f"The account has no model of the name {name}.{meant} Name the pickle like the model at numer.ai."
    if slot.has_pickle:
        return (
            f"{name} has a pickle uploaded at numer.ai, and such a model takes no submissions. "
            "Remove the upload there, or the pickle here."
        )
    return ""
