"""The page of a tournament: report/index.html, one file that needs no network, light and dark."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from numerai_predict.files import write_whole
from numerai_predict.tournament.page_failures import earlier_failures, failures
from numerai_predict.tournament.page_html import Html, escaped, joined, tag
from numerai_predict.tournament.page_tables import correlations_table, grid, used
from numerai_predict.tournament.page_words import moment, symbol
from numerai_predict.tournament.results import RoundResults, State, counted, how_it_went

PAGE = "report/index.html"
# So many rounds are shown: six weeks.
MOST_ROUNDS = 30
STYLES = Path(__file__).with_name("page.css")
FOOTNOTE = (
    "Spearman's rank correlation over the ids that both have. – means that none is known: ids differ from round to "
    "round, so that the predictions of two rounds may share none."
)
FIRST_STEPS = (
    ("Put each model into the folder models, with the name that it has at Numerai: ", "models/NAME.pkl"),
    ("See whether all is as it must be; nothing is submitted: ", "numerai-predict tournament check"),
    ("Run the models when the next round opens, and submit: ", "numerai-predict tournament run --submit"),
)


def write_page(rounds: Sequence[RoundResults], path: Path) -> None:
    """Write the page of these rounds, the newest first: models by rounds, what failed and why, duration and memory
    against the limits, correlations. Of more than MOST_ROUNDS the newest are shown. Makes the folder. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(_document(rounds).encode(), path)


def _document(rounds: Sequence[RoundResults]) -> Html:
    newest = rounds[0] if rounds else None
    title = f"Round {newest.number}: {_state_of(newest)}" if newest else "No round was run yet"
    body = _sections(rounds[0], rounds[:MOST_ROUNDS], len(rounds)) if rounds else _first_steps()
    # A hash of the style is what the policy lets through, so there is nothing around it.
    style = Html(STYLES.read_text(encoding="utf-8"))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    head = (
        Html('<meta charset="utf-8">'),
        _meta(http_equiv="Content-Security-Policy", content=_policy(f"'sha256-{digest}'")),
        _meta(name="viewport", content="width=device-width, initial-scale=1"),
        _meta(name="color-scheme", content="light dark"),
        tag("title", escaped(title)),
        tag("style", style),
    )
    content = tag("html", tag("head", joined(head)), tag("body", tag("main", joined(body))), lang="en")
    return Html(f"<!DOCTYPE html>\n{content}\n")


def _meta(**attributes: str) -> Html:
    return Html(tag("meta", **attributes).removesuffix("</meta>"))


def _policy(style: str) -> str:
    """Nothing is loaded from anywhere, no script runs, and no form is sent."""
    return f"default-src 'none'; style-src {style}; base-uri 'none'; form-action 'none'"


def _first_steps() -> Iterator[Html]:
    yield tag("h1", escaped("No round was run yet"))
    steps = (tag("li", escaped(step), tag("code", escaped(command))) for step, command in FIRST_STEPS)
    yield tag("section", tag("h2", escaped("How to begin")), tag("ol", *steps), class_="steps")


def _sections(newest: RoundResults, shown: Sequence[RoundResults], count: int) -> Iterator[Html]:
    yield _heading(newest)
    if newest.models:
        yield tag("ul", *_cards(newest), class_="cards")
    if failed := failures(newest):
        yield _section("What failed, and why", failed)
    if any(results.models for results in shown):
        yield _section(f"The last {len(shown):,} of {count:,} rounds" if count > len(shown) else "Rounds", grid(shown))
    if newest.models:
        yield _section(f"Round {newest.number}: what the models used", used(newest))
        note = tag("p", escaped(FOOTNOTE), class_="note")
        yield _section(f"Round {newest.number}: correlations", correlations_table(newest), note)
    if earlier := earlier_failures(shown[1:]):
        yield _section("What failed in earlier rounds", earlier)


def _section(title: str, *content: Html) -> Html:
    return tag("section", tag("h2", escaped(title)), *content)


def _heading(newest: RoundResults) -> Html:
    sign = [symbol(State.ERROR)] if newest.problem else []
    times = (escaped("Opened "), moment(newest.opening), escaped(" UTC, deadline "), moment(newest.deadline))
    return tag(
        "header",
        tag("h1", escaped(f"Round {newest.number}")),
        tag("p", *sign, escaped(_state_of(newest)), class_="lead"),
        tag("p", *times, escaped(" UTC"), class_="note"),
    )


def _state_of(results: RoundResults) -> str:
    """In a line, for the heading and the title."""
    if results.problem:
        return results.problem
    states = {model.state for model in results.models}
    everything = len(results.models) > 1 and len(states) == 1
    return f"All {how_it_went(results.models)}" if everything else how_it_went(results.models).capitalize()


def _cards(newest: RoundResults) -> Iterator[Html]:
    for state, count in counted(newest.models).items():
        figure = tag("b", symbol(state), escaped(f"{count:,}"))
        yield tag("li", figure, tag("span", escaped(f"{state.label} of {len(newest.models):,}")))
