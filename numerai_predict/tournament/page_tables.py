"""The tables of the page: models by rounds, what each used in the newest round, and correlations."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from numerai_predict.tournament.page_html import Html, decorative, escaped, joined, tag, visually_hidden
from numerai_predict.tournament.page_words import (
    bytes_in_words,
    minutes_in_words,
    moment,
    seconds_in_words,
    symbol,
)
from numerai_predict.tournament.results import ModelResult, RoundResults, State, counted

UNKNOWN = "–"
MINUS = "−"  # As wide as the plus.
# From so much of a limit on, a bar has another colour and a word.
CLOSE = 0.8


def grid(rounds: Sequence[RoundResults]) -> Html:
    """How each model stood in each of the rounds, the newest first, and what the symbols mean."""
    by_name = [{model.name: model for model in results.models} for results in rounds]
    names = sorted({name for models in by_name for name in models})
    head = tag("tr", _column("Model"), *map(_round_column, rounds))
    rows = (
        tag(
            "tr", _row_head(name), *(_stood(results, of.get(name)) for results, of in zip(rounds, by_name, strict=True))
        )
        for name in names
    )
    states = counted(model for results in rounds for model in results.models)
    legend = (tag("li", symbol(state), escaped(f" {state.label}")) for state in states)
    return joined([_table("Models by rounds", head, rows, "grid"), tag("ul", *legend, class_="legend")])


def _round_column(results: RoundResults) -> Html:
    number, day = escaped(f"{results.number}"), tag("small", escaped(f"{results.opening:%m-%d}"))
    if not results.problem:
        return _column_of(number, day)
    return _column_of(symbol(State.ERROR), visually_hidden("Problem in round "), number, day, title=results.problem)


def _stood(results: RoundResults, model: ModelResult | None) -> Html:
    if model is None:
        return tag("td", decorative("·"), visually_hidden("was not there"))
    words = ", ".join(filter(None, (model.state.label, model.code)))
    return tag(
        "td", symbol(model.state), visually_hidden(words), title=f"{model.name} in round {results.number}: {words}"
    )


def used(results: RoundResults) -> Html:
    """What each model used of its limits, and when it was submitted."""
    columns = ("Model", "State", "Duration", "Peak memory", "Submitted (UTC)")
    rows = (tag("tr", *_used_by(model, results.deadline)) for model in results.models)
    return _table("Duration, memory and submission", tag("tr", *map(_column, columns)), rows, "used")


def _used_by(model: ModelResult, deadline: datetime) -> Iterator[Html]:
    yield _row_head(model.name)
    yield tag("td", symbol(model.state), escaped(f" {model.state.label}"), class_="state")
    yield tag("td", _of_limit(model.wall_s, model.time_limit, seconds_in_words))
    yield tag("td", _of_limit(model.peak_memory_bytes, model.memory_limit, bytes_in_words))
    yield tag("td", escaped(UNKNOWN) if model.submitted is None else _submitted(model.submitted, deadline))


def _of_limit(used: float | None, limit: float, in_words: Callable[[float], str]) -> Html:
    """The quantity, and below it a bar of its share of the limit if there is one."""
    if used is None:
        return escaped(UNKNOWN)
    if not limit:
        return escaped(in_words(used))
    share = used / limit
    words = f"{share:.0%} of {in_words(limit)}{', near the limit' if share >= CLOSE else ''}"
    return Html(f"{escaped(in_words(used))}{_bar(share)}{tag('small', escaped(words))}")


def _bar(share: float) -> Html:
    """Its width is an attribute: the Content-Security-Policy of the page keeps styles of elements away."""
    width = f"{100 * min(max(share, 0), 1):.1f}"
    tone = "full" if share >= CLOSE else "part"
    track, part = tag("rect", width="100", height="4"), tag("rect", width=width, height="4", class_=tone)
    return tag("svg", track, part, viewBox="0 0 100 4", preserveAspectRatio="none", aria_hidden="true", class_="bar")


def _submitted(at: datetime, deadline: datetime) -> Html:
    left = (deadline - at).total_seconds()
    words = f"{minutes_in_words(abs(left))} {'before' if left >= 0 else 'after'} the deadline"
    return Html(f"{moment(at)}{tag('small', escaped(words))}")


def correlations_table(results: RoundResults) -> Html:
    """The correlations that are known of each model, a column for each of what they are with."""
    known = list(dict.fromkeys(name for model in results.models for name in model.correlations or ()))
    columns = ["yesterday", *(name for name in known if name != "yesterday")]
    head = tag("tr", _column("Model"), *map(_column, columns))
    rows = (
        tag("tr", _row_head(model.name), *(_correlation(model, column) for column in columns))
        for model in results.models
    )
    return _table("Correlations of the predictions", head, rows, "correlations")


def _correlation(model: ModelResult, column: str) -> Html:
    value = (model.correlations or {}).get(column)
    return tag("td", escaped(UNKNOWN if value is None else f"{value:+.3f}".replace("-", MINUS)))


def _table(label: str, head: Html, rows: Iterator[Html], class_: str) -> Html:
    """In a frame that scrolls by itself, by the keyboard too."""
    table = tag(
        "table", tag("caption", visually_hidden(label)), tag("thead", head), tag("tbody", joined(rows)), class_=class_
    )
    return tag("div", table, class_="frame", role="region", aria_label=label, tabindex="0")


def _column(name: str) -> Html:
    return _column_of(_breakable(name))


def _column_of(*content: Html, **attributes: str) -> Html:
    return tag("th", *content, scope="col", **attributes)


def _row_head(name: str) -> Html:
    return tag("th", _breakable(name), scope="row")


def _breakable(name: str) -> Html:
    """A name that may go on in the next line after each underscore."""
    return Html(escaped(name).replace("_", "_<wbr>"))
