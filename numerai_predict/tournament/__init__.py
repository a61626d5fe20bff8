"""A participant's tournament: every morning the models of a folder are run, submitted and read back."""

from typing import TYPE_CHECKING

from numerai_predict.on_demand import on_demand

if TYPE_CHECKING:
    from numerai_predict.tournament.check import Finding, check_tournament
    from numerai_predict.tournament.clock import Clock, SystemClock
    from numerai_predict.tournament.messages import Messenger, headline
    from numerai_predict.tournament.morning import Morning, Wishes
    from numerai_predict.tournament.page import PAGE, write_page
    from numerai_predict.tournament.results import ModelResult, RoundResults, State, read_results
    from numerai_predict.tournament.results_text import results_text
    from numerai_predict.tournament.round_folder import RoundFolder, rounds_in
    from numerai_predict.tournament.settings import Settings, read_settings

__all__ = [
    "PAGE",
    "Clock",
    "Finding",
    "Messenger",
    "ModelResult",
    "Morning",
    "RoundFolder",
    "RoundResults",
    "Settings",
    "State",
    "SystemClock",
    "Wishes",
    "check_tournament",
    "headline",
    "read_results",
    "read_settings",
    "results_text",
    "rounds_in",
    "write_page",
]

__getattr__ = on_demand(
    __name__,
    {
        "check": "Finding check_tournament",
        "clock": "Clock SystemClock",
        "messages": "Messenger headline",
        "morning": "Morning Wishes",
        "page": "PAGE write_page",
        "results": "ModelResult RoundResults State read_results",
        "results_text": "results_text",
        "round_folder": "RoundFolder rounds_in",
        "settings": "Settings read_settings",
    },
)
