"""Downloads the model from a URL over as many tries as it takes; nobody sees it before it is whole."""

import contextlib
import hashlib
import logging
import os
import re
import shutil
import tempfile
import threading
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import TYPE_CHECKING

from numerai_predict.faults import Code, Fault
from numerai_predict.platform_limits import MEMORY_LIMIT
from numerai_predict.redaction import without, without_query
from numerai_predict.transfer import http, s3
from numerai_predict.transfer.retry import RequestFailed, TransientFailure, in_background
from numerai_predict.transfer.routes import has_route
from numerai_predict.transfer.urls import file_name_of

if TYPE_CHECKING:
    import requests

CHUNK_BYTES = 1 << 18
# A few megabytes may become terabytes when their Content-Encoding is undone.
MOST_DECODED_BYTES = 2 * MEMORY_LIMIT
GZIP_MAGIC = b"\x1f\x8b"

_log = logging.getLogger(__name__)


class ModelDownload:
    """The model of one run, in a folder of its own below `output_dir` until `close`: other files of its name, of the
    user or of other runs, are never touched.
    """

    def __init__(self, url: str, output_dir: Path, with_sha256: bool = False) -> None:
        self.sha256: str | None = None
        self._url = url
        self._output_dir = output_dir
        self._with_sha256 = with_sha256
        self._closed: Future[Path] = Future()
        self._opening = threading.Lock()
        self._folder: Path | None = None
        self._file: PartialFile | None = None

    def fetch(self) -> Path:
        """Download the file and return its path, whose name is the URL's. To be called once. Raises Fault, and at once
        if `close` is called meanwhile.
        """
        work = in_background(self._download)
        wait([work, self._closed], return_when=FIRST_COMPLETED)
        return (self._closed if self._closed.done() else work).result()

    def close(self) -> None:
        """Remove all that was written, also while it is being written."""
        with self._opening:
            if self._closed.done():
                return
            self._closed.set_exception(self._failure("the run is over"))
        if self._file:
            self._file.close()
        if self._folder:
            # Under a new name first: a download that is under way cannot put more files into it.
            doomed = self._folder.with_name(f"{self._folder.name}.closed")
            with contextlib.suppress(OSError):
                os.rename(self._folder, doomed)
                shutil.rmtree(doomed)

    def _download(self) -> Path:
        _log.info("Downloading the model from %s", without_query(self._url))
        try:
            file = self._open()
            http.retry_with_backoff(lambda: self._attempt(file), http.DOWNLOAD_DEADLINE_S)
            path = file.finish()
        except RequestFailed as error:
            raise self._failure(http.reason(error, s3.expiry_of_url(self._url))) from None
        except OSError as error:
            problem = f"The model cannot be written to {self._output_dir}: {error.strerror or error}."
            raise Fault(Code.OUTPUT_NOT_WRITTEN, problem) from error
        self.sha256 = file.sha256
        return path

    def _attempt(self, file: "PartialFile") -> "requests.Response":
        try:
            return file.attempt()
        finally:
            if self._closed.done():  # Another try, or a log line about this one, would be of no use to anybody.
                raise self._failure("the run is over")

    def _open(self) -> "PartialFile":
        with self._opening:
            if self._closed.done():
                raise self._failure("the run is over")
            self._folder = Path(tempfile.mkdtemp(dir=self._output_dir, prefix=".download-"))
            self._file = PartialFile(self._url, self._folder, self._with_sha256)
            return self._file

    def _failure(self, reason: str) -> Fault:
        message = f"{without_query(self._url)} could not be downloaded: {reason}."
        unconnected = "No network is connected here: download the model elsewhere, and give its file with --model."
        return Fault(Code.MODEL_NOT_DOWNLOADED, message, None if has_route() else unconnected)


