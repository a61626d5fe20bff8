"""Sends messages about a morning: to a ping address, a webhook, apprise, and GitHub's step summary."""

import contextlib
import html
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from numerai_predict.tournament.results import ModelResult, RoundResults, State, how_it_went
from numerai_predict.tournament.settings import Channels
from numerai_predict.transfer import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, RequestFailed, retry_with_backoff
from numerai_predict.visible import visible

# Of the models that are not as they should be, a message names so many.
MOST_NAMED = 5
# A message is tried again for so long: the round does not wait for it longer.
MESSAGE_S = 20.0
# https://discord.com/developers/docs/resources/webhook#execute-webhook
MOST_OF_DISCORD = 2000
# A weekend's round is open for a day.
MOST_MINUTES = 120
SUMMARY = "GITHUB_STEP_SUMMARY"
_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|~#&"})

_log = logging.getLogger(__name__)


def headline(results: RoundResults, left_s: float) -> str:
    """One line: "Round 1342: 19 on time, 1 failed: foo out_of_memory, 22 min left"."""
    if results.problem:
        return visible(f"Round {results.number}: {results.problem}")
    parts = [": ".join(filter(None, (how_it_went(results.models), _named(results)))), *_time_left(left_s)]
    return visible(f"Round {results.number}: {', '.join(parts)}")


def _named(results: RoundResults) -> str:
    """The models that are not as they should be, each with its code, in the order of their states."""
    order = list(State)
    bad = [model for model in results.models if model.state.exit_status]
    bad.sort(key=lambda model: order.index(model.state))
    named = ", ".join(f"{model.name} {model.code or model.state.label}" for model in bad[:MOST_NAMED])
    return named + (f" and {len(bad) - MOST_NAMED:,} more" if len(bad) > MOST_NAMED else "")


def _time_left(left_s: float) -> list[str]:
    """As a part of a headline; none after the deadline."""
    if left_s <= 0:
        return []
    minutes = int(left_s // 60)
    return [f"{minutes // 60} h left" if minutes >= MOST_MINUTES else f"{minutes} min left"]


class Messenger:
    """Sends messages where the channels say, and to $GITHUB_STEP_SUMMARY. A message that cannot be sent is logged and
    changes nothing else.

    The webhook gets what its host takes: Discord {"content": text}, Slack {"text": text}, and any other
    {"text": text, "status": exit_status}.
    """

    def __init__(self, channels: Channels, environment: Mapping[str, str]) -> None:
        self._channels = channels
        self._summary = environment.get(SUMMARY)

    def start(self) -> None:
        """Ping that it has begun (URL/start, https://healthchecks.io/docs/http_api/)."""
        self._ping("start", "")

    def end(self, exit_status: int, text: str, details: str = "", is_news: bool = True) -> None:
        """Ping how it ended (URL/EXIT_STATUS, the text in its body). If it is news, send the text everywhere else too;
        `details` is Markdown for the step summary.
        """
        self._ping(str(exit_status), text)
        if not is_news:
            return
        if webhook := self._channels.webhook:
            _attempt(_host_of(webhook), lambda: _post(webhook, json=_webhook_body(webhook, text, exit_status)))
        if apprise := self._channels.apprise:
            _attempt(f"{apprise.partition('://')[0]}://…", lambda: _notify(apprise, text))
        if summary := self._summary:
            _attempt(f"${SUMMARY}", lambda: _append(summary, f"{_plain(text)}\n\n{details}\n"))

    def _ping(self, what: str, text: str) -> None:
        if ping := self._channels.ping:
            _attempt(_host_of(ping), lambda: _post(_below(ping, what), data=text.encode()))


def results_table(results: RoundResults) -> str:
    """The models as a table in Markdown, for the step summary."""
    rows = [("Model", "State", "Why", "Time", "Memory"), ("---",) * 5, *map(_row, results.models)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(model: ModelResult) -> tuple[str, ...]:
    code = f"`{model.code}`" if model.code else ""
    why = " ".join(filter(None, (code, _plain(model.message), _plain(model.hint))))
    time = _of_limit(model.wall_s, model.time_limit, "s")
    memory = _of_limit(model.peak_memory_bytes, model.memory_limit, "MiB", 1 << 20)
    return (f"`{model.name}`", model.state.label, why, time, memory)


def _of_limit(used: float | None, limit: float, unit: str, size: int = 1) -> str:
    if used is None:
        return ""
    return f"{used / size:,.0f}" + (f" of {limit / size:,.0f}" if limit else "") + f" {unit}"


def _plain(text: str) -> str:
    """The text on one line of Markdown that means nothing but itself: models and servers say what they like."""
    return visible(text).translate(_MARKS)


def _attempt(place: str, send: Callable[[], None]) -> None:
    """Send, or log why not, in words that hold nothing of an address but what `place` shows."""
    try:
        send()
    except Exception as error:  # Of the plugins of apprise any.
        reason = str(error) if isinstance(error, RequestFailed) else type(error).__name__
        _log.warning("The message to %s was not sent: %s", place, reason)


def _host_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}"


def _below(url: str, name: str) -> str:
    """The address with a longer path, and the query that it has."""
    parts = urlsplit(url)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{name}").geturl()


def _webhook_body(url: str, text: str, exit_status: int) -> dict[str, Any]:
    host = urlsplit(url).hostname or ""
    if f".{host}".endswith((".discord.com", ".discordapp.com")):
        return {"content": text if len(text) <= MOST_OF_DISCORD else f"{text[: MOST_OF_DISCORD - 1]}…"}
    if host == "hooks.slack.com":  # https://docs.slack.dev/messaging/formatting-message-text
        return {"text": html.escape(text, quote=False)}
    return {"text": text, "status": exit_status}


def _post(url: str, **content: Any) -> None:
    """Post once with success, trying again for MESSAGE_S. Raises RequestFailed, whose message has nothing of the URL:
    the body of an answer, which may quote it, is not read.
    """
    import requests

    timeout = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)

    def request() -> "requests.Response":
        with requests.post(url, timeout=timeout, allow_redirects=False, stream=True, **content) as response:
            return response

    retry_with_backoff(request, MESSAGE_S)


def _notify(url: str, text: str) -> None:
    try:
        import apprise
    except ImportError:
        raise RequestFailed("apprise is not installed; pip install apprise") from None
    with _silent(logging.getLogger("apprise")):
        target = apprise.Apprise()
        if not target.add(url):
            raise RequestFailed("apprise does not take this address; try it with the command apprise")
        if not target.notify(body=text):
            raise RequestFailed("apprise could not deliver it; try the address with the command apprise")


@contextlib.contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    """While inside, the logger logs nothing: it would show parts of an address."""

    def refuse(record: logging.LogRecord) -> bool:
        return False

    logger.addFilter(refuse)
    try:
        yield
    finally:
        logger.removeFilter(refuse)


def _append(path: str, text: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)
