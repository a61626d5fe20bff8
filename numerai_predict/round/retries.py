"""What becomes of a model whose run ended by a fault of ours, and when a worker sees that it is not the models."""

from numerai_predict.faults import Blame, Code

# How long a model waits after its first, second, … run that ended by a fault of ours. One more is its outcome.
BACKOFF_S = (5.0, 20.0, 60.0)
# One missing file is a matter of that model; five different models in a row are not.
SAME_FAULTS = 5


def backoff_s(errors: int) -> float | None:
    """How long a model waits for its next run after so many that ended by a fault of ours, this one included; None if
    there is none: the last fault is its outcome.
    """
    return BACKOFF_S[errors - 1] if errors <= len(BACKOFF_S) else None


class Breaker:
    """Notes how runs end, one after another, and says when the fault is not the models'."""

    def __init__(self) -> None:
        self._code: Code | None = None
        self._models: set[str] = set()

    def note(self, model_id: str, code: Code | None) -> None:
        """A run of the model ended so; None if it succeeded."""
        ours = code if code is not None and code.blame is not Blame.MODEL else None
        if ours is None or ours is not self._code:
            self._models.clear()
        self._code = ours
        if ours is not None:
            self._models.add(model_id)

    @property
    def code(self) -> Code | None:
        """The fault of ours by which the runs of SAME_FAULTS different models ended, with no other end between; None
        if there is none. The worker then has to stop, without an outcome for the last of them.
        """
        return self._code if len(self._models) >= SAME_FAULTS else None
