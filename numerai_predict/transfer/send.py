"""Sends what is secret to one address, and to no other: nothing is redirected, and ~/.netrc is not asked for keys."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from numerai_predict.transfer import http

if TYPE_CHECKING:
    import requests


def post_json(url: str, content: bytes, authorization: str | None) -> "requests.Response":
    """POST the JSON once, with that header Authorization if there is one, and return the response, whatever its status.
    Raises errors of requests.
    """
    import requests

    return requests.post(
        url,
        data=content,
        headers={"Content-Type": "application/json", "Accept": "application/json"},
        auth=_authorizing(authorization),
        timeout=(http.CONNECT_TIMEOUT_S, http.READ_TIMEOUT_S),
        allow_redirects=False,
    )


def put_file(url: str, content: bytes, content_type: str) -> "requests.Response":
    """PUT the file once, to a presigned URL, and return the response, whatever its status. Raises TransientFailure for
    a web page with status 200, and errors of requests.
    """
    import requests

    response = requests.put(
        url,
        data=content,
        headers={"Content-Type": content_type},
        auth=_authorizing(None),
        timeout=(http.CONNECT_TIMEOUT_S, http.READ_TIMEOUT_S),
        allow_redirects=False,
    )
    http.refuse_page(response)
    return response


def _authorizing(authorization: str | None) -> "Callable[[requests.PreparedRequest], requests.PreparedRequest]":
    """What requests asks instead of ~/.netrc, whose password for the host would take the header's place."""

    def authorize(request: "requests.PreparedRequest") -> "requests.PreparedRequest":
        if authorization:
            request.headers["Authorization"] = authorization
        return request

    return authorize
