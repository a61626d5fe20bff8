"""Posts the predictions to S3 as a presigned POST wants it: multipart form data, the fields first, then the file."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from numerai_predict.faults import Code, Fault
from numerai_predict.redaction import without_query
from numerai_predict.transfer import http, s3
from numerai_predict.transfer.retry import RequestFailed, TransientFailure

if TYPE_CHECKING:
    import requests

# S3 sends requests elsewhere while a new bucket's name spreads:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html
MAX_REDIRECTS = 5

_log = logging.getLogger(__name__)


def upload_predictions(
    csv: Path | bytes | str,
    post_url: str,
    post_data: Mapping[str, str],
    file_name: str,
    on_arrival: Callable[[], object] = lambda: None,
) -> None:
    """Post the CSV, from its file or from memory, under that file name, and try again for as long as that may help.

    `on_arrival` is called when the server has accepted it, even if a signal handler ends this call meanwhile. Raises
    Fault if it does not arrive, and OSError if its file cannot be read.
    """
    content = csv.read_bytes() if isinstance(csv, Path) else csv
    shown = without_query(post_url)

    def request() -> "requests.Response":
        response = post_form(post_url, post_data, content, file_name)
        on_arrival()
        return response

    try:
        http.retry_with_backoff(request, http.UPLOAD_DEADLINE_S)
    except RequestFailed as error:
        reason = http.reason(error, s3.expiry_of_form(post_data))
        problem = f"The predictions could not be uploaded to {shown}: {reason}."
        raise Fault(Code.UPLOAD_FAILED, problem) from None
    _log.info("Uploaded the predictions to %s", shown)


def post_form(url: str, fields: Mapping[str, str], content: bytes | str, file_name: str) -> "requests.Response":
    """Send the form once and return the response, whose status is 2xx, following redirects that ask for the same again.
    Raises TransientFailure, RequestFailed, and errors of requests.
    """
    import requests

    for _ in range(MAX_REDIRECTS):
        response = requests.post(
            url,
            data=fields,
            files={"file": (file_name, content, "text/csv")},
            timeout=(http.CONNECT_TIMEOUT_S, http.READ_TIMEOUT_S),
            allow_redirects=False,  # requests would turn some into a GET, whose success says nothing.
        )
        if response.status_code not in (307, 308):
            http.check_status(response, [value for name, value in fields.items() if name != "key"])
            is_page = http.header(response, "Content-Type").startswith("text/html")
            if response.status_code == 200 and is_page:  # S3 answers success with XML, or with nothing.
                raise TransientFailure("a web page came instead of S3's answer")
            return response
        http.refuse_to_give_up_tls(response)
        url = urljoin(url, http.header(response, "Location"))
    raise RequestFailed("it redirects in a circle")
