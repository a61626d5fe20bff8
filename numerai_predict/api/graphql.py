"""One question to Numerai's API: its answer, or why there is none, as a sentence without secrets."""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from numerai_predict.api.fields import Fields, SenselessAnswer
from numerai_predict.faults import Code, Fault
from numerai_predict.redaction import hide_queries, without, without_query
from numerai_predict.transfer import (
    API_URL_VARIABLE,
    RequestFailed,
    TransientFailure,
    answer_to,
    has_host,
    is_private,
    is_worth_retrying,
    keep_trying,
    post_json,
)
from numerai_predict.visible import visible

if TYPE_CHECKING:
    import requests

T = TypeVar("T")

URL = "https://api-tournament.numer.ai"
# Whatever else the API says with status 200 is an answer. In lower case, without a full stop.
SERVER_FAILED = frozenset(("internal server error", "timeout"))
LONGEST_MESSAGE = 500


class ApiError(RuntimeError):
    """The API gave no answer; its message is a sentence that may be shown, without its full stop."""


class ApiRefused(ApiError):
    """The API answered, and refuses: the same question has the same answer. Its message is what the API says."""


class ApiUnreachable(ApiError):
    """No answer after all tries, or one that makes no sense: what was asked for may have happened or not."""


def api_url(environment: Mapping[str, str]) -> str:
    """The address of the API: $NUMERAI_API_URL if that is set. Raises Fault if it is no http(s) URL."""
    url = environment.get(API_URL_VARIABLE) or URL
    if not has_host(url):
        raise Fault(Code.USAGE, f"{API_URL_VARIABLE} is no http(s) URL.", f"Remove it, or set it to {URL}.")
    return url


class GraphQL:
    """The API at its address; `authorization` is the value of the header of that name, None for public questions.
    Raises Fault for an address to which the keys would travel in clear text.
    """

    def __init__(self, url: str = URL, authorization: str | None = None) -> None:
        if authorization and not is_private(url):
            problem = f"Keys are not sent to {without_query(url)}, as others could read them on their way."
            raise Fault(Code.USAGE, problem, "Use an https address; http is only for this machine (127.0.0.1).")
        self._url = url
        self._authorization = authorization

    def ask(
        self,
        query: str,
        variables: Mapping[str, Any],
        deadline_s: float,
        read: Callable[[Fields], T],
        once: bool = False,
    ) -> T:
        """What `read` makes of the `data` of the answer. Asks again, for so many seconds, while that may help, also if
        `read` raises SenselessAnswer; with `once` only if no connection was made, so that the request cannot have
        arrived. Raises ApiRefused and ApiUnreachable.
        """
        question = json.dumps({"query": query, "variables": variables}).encode()

        def attempt() -> T:
            try:
                return _answer_in(self._post(question), read, self._shown)
            except TransientFailure as failure:
                if once and not failure.unsent:
                    raise ApiUnreachable(sentence(failure)) from None
                raise

        try:
            return keep_trying(attempt, deadline_s)
        except RequestFailed as failure:
            raise ApiUnreachable(sentence(failure)) from None

    def _post(self, question: bytes) -> "requests.Response":
        def request() -> "requests.Response":
            response = post_json(self._url, question, self._authorization)
            self._check_refusal(response)
            return response

        try:
            return answer_to(request)
        except (TransientFailure, RequestFailed) as failure:
            failure.args = (f"the request to the Numerai API failed ({failure})",)
            raise

    def _check_refusal(self, response: "requests.Response") -> None:
        """Raises ApiRefused for a status that will be the same next time. A redirection is not followed: the keys, and
        what is to be submitted, are for this address only.
        """
        status = response.status_code
        if status < 400 or is_worth_retrying(status):
            return
        said = self._shown(messages_in(response))
        if status in (401, 403) and self._authorization:
            raise ApiRefused(f"The keys are refused (HTTP status {status}{', ' if said else ''}{said})")
        raise ApiRefused(said or f"The request to the Numerai API failed (HTTP status {status})")

    def _shown(self, messages: list[str]) -> str:
        """The messages as one line, without the keys, and without full stops."""
        said = "; ".join(message.strip().rstrip(".") for message in messages)
        secrets = [self._authorization, self._authorization.partition("$")[2]] if self._authorization else []
        return visible(hide_queries(without(secrets, " ".join(said.split()))))[:LONGEST_MESSAGE]


def _answer_in(response: "requests.Response", read: Callable[[Fields], T], shown: Callable[[list[str]], str]) -> T:
    """What `read` makes of the answer's data. Raises ApiRefused for errors in it, and TransientFailure for those that
    say that the server failed, and for what makes no sense.
    """
    messages = messages_in(response)
    if messages and all(message.strip().rstrip(".").lower() in SERVER_FAILED for message in messages):
        raise TransientFailure(f"the Numerai API says: {shown(messages)}")
    if messages:
        raise ApiRefused(shown(messages) or "An error without a message")
    try:
        return read(Fields(content_of(response).get("data"), "data"))
    except SenselessAnswer as error:
        raise TransientFailure(f"the answer of the Numerai API makes no sense ({error})") from None


def messages_in(response: "requests.Response") -> list[str]:
    """What the errors in an answer say, each as it is; empty without errors. What goes wrong outside of GraphQL has
    an object with a `detail` in their place.
    """
    errors = content_of(response).get("errors")
    if isinstance(errors, dict):
        return [str(errors.get("detail", ""))]
    if isinstance(errors, list):
        return [str(error.get("message") or "") if isinstance(error, dict) else str(error) for error in errors]
    return [str(errors)] if errors else []


def content_of(response: "requests.Response") -> dict[str, Any]:
    """The object that the answer is; an empty one for any other answer."""
    try:
        content = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def sentence(failure: Exception) -> str:
    """The failure with a capital letter at its beginning."""
    text = str(failure)
    return text[:1].upper() + text[1:]
