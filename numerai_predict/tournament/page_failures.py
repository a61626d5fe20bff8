"""What failed, and why: in the newest round, and in those before."""

from collections.abc import Sequence

from numerai_predict.tournament.page_html import Html, escaped, joined, tag
from numerai_predict.tournament.page_words import symbol
from numerai_predict.tournament.results import ModelResult, RoundResults, State, how_it_went

# They have no message as long as nothing is wrong.
USUAL = (State.ON_TIME, State.READY, State.WAITING)


def failures(results: RoundResults) -> Html:
    """Each model that failed, with its code, message and hint; empty if none did."""
    return joined(map(_failure, _to_explain(results)))


def earlier_failures(rounds: Sequence[RoundResults]) -> Html:
    """The same, and what kept all models, of each of these rounds that has any, to be opened."""
    return joined(_earlier(results) for results in rounds if results.problem or _to_explain(results))


def _to_explain(results: RoundResults) -> list[ModelResult]:
    return [model for model in results.models if model.state not in USUAL or model.code or model.message]


def _earlier(results: RoundResults) -> Html:
    day = tag("small", escaped(f"{results.opening:%Y-%m-%d}"))
    went = how_it_went(results.models)
    summary = tag("summary", tag("b", escaped(f"Round {results.number}")), day, escaped(f" {went}"))
    problem = (
        [tag("p", symbol(State.ERROR), escaped(f" {results.problem}"), class_="problem")] if results.problem else []
    )
    return tag("details", summary, *problem, failures(results))


def _failure(model: ModelResult) -> Html:
    code = [tag("code", escaped(model.code))] if model.code else []
    state = tag("span", symbol(model.state), escaped(f" {model.state.label}"), class_="state")
    title = tag("h3", tag("span", escaped(model.name), class_="name"), state, *code)
    message = tag("p", escaped(model.message or "The reason is not known."), class_="message")
    hint = [tag("p", escaped(model.hint), class_="hint")] if model.hint else []
    return tag("article", title, message, *hint, class_="failure")
