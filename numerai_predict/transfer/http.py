"""One request to a server: its response, or what went wrong, in words without secrets: requests quotes whole URLs."""

import re
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, urlsplit

from numerai_predict.excerpt import excerpt
from numerai_predict.redaction import hide_queries, without
from numerai_predict.transfer import s3
from numerai_predict.transfer.retry import RequestFailed, TransientFailure, keep_trying

if TYPE_CHECKING:
    import requests

CONNECT_TIMEOUT_S = 10
# S3 begins to answer within seconds, or it does not answer.
READ_TIMEOUT_S = 30
# A round is open for one hour, in which a model of the platform's 4 GB has to come, run for its ten minutes and go.
DOWNLOAD_DEADLINE_S = 600.0
UPLOAD_DEADLINE_S = 300.0
UNRESOLVED = "the host name cannot be resolved; is there a network?"
UNREACHABLE = "the connection failed (Network is unreachable)"
# An error of S3 has some 300 bytes.
MAX_ERROR_BYTES = 4096


class Refused(RequestFailed):
    """A response that will be the same next time: its status, and the server's time."""

    def __init__(self, problem: str, status: int, at: datetime) -> None:
        super().__init__(problem)
        self.status = status
        self.at = at


def reason(failure: RequestFailed, expiry: datetime | None) -> str:
    """Why a request failed; if what was presigned had expired by then, when that was."""
    if expiry is None or not isinstance(failure, Refused) or failure.status not in (400, 403) or failure.at <= expiry:
        return str(failure)
    ago = failure.at.replace(microsecond=0) - expiry.replace(microsecond=0)
    return f"{failure}; it expired at {expiry:%Y-%m-%d %H:%M:%S} UTC, {ago} before"


def retry_with_backoff(
    request: Callable[[], "requests.Response"], deadline_s: float = UPLOAD_DEADLINE_S
) -> "requests.Response":
    """Make the request until its response has a 2xx status, and return that; pauses grow from try to try.

    Only an overloaded or failing server and a broken connection are worth another try. Raises RequestFailed.
    """
    return keep_trying(lambda: answer_to(request), deadline_s)


def answer_to(request: Callable[[], "requests.Response"]) -> "requests.Response":
    """The response, whose status is 2xx. Raises TransientFailure if another try may help, else RequestFailed."""
    import requests
    import urllib3

    broken = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    try:
        response = request()
    except (*broken, urllib3.exceptions.HTTPError) as error:
        problem = describe_error(error)
        unreached = problem in (UNRESOLVED, UNREACHABLE)
        raise TransientFailure(problem, unreached=unreached, unsent=_is_unsent(error)) from None
    except requests.RequestException as error:
        raise RequestFailed(describe_error(error)) from None
    check_status(response)
    return response


def _is_unsent(error: Exception) -> bool:
    """Whether no connection was made. One that failed through a proxy, or in its TLS handshake, does not count."""
    import urllib3

    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return isinstance(reason, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError))


def check_status(response: "requests.Response", secrets: Sequence[str] = ()) -> None:
    """Raises TransientFailure for a response that may be another one next time, Refused for one that will not.

    Their messages give the status and what S3 says in its XML, without what it quotes of the URL or of `secrets`.
    """
    if 200 <= response.status_code < 300:
        return
    said, hidden = _error_of(response)
    hidden += [" ".join(secret.split()) for secret in secrets]  # As `said` has it.
    shown = hide_queries(without(hidden, said))
    problem = f"HTTP status {response.status_code}" + (f", {shown}" if shown else "")
    if is_worth_retrying(response.status_code, said):
        raise TransientFailure(problem, asked_wait_s(response))
    raise Refused(problem, response.status_code, date_of(response))


