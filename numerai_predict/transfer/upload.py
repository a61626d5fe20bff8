"""Posts the predictions to S3 as a presigned POST wants it: multipart form data, the fields first, then the file."""

import contextlib
import io
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urljoin

from numerai_predict.faults import Code, Fault
from numerai_predict.redaction import without_query
from numerai_predict.transfer import http, s3
from numerai_predict.transfer.retry import RequestFailed

if TYPE_CHECKING:
    import requests

# S3 sends requests elsewhere while a new bucket's name spreads:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html
MAX_REDIRECTS = 5
# Ten times a round's predictions. requests makes several copies of what it is given in memory.
MAX_HELD_BYTES = 4 << 20

_log = logging.getLogger(__name__)


def upload_predictions(
    csv: BinaryIO | Path | bytes | str,
    post_url: str,
    post_data: Mapping[str, str],
    file_name: str,
    on_arrival: Callable[[], object] = lambda: None,
) -> None:
    """Post the CSV, from its file (open or not) or from memory, under that file name, and try again for as long as that
    may help.

    `on_arrival` is called when the server has accepted it, even if a signal handler ends this call meanwhile. Raises
    Fault if it does not arrive, and OSError if its file cannot be read.
    """
    shown = without_query(post_url)

    try:
        with _content(csv) as content:

            def request() -> "requests.Response":
                response = post_form(post_url, post_data, content, file_name)
                on_arrival()
                return response

            http.retry_with_backoff(request, http.UPLOAD_DEADLINE_S)
    except RequestFailed as error:
        reason = http.reason(error, s3.expiry_of_form(post_data))
        problem = f"The predictions could not be uploaded to {shown}: {reason}."
        raise Fault(Code.UPLOAD_FAILED, problem) from None
    _log.info("Uploaded the predictions to %s", shown)


def post_form(
    url: str, fields: Mapping[str, str], content: bytes | str | BinaryIO, file_name: str
) -> "requests.Response":
    """Send the form once, an open file from its beginning on and in parts, and return the response, whose status is
    2xx, following redirects that ask for the same again. Raises TransientFailure, RequestFailed and errors of requests.
    """
    import requests

    form: dict[str, Any] = {"data": fields, "files": {"file": (file_name, content, "text/csv")}}
    for _ in range(MAX_REDIRECTS):
        if not isinstance(content, (bytes, str)):
            parts = _Form(fields, content, file_name)
            form = {"data": parts, "headers": {"Content-Type": parts.content_type}}
        response = requests.post(
            url,
            **form,
            timeout=(http.CONNECT_TIMEOUT_S, http.READ_TIMEOUT_S),
            allow_redirects=False,  # requests would turn some into a GET, whose success says nothing.
        )
        if response.status_code not in (307, 308):
            http.check_status(response, [value for name, value in fields.items() if name != "key"])
            http.refuse_page(response)
            return response
        http.refuse_to_give_up_tls(response)
        url = urljoin(url, http.header(response, "Location"))
    raise RequestFailed("it redirects in a circle")


class _Form:
    """Multipart form data as a file that requests reads in parts and knows the length of: the fields, then the file."""

    def __init__(self, fields: Mapping[str, str], file: BinaryIO, file_name: str) -> None:
        from urllib3.filepost import encode_multipart_formdata

        boundary = os.urandom(16).hex()
        parts: dict[str, Any] = {**fields, "file": (file_name, b"", "text/csv")}
        frame, self.content_type = encode_multipart_formdata(parts, boundary)
        end = frame.rindex(f"\r\n--{boundary}--".encode())
        self._sources = (io.BytesIO(frame[:end]), file, io.BytesIO(frame[end:]))
        self._length = len(frame) + file.seek(0, io.SEEK_END)
        file.seek(0)

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        """The next bytes; empty at the end."""
        return next(filter(None, (source.read(size) for source in self._sources)), b"")


@contextlib.contextmanager
def _content(csv: BinaryIO | Path | bytes | str) -> Iterator[bytes | str | BinaryIO]:
    """The CSV, as an open file if it is too large to be held in memory."""
    if isinstance(csv, (bytes, str)):
        yield csv
        return
    with open(csv, "rb") if isinstance(csv, Path) else contextlib.nullcontext(csv) as file:
        is_large = file.seek(0, io.SEEK_END) > MAX_HELD_BYTES
        file.seek(0)
        yield file if is_large else file.read()