class PartialFile:
    """What has come of one URL's file so far; the next try asks for the rest, if the server can give it.

    A body ends at its Content-Length, whatever a server sends after it (RFC 9112, 6.3): if the length was wrong, the
    MD5 of what came is, too, where the server gives one.
    """

    def __init__(self, url: str, folder: Path, with_sha256: bool = False) -> None:
        self._url = url
        self._folder = folder
        self._with_sha256 = with_sha256
        self._part = open(folder / "part", "w+b")  # noqa: SIM115 - closed by `close`
        self._start_over()

    def close(self) -> None:
        """Write no more; a try that is under way fails."""
        with contextlib.suppress(OSError):  # A full disk has been reported already.
            self._part.close()

    @property
    def sha256(self) -> str | None:
        """The digest of the file, if it was asked for, once that is finished."""
        return self._sha256.hexdigest() if self._with_sha256 else None

    def _start_over(self) -> None:
        self._part.seek(0)
        self._part.truncate()
        self._digest = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._length: int | None = None
        self._etag = ""
        self._md5: str | None = None
        self._encoding = ""

    def attempt(self) -> "requests.Response":
        """Ask once and keep what comes. Raises TransientFailure, RequestFailed, errors of requests and urllib3, and
        OSError if it cannot be written.
        """
        import requests

        headers = {"Accept-Encoding": "identity"}
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
            raise RequestFailed(f"HTTP status {response.status_code} without a file")
        length = response.headers.get("Content-Length", "")
        self._length = int(length) if re.fullmatch(r"\d{1,18}", length) else None
        self._etag = response.headers.get("ETag", "")
        self._md5 = s3.md5_in(response.headers)
        self._encoding = response.headers.get("Content-Encoding", "")

    def _is_the_rest(self, response: "requests.Response", have: int) -> bool:
        found = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})", response.headers.get("Content-Range", ""))
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
            disable=not http.shows_progress(),
        ) as progress:
            while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
                self._part.write(chunk)
                if self._md5:  # Each digest takes seconds for a model of a gigabyte.
                    self._digest.update(chunk)
                if self._with_sha256:
                    self._sha256.update(chunk)
                progress.update(len(chunk))

    def _check(self) -> None:
        self._part.flush()
        if self._length is not None and self._part.tell() < self._length:
            raise TransientFailure("the connection ended before everything was there")
        if self._md5 and self._digest.hexdigest() != self._md5:
            self._start_over()
            raise TransientFailure("what came has another MD5 than the server announced")

    def finish(self) -> Path:
        """Give the file its name, its Content-Encoding undone, and return its path. Raises RequestFailed if that
        cannot be undone, Fault if the file is too large then, and OSError.
        """
        whole = self._folder / "part"
        target = self._folder / file_name_of(self._url)
        if self._encoding not in ("", "identity"):
            whole = self._decoded()
            # Some tools (s3cmd) call a file model.pkl.gz and say that gzip is its encoding: then it is undone now.
            with open(whole, "rb") as file:
                still_compressed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            if target.suffix == ".gz" and not still_compressed:
                target = target.with_suffix("")
        os.replace(whole, target)
        return target

    def _decoded(self) -> Path:
        import urllib3

        shown = without(http.secrets_of_url(self._url), self._encoding)
        codings = {coding.strip().lower() for coding in self._encoding.split(",")}
        if codings - set(urllib3.HTTPResponse.CONTENT_DECODERS):
            raise RequestFailed(f"its Content-Encoding is {shown}, which is not understood here")
        self._part.seek(0)
        stored = urllib3.HTTPResponse(self._part, headers={"Content-Encoding": self._encoding}, preload_content=False)
        path = self._folder / "decoded"
        self._sha256 = hashlib.sha256()
        try:
            with open(path, "wb") as file:
                for chunk in stored.stream(CHUNK_BYTES):
                    if file.tell() > MOST_DECODED_BYTES:
                        raise self._too_large(shown)
                    file.write(chunk)
                    if self._with_sha256:
                        self._sha256.update(chunk)
        except urllib3.exceptions.DecodeError:
            raise RequestFailed(f"its Content-Encoding is {shown}, but it is not encoded so") from None
        return path

    def _too_large(self, encoding: str) -> Fault:
        size = f"more than {MOST_DECODED_BYTES >> 30} GiB"
        message = f"{without_query(self._url)} is {size} once its Content-Encoding {encoding} is undone."
        return Fault(Code.UNREADABLE_PICKLE, message, f"No model of {size} can be loaded on the platform.")
