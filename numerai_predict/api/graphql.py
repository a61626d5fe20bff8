"""One question to Numerai's API: its answer, or why there is none, as a sentence without secrets."""

from collections.abc import Mapping
from typing import Any

URL = "https://api-tournament.numer.ai"
# Another address of the API: a proxy, or a stand-in for tests.
URL_VARIABLE = "NUMERAI_API_URL"


class ApiError(RuntimeError):
    """The API gave no answer; its message is a sentence that may be shown."""


class ApiRefused(ApiError):
    """The API answered, and refuses: the same question has the same answer. Its message is what the API says."""


class ApiUnreachable(ApiError):
    """No answer after all tries, or one that makes no sense: what was asked for may have happened or not."""


class GraphQL:
    """The API at its address; `authorization` is the value of the header of that name, None for public questions."""

    def __init__(self, url: str = URL, authorization: str | None = None) -> None:
        self._url = url
        self._authorization = authorization

    def ask(self, query: str, variables: Mapping[str, Any], deadline_s: float, once: bool = False) -> dict[str, Any]:
        """The `data` of the answer. Asks again, for so many seconds, while that may help; with `once` only if the
        request cannot have arrived. Raises ApiRefused and ApiUnreachable.
        """
        raise NotImplementedError
