"""Sends messages about a morning: to a ping address, a webhook, apprise, and GitHub's step summary."""

from collections.abc import Mapping

from numerai_predict.tournament.results import RoundResults
from numerai_predict.tournament.settings import Channels


def headline(results: RoundResults, left_s: float) -> str:
    """One line: "Round 1342: 19 on time, 1 failed: foo out_of_memory, 22 min left"."""
    raise NotImplementedError


class Messenger:
    """Sends messages where the channels say, and to $GITHUB_STEP_SUMMARY. A message that cannot be sent is logged and
    changes nothing else.
    """

    def __init__(self, channels: Channels, environment: Mapping[str, str]) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Ping that it has begun (URL/start, https://healthchecks.io/docs/http_api/)."""
        raise NotImplementedError

    def end(self, exit_status: int, text: str, details: str = "", is_news: bool = True) -> None:
        """Ping how it ended (URL/EXIT_STATUS, the text in its body). If it is news, send the text everywhere else too;
        `details` is Markdown for the step summary.
        """
        raise NotImplementedError


def results_table(results: RoundResults) -> str:
    """The models as a table in Markdown, for the step summary."""
    raise NotImplementedError
