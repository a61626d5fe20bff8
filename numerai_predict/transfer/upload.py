"""Posts a file to S3 as a presigned POST wants it: multipart form data, the fields first, then the file."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import urljoin

from numerai_predict.transfer import http
from numerai_predict.transfer.retry import RequestFailed, TransientFailure

if TYPE_CHECKING:
    import requests

CHUNK_BYTES = 1 << 18
# S3 sends requests elsewhere while a new bucket's name spreads:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html
MAX_REDIRECTS = 5


class Form:
    """The body of one try: its length is known, and the file is read while it is sent, and only once."""

    def __init__(self, fields: Mapping[str, str], file: BinaryIO, file_name: str) -> None:
        import urllib3

        place = secrets.token_hex(16)
        parts: dict[str, Any] = {**fields, "file": (file_name, place, "text/csv")}
        body, self.content_type = urllib3.encode_multipart_formdata(parts)
        self._head, self._tail = body.split(place.encode())
        self._file = file
        self._length = len(self._head) + file.seek(0, 2) + len(self._tail)
        file.seek(0)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        while chunk := self._file.read(CHUNK_BYTES):
            yield chunk
        yield self._tail


def post(url: str, fields: Mapping[str, str], open_file: Callable[[], BinaryIO], file_name: str) -> "requests.Response":
    """Send the form once and return the answer, following redirects that ask for the same again. Raises
    TransientFailure, RequestFailed, and errors of requests.
    """
    import requests

    for _ in range(MAX_REDIRECTS):
        with open_file() as file:
            form = Form(fields, file, file_name)
            response = requests.post(
                url,
                data=form,
                headers={"Content-Type": form.content_type},
                timeout=(http.CONNECT_TIMEOUT_S, http.READ_TIMEOUT_S),
                allow_redirects=False,  # requests would turn some into a GET, whose success says nothing.
            )
        if response.status_code not in (307, 308):
            is_page = response.headers.get("Content-Type", "").startswith("text/html")
            if response.status_code == 200 and is_page:  # S3 answers success with XML, or with nothing.
                raise TransientFailure("a web page came instead of S3's answer")
            return response
        http.refuse_to_give_up_tls(response)
        url = urljoin(url, response.headers.get("Location", ""))
    raise RequestFailed("it redirects in a circle")
