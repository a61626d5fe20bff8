"""What went wrong between us and a server, in words that hold no URL: requests puts whole ones into its errors."""

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    import requests

CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
CHUNK_BYTES = 1 << 20


class RequestFailed(RuntimeError):
    """A request that is not worth another try, or was tried often enough; its message may be shown."""


def is_worth_retrying(status: int) -> bool:
    """Whether another try may succeed: the server is overloaded or has failed."""
    return status == 429 or status >= 500


def describe_status(response: "requests.Response") -> str:
    """`HTTP status 403, AccessDenied: Request has expired`: the status and what S3 says in its XML, if it does."""
    body = response.text[:4096] if isinstance(response.text, str) else ""
    found = [re.search(f"<{tag}>([^<]+)</{tag}>", body) for tag in ("Code", "Message")]
    said = ": ".join(match[1] for match in found if match)
    return f"HTTP status {response.status_code}" + (f", {said}" if said else "")


def describe_error(error: Exception) -> str:
    """An exception of requests as half a sentence without its URL."""
    import requests

    text = str(error)
    if isinstance(error, requests.exceptions.SSLError):
        return "the TLS handshake failed"
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT_S} seconds"
    if isinstance(error, requests.exceptions.Timeout):
        return f"no answer for {READ_TIMEOUT_S} seconds"
    if re.search("NameResolutionError|Name or service not known|getaddrinfo|name resolution", text):
        return "the host name cannot be resolved; is there a network?"
    if "IncompleteRead" in text:
        return "the connection ended before everything was there"
    if errno := re.search(r"\[Errno -?\d+\] ([A-Za-z ]+)", text):
        return f"the connection failed ({errno[1].strip()})"
    return f"the connection failed ({type(error).__name__})"


def file_name_of(url: str) -> str:
    """The last part of the URL's path, decoded, as a file name; `model.pkl` if there is none."""
    name = Path(unquote(urlsplit(url).path)).name
    return name if name not in ("", "..") else "model.pkl"


def save_body(response: "requests.Response", path: Path, show_progress: bool) -> None:
    """Write the decoded body to the file; raises requests' ChunkedEncodingError if it ends early."""
    from tqdm import tqdm

    length = int(response.headers.get("Content-Length", 0)) or None
    with (
        open(path, "wb") as file,
        tqdm(total=length, unit="B", unit_scale=True, desc="model", disable=not show_progress) as progress,
    ):
        for chunk in response.iter_content(CHUNK_BYTES):
            file.write(chunk)
            progress.update(len(chunk))
