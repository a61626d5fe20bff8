"""How the page shows a state, a quantity and a time: as words, and symbols beside them."""

from datetime import datetime, timezone

from numerai_predict.tournament.page_html import Html, decorative, escaped, tag
from numerai_predict.tournament.results import State

# A symbol, and a class of page.css.
LOOKS = {
    State.ON_TIME: ("✓", "good"),
    State.READY: ("○", "calm"),
    State.FAILED: ("✕", "bad"),
    State.NO_SLOT: ("⊘", "bad"),
    State.REJECTED: ("⊗", "bad"),
    State.LATE: ("◷", "doubtful"),
    State.ERROR: ("!", "doubtful"),
    State.WAITING: ("…", "calm"),
}


def symbol(state: State) -> Html:
    """The state's symbol on its colour; a word has to be beside it."""
    sign, tone = LOOKS[state]
    return tag("span", decorative(sign), class_=f"sign {tone}")


def seconds_in_words(seconds: float) -> str:
    """4.2 s, 12 min 5 s, 3 h 20 min."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        minutes, hours = minutes % 60, minutes // 60
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def minutes_in_words(seconds: float) -> str:
    """The same without seconds, where there are minutes."""
    return seconds_in_words(seconds if seconds < 60 else seconds // 60 * 60)


def bytes_in_words(size: float) -> str:
    """812 MiB, 2.4 GiB."""
    return f"{size / (1 << 30):,.1f} GiB" if size >= 1 << 30 else f"{size / (1 << 20):,.0f} MiB"


def moment(time: datetime) -> Html:
    """A time of UTC, to the minute."""
    in_utc = time.astimezone(timezone.utc)
    return tag("time", escaped(f"{in_utc:%Y-%m-%d %H:%M}"), datetime=f"{in_utc:%Y-%m-%dT%H:%M:%SZ}")
