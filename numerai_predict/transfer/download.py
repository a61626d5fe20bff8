"""Downloads one file from a URL over as many tries as it takes; it appears only when it is whole."""

import contextlib
import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numerai_predict.transfer import http, s3
from numerai_predict.transfer.retry import RequestFailed, TransientFailure

if TYPE_CHECKING:
    import requests

CHUNK_BYTES = 1 << 18
GZIP_MAGIC = b"\x1f\x8b"

_under_way: set[Path] = set()


def abandon() -> None:
    """Remove what downloads that are under way have written so far; they come to nothing then."""
    for folder in list(_under_way):
        shutil.rmtree(folder, ignore_errors=True)


class Download:
    """What has come of one URL's file so far, in a folder of its own below `output_dir` that is gone in the end; the
    next try asks for the rest, if the server can give it.
    """

    def __init__(self, url: str, output_dir: Path) -> None:
        self._url = url
        self.target = output_dir / http.file_name_of(url)

    def __enter__(self) -> "Download":
        self._folder = Path(tempfile.mkdtemp(dir=self.target.parent, prefix=".download-"))
        _under_way.add(self._folder)
        self._part = open(self._folder / "part", "w+b")
        self._start_over()
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):  # A full disk has been told of already.
            self._part.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        _under_way.discard(self._folder)

    def _start_over(self) -> None:
        self._part.seek(0)
        self._part.truncate()
        self._digest = hashlib.md5(usedforsecurity=False)
        self._length: int | None = None
        self._etag = ""
        self._md5: str | None = None
        self._encoding = ""

    def attempt(self) -> "requests.Response":
        """Ask once and take in what comes. Raises TransientFailure, Refused, RequestFailed, errors of requests and
        urllib3, and OSError if it cannot be written.
        """
        import requests

        # A server that closes the connection shows the end of what it sends, and so what is too long.
        headers = {"Accept-Encoding": "identity", "Connection": "close"}
        have = self._part.tell()
        # A weak ETag does not vouch for single bytes (RFC 9110, 13.1.5).
        if resuming := bool(have and self._etag and not self._etag.startswith("W/")):
            headers["Range"] = f"bytes={have}-"
        timeout = (http.CONNECT_TIMEOUT_S, http.READ_TIMEOUT_S)
        hooks = {"response": http.refuse_to_give_up_tls}
        with requests.get(self._url, headers=headers, stream=True, timeout=timeout, hooks=hooks) as response:
            if resuming and response.status_code in (206, 416) and not self._is_the_rest(response, have):
                self._start_over()
                raise TransientFailure("the server has another file than before")
            http.check_status(response)
            if not resuming or response.status_code == 200:
                self._start_over()
                self._note(response)
            self._take_in(response)
        self._check()
        return response

    def _note(self, response: "requests.Response") -> None:
        if response.status_code != 200:
            raise RequestFailed(f"{http.describe_status(response)} without a file")
        length = response.headers.get("Content-Length", "")
        self._length = int(length) if length.isdecimal() else None
        self._etag = response.headers.get("ETag", "")
        self._md5 = s3.md5_in(response.headers)
        self._encoding = response.headers.get("Content-Encoding", "")

    def _is_the_rest(self, response: "requests.Response", have: int) -> bool:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        same = response.headers.get("ETag") == self._etag
        return bool(found and same and int(found[1]) == have and int(found[2]) == self._length)

    def _take_in(self, response: "requests.Response") -> None:
        from tqdm import tqdm

        with tqdm(
            initial=self._part.tell(),
            total=self._length,
            unit="B",
            unit_scale=True,
            desc="model",
            disable=not sys.stderr.isatty(),
        ) as progress:
            for chunk in _to_the_end(response.raw):
                self._part.write(chunk)
                self._digest.update(chunk)
                progress.update(len(chunk))
                if self._length is not None and self._part.tell() > self._length:
                    self._start_over()
                    raise TransientFailure("more came than its Content-Length announced")

    def _check(self) -> None:
        self._part.flush()
        if self._length is not None and self._part.tell() < self._length:
            raise TransientFailure("the connection ended before everything was there")
        if self._md5 and self._digest.hexdigest() != self._md5:
            self._start_over()
            raise TransientFailure("what came has another MD5 than the server announced")

    def finish(self) -> Path:
        """Give the file its name, its Content-Encoding undone, and return its path. Raises RequestFailed if that
        cannot be undone, and OSError.
        """
        whole = self._folder / "part"
        if self._encoding not in ("", "identity"):
            whole = self._decoded()
            # Some tools (s3cmd) call a file model.pkl.gz and say that gzip is its encoding: then it is undone now.
            with open(whole, "rb") as file:
                still_compressed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            if self.target.suffix == ".gz" and not still_compressed:
                self.target = self.target.with_suffix("")
        os.replace(whole, self.target)
        return self.target

    def _decoded(self) -> Path:
        import urllib3

        codings = {coding.strip().lower() for coding in self._encoding.split(",")}
        if codings - set(urllib3.HTTPResponse.CONTENT_DECODERS):
            raise RequestFailed(f"its Content-Encoding is {self._encoding}, which is not understood here")
        self._part.seek(0)
        stored = urllib3.HTTPResponse(self._part, headers={"Content-Encoding": self._encoding}, preload_content=False)
        path = self._folder / "decoded"
        try:
            with open(path, "wb") as file:
                file.writelines(stored.stream(CHUNK_BYTES))
        except urllib3.exceptions.DecodeError:
            raise RequestFailed(f"its Content-Encoding is {self._encoding}, but what came is something else") from None
        return path


def _to_the_end(raw: Any) -> Iterator[bytes]:
    """The body as it is sent: up to the end of the connection, if the server closes it, not of Content-Length."""
    if raw._original_response.will_close:
        raw._original_response.length = None
    while chunk := raw.read1(CHUNK_BYTES, decode_content=False):
        yield chunk
