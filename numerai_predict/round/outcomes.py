"""What comes of a model of the round, as the store has it: its predictions, and its outcome."""

import hashlib
import json
from typing import Any, Protocol

from numerai_predict.report import RunReport
from numerai_predict.round.store import Store

PREDICTIONS = "predictions"


class Renewable(Protocol):
    """Of a claim, what its holder proves it with."""

    @property
    def is_first(self) -> bool:
        """Whether nobody has held it before."""

    def renew(self) -> bool:
        """Whether it is held still."""


def predictions_key(model_id: str) -> str:
    """Where the predictions of a model are written."""
    return f"{PREDICTIONS}/{model_id}.csv"


def write_predictions(store: Store, claim: Renewable, key: str, csv: bytes) -> bool:
    """Write the predictions, in the place of those of an attempt that died before its outcome; false if the claim is
    lost. Raises StoreError.

    The version that is replaced was read before the claim was renewed, and who takes the claim over writes a version
    of its own before its outcome: a worker that wakes up here after it was taken for dead replaces nothing.
    """
    may_be_there = not claim.is_first
    while True:
        found = store.read(key) if may_be_there else None
        may_be_there = True
        if not claim.renew():
            return False
        if store.create(key, csv) if found is None else store.replace(key, csv, found.version):
            return True


def outcome_json(model_id: str, report: RunReport, worker: dict[str, Any], csv: bytes | None) -> bytes:
    """The outcome: the report, whose it is, who ran it, and the SHA-256 of the predictions that were written."""
    about = {"id": model_id, "worker": worker}
    if csv is not None:
        about["csv_sha256"] = hashlib.sha256(csv).hexdigest()
    return json.dumps({**about, **report.as_json()}, indent=2, allow_nan=False).encode() + b"\n"
