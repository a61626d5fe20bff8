"""Whether a model's slot at Numerai takes its predictions."""

import difflib
from collections.abc import Mapping

from numerai_predict.api import Slot
from numerai_predict.tournament.settings import MODELS

MODELS_PAGE = "https://numer.ai/models"


def slot_problem(name: str, pickle: str, account: Mapping[str, Slot]) -> tuple[str, str] | None:
    """Why nothing can be submitted to the slot of that name, and the remedy; None: it can. `pickle` is a file name."""
    slot = account.get(name)
    if slot is None:
        names = {one.lower(): one for one in account}
        similar = [names[one] for one in difflib.get_close_matches(name.lower(), names)]
        hint = f"Make it at {MODELS_PAGE}, or rename the pickle"
        hint += f": there is {' and '.join(similar)}." if similar else "."
        return "The account has no model of that name.", hint
    if slot.has_pickle:
        message = "Numerai runs a pickle that was uploaded for it, so it takes no submissions."
        return message, f"Remove the upload at {MODELS_PAGE}, or {pickle} from {MODELS}/."
    return None