def _error_of(response: "requests.Response") -> tuple[str, list[str]]:
    """What S3 says in its XML, if it does, and the secrets of all URLs that were asked."""
    import requests

    if not isinstance(response, requests.Response):  # Who patches requests.post answers with a status and no more.
        return "", []
    try:
        body = next(response.iter_content(MAX_ERROR_BYTES), b"")
    except requests.RequestException:
        body = b""
    urls = [answer.url for answer in (response, *response.history) if answer.url]
    return s3.error_in(body.decode(errors="replace")), [secret for url in urls for secret in secrets_of_url(url)]


def refuse_to_give_up_tls(response: "requests.Response", **_: object) -> None:
    """Raises RequestFailed for a redirect from https to http, where all could read and change what is sent."""
    if response.url.startswith("https:") and header(response, "Location").startswith("http:"):
        raise RequestFailed("it redirects to an address without TLS")


def refuse_page(response: "requests.Response") -> None:
    """Raises TransientFailure for a web page with status 200: S3 answers success with XML, or with nothing."""
    if response.status_code == 200 and header(response, "Content-Type").startswith("text/html"):
        raise TransientFailure("a web page came instead of S3's answer")


def is_worth_retrying(status: int, said: str = "") -> bool:
    """Whether another try may succeed: the server is overloaded, has failed, or got the request too slowly. S3 says the
    last with status 400: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """
    return status in (408, 429) or status >= 500 or (status == 400 and said.partition(":")[0] == "RequestTimeout")


def asked_wait_s(response: "requests.Response") -> float:
    """Seconds that the server's Retry-After asks to wait, given as a number or a date; 0 if it does not."""
    import urllib3

    try:
        return float(urllib3.Retry().parse_retry_after(header(response, "Retry-After")))
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return 0.0


def date_of(response: "requests.Response") -> datetime:
    """The server's time, in UTC: it alone decides what has expired; ours if it does not say."""
    import email.utils

    try:
        return email.utils.parsedate_to_datetime(header(response, "Date")).astimezone(timezone.utc)
    except (TypeError, ValueError):  # Of no date, Python 3.10 raises the former, 3.11 the latter.
        return datetime.now(timezone.utc)


def header(response: "requests.Response", name: str) -> str:
    """A header's value; empty if there is none, or if a test made the response and gave it no headers."""
    value = response.headers.get(name)
    return value if isinstance(value, str) else ""


def secrets_of_url(url: str) -> list[str]:
    """What nobody may read of a URL: its password and the values of its query, as they are written and decoded."""
    parts = urlsplit(url)
    pairs = [pair.partition("=") for pair in parts.query.split("&")]
    written = [value or name for name, _, value in pairs]
    written.append(parts.netloc.rpartition("@")[0].partition(":")[2])
    return [*written, *map(unquote_plus, written)]


def describe_error(error: Exception) -> str:
    """An exception of requests or urllib3 as half a sentence without its URL."""
    import requests
    import urllib3

    text = excerpt(str(error))
    if isinstance(error, (requests.exceptions.SSLError, urllib3.exceptions.SSLError)):
        reason = re.search(r"certificate verify failed: ([\w -]+)", text)
        return "the TLS handshake failed" + (f" ({reason[1].strip()})" if reason else "")
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT_S} seconds"
    if isinstance(error, (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError)) or "timed out" in text:
        return f"no answer for {READ_TIMEOUT_S} seconds"
    if isinstance(error, requests.exceptions.TooManyRedirects):
        return "it redirects in a circle"
    if re.search("NameResolutionError|Name or service not known|getaddrinfo|name resolution", text):
        return UNRESOLVED
    if "IncompleteRead" in text:
        return "the connection ended before everything was there"
    if errno := re.search(r"\[Errno -?\d{1,9}\] ([A-Za-z ]+)|Error\(\d{1,9}, '([A-Za-z ]+)'\)", text):
        return f"the connection failed ({(errno[1] or errno[2]).strip()})"
    return f"the connection failed ({type(error).__name__})"


def shows_progress() -> bool:
    """Whether somebody watches: stderr is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()
