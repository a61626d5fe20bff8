"""An exception of the model, as the rules see it."""

import re
from dataclasses import dataclass

from numerai_predict.child import LOADING, RaisedException
from numerai_predict.excerpt import excerpt
from numerai_predict.inspection import PickleFacts


@dataclass(frozen=True, kw_only=True)
class Raised(RaisedException):
    """An exception of the model, with the phase that it came in and what is known of the pickle."""

    phase: str
    facts: PickleFacts

    @property
    def is_loading(self) -> bool:
        """Whether it came while the pickle was loaded."""
        return self.phase == LOADING

    @property
    def subject(self) -> str:
        """Who raised it, to begin a sentence with."""
        return "Loading the pickle" if self.is_loading else "The model"

    def says(self, pattern: str | re.Pattern[str]) -> re.Match[str] | None:
        """Where the message matches the expression, if it does."""
        return re.search(pattern, excerpt(self.message))

    @property
    def said(self) -> str:
        """The class and the message, on one readable line."""
        message = " ".join(self.message[:1000].split()).rstrip(".")
        shown = message if len(message) <= 300 else message[:300] + " …"
        return f"{self.kind}: {shown}" if shown else self.kind
