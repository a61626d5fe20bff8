"""One request to a server: its answer, or what went wrong in words that hold no URL: requests quotes whole ones."""

import re
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from numerai_predict.redaction import hide_queries
from numerai_predict.transfer import s3
from numerai_predict.transfer.retry import RequestFailed, TransientFailure

if TYPE_CHECKING:
    import requests

CONNECT_TIMEOUT_S = 10
# S3 begins to answer within seconds, or it does not answer.
READ_TIMEOUT_S = 30
# A round is open for one hour, in which a model of the platform's 4 GB has to come, run for its ten minutes and go.
DOWNLOAD_DEADLINE_S = 600.0
UPLOAD_DEADLINE_S = 300.0
# An error of S3 has some 300 bytes.
MAX_ERROR_BYTES = 4096


class Refused(RequestFailed):
    """An answer that will be the same next time: its status, and the server's time."""

    def __init__(self, response: "requests.Response") -> None:
        super().__init__(describe_status(response))
        self.status = int(response.status_code)
        self.at = date_of(response)


def reason(failure: RequestFailed, expiry: datetime | None) -> str:
    """Why a request failed; if what was presigned had expired by then, when that was."""
    if expiry is None or not isinstance(failure, Refused) or failure.status not in (400, 403) or failure.at <= expiry:
        return str(failure)
    ago = failure.at.replace(microsecond=0) - expiry.replace(microsecond=0)
    return f"{failure}; it expired at {expiry:%Y-%m-%d %H:%M:%S} UTC, {ago} before"


def answer_to(request: Callable[[], "requests.Response"]) -> "requests.Response":
    """The answer, whose status is 2xx. Raises TransientFailure if another try may help, else RequestFailed."""
    import requests
    import urllib3

    broken = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    try:
        response = request()
    except (*broken, urllib3.exceptions.HTTPError) as error:
        raise TransientFailure(describe_error(error)) from None
    except requests.RequestException as error:
        raise RequestFailed(describe_error(error)) from None
    check_status(response)
    return response


def check_status(response: "requests.Response") -> None:
    """Raises TransientFailure for an answer that may be another one next time, Refused for one that will not."""
    if is_worth_retrying(response.status_code):
        raise TransientFailure(describe_status(response), asked_wait_s(response))
    if not 200 <= response.status_code < 300:
        raise Refused(response)


def refuse_to_give_up_tls(response: "requests.Response", **_: object) -> None:
    """Raises RequestFailed for a redirect from https to http, where all could read and change what is sent."""
    if response.url.startswith("https:") and response.headers.get("Location", "").startswith("http:"):
        raise RequestFailed("it redirects to an address without TLS")


def is_worth_retrying(status: int) -> bool:
    """Whether another try may succeed: the server is overloaded or has failed."""
    return status == 429 or status >= 500


def asked_wait_s(response: "requests.Response") -> float:
    """Seconds that the server's Retry-After asks to wait, given as a number or a date; 0 if it does not."""
    import urllib3

    try:
        return float(urllib3.Retry().get_retry_after(response) or 0)
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return 0.0


def date_of(response: "requests.Response") -> datetime:
    """The server's time, in UTC: it alone decides what has expired; ours if it does not tell."""
    import email.utils

    try:
        return email.utils.parsedate_to_datetime(response.headers["Date"]).astimezone(timezone.utc)
    except (KeyError, TypeError, ValueError):
        return datetime.now(timezone.utc)


def describe_status(response: "requests.Response") -> str:
    """`HTTP status 403, AccessDenied: Request has expired`: the status and what S3 says in its XML, if it does."""
    import requests

    try:
        body = next(response.iter_content(MAX_ERROR_BYTES), b"")
    except requests.RequestException:
        body = b""
    said = hide_queries(s3.error_in(body.decode(errors="replace")))
    return f"HTTP status {response.status_code}" + (f", {said}" if said else "")


def describe_error(error: Exception) -> str:
    """An exception of requests or urllib3 as half a sentence without its URL."""
    import requests
    import urllib3

    text = str(error)
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
        return "the host name cannot be resolved; is there a network?"
    if "IncompleteRead" in text:
        return "the connection ended before everything was there"
    if errno := re.search(r"\[Errno -?\d+\] ([A-Za-z ]+)|\w+Error\(\d+, '([A-Za-z ]+)'\)", text):
        return f"the connection failed ({(errno[1] or errno[2]).strip()})"
    return f"the connection failed ({type(error).__name__})"


def file_name_of(url: str) -> str:
    """The last part of the URL's path, decoded, as a file name; `model.pkl` if there is none."""
    name = Path(unquote(urlsplit(url).path)).name
    return name if name not in ("", "..") else "model.pkl"


def is_url(text: str) -> bool:
    """Whether the text is an http(s) URL."""
    return text.lower().startswith(("http://", "https://"))
