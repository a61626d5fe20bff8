"""A round in a bucket of S3, or of a server that speaks as S3 does."""

import contextlib
import errno
import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from numerai_predict.excerpt import excerpt
from numerai_predict.faults import Code, Fault
from numerai_predict.redaction import hide_queries, without
from numerai_predict.round.store import StoreError, Versioned, checked_key

T = TypeVar("T")

# Within a region a connection takes milliseconds; a packet that was lost comes again after one second and after three.
CONNECT_TIMEOUT_S = 5
# S3 answers well within a second, also to a CSV of megabytes.
READ_TIMEOUT_S = 30
# With botocore's pauses, up to 25 seconds of a network that is away, or two minutes of a server that asks to slow down:
# longer, and the leases of the round's claims run out anyway. Over many operations botocore allows fewer, so that not
# all clients at once burden a server that fails: https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
ATTEMPTS = 10
PAUSE_S = 0.1
PAUSE_MAX_S = 5.0
# By their HTTP status, as servers give them different codes:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
CONFLICT = 409
NOT_MET = 412


class _TryAgain(Exception):
    """What botocore itself does not try again; its cause is what happened."""


class S3Store:
    """A round under a prefix of a bucket ("": the bucket itself). Region, endpoint and credentials are those that boto3
    finds; they must allow s3:GetObject, s3:PutObject and s3:ListBucket. Each operation is tried so many times.

    What is written by `create` and `replace` must have something in it that no other writer would write: when the
    answer to a write gets lost and the second try finds the key taken, equal content means that the first try took it.

    Raises Fault without boto3 and for an endpoint that is no URL, StoreError for other mistakes in boto3's
    configuration.
    """

    def __init__(self, bucket: str, prefix: str = "", attempts: int = ATTEMPTS) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._attempts = attempts
        self._credentials: Any = None
        self.address = f"s3://{bucket}/{prefix}".rstrip("/")
        _require_boto3()
        with self._saying(f"{self.address} could not be opened"):
            self._client, self._credentials = _connect(attempts)

    def read(self, key: str) -> Versioned | None:
        """What is there; None if nothing is."""
        content = io.BytesIO()
        version = self._download(key, content)
        return None if version is None else Versioned(content.getvalue(), version)

    def create(self, key: str, content: bytes) -> str | None:
        """Write it if nothing is there; the version that this very call wrote, None if it did not."""
        return self._put(key, content, IfNoneMatch="*")

    def replace(self, key: str, content: bytes, version: str) -> str | None:
        """Write it if that version is there still; the version that this very call wrote, None if it did not."""
        return self._put(key, content, IfMatch=version)

    def write(self, key: str, content: bytes) -> None:
        """Write it, whatever is there."""
        self._put(key, content)

    def names(self, folder: str) -> set[str]:
        """The names of the files directly in a folder of the round, but for hidden ones; none if it does not exist."""
        start = f"{self._prefix}{checked_key(folder)}/"

        def attempt() -> list[str]:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=start, Delimiter="/"
            )
            return [item["Key"].removeprefix(start) for page in pages for item in _whole(page).get("Contents", ())]

        with self._saying(f"{self.address}/{folder} could not be read"):
            return {name for name in self._trying(attempt) if name and not name.startswith(".")}

    def fetch(self, key: str, folder: Path) -> Path:
        """What is there, downloaded to `folder` under its name. Raises FileNotFoundError if nothing is there."""
        path = folder / checked_key(key).rpartition("/")[2]
        part = folder / f".{os.urandom(8).hex()}"
        try:
            with open(part, "xb") as file:
                version = self._download(key, file)
            if version is not None:
                os.replace(part, path)
                return path
        except OSError as error:
            raise StoreError(f"{path} could not be written: {error.strerror or error}") from error
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{self.address}/{key}")

    def _put(self, key: str, content: bytes, **condition: str) -> str | None:
        """Write it under the condition; the version that one of the tries wrote, None if none did."""
        from botocore.exceptions import ClientError

        name = self._prefix + checked_key(key)

        def attempt() -> str | None:
            try:
                written = self._client.put_object(Bucket=self._bucket, Key=name, Body=content, **condition)
            except ClientError as error:
                status, code = _status(error), error.response["Error"].get("Code")
                if status == CONFLICT:
                    raise _TryAgain from error
                if condition and (status == NOT_MET or code == "NoSuchKey"):
                    return None
                raise
            return _version_in(written)

        with self._saying(f"{self.address}/{key} could not be written"):
            if version := self._trying(attempt):
                return version
        found = self.read(key)
        return found.version if found is not None and found.content == content else None

    def _download(self, key: str, target: BinaryIO) -> str | None:
        """Write what is there to `target` and return its version; None if nothing is there."""
        from botocore.exceptions import BotoCoreError
        from urllib3.exceptions import HTTPError

        name = self._prefix + checked_key(key)

        def attempt() -> str | None:
            target.seek(0)
            target.truncate()
            try:
                answer = _whole(self._client.get_object(Bucket=self._bucket, Key=name))
            except self._client.exceptions.NoSuchKey:
                return None
            try:
                with contextlib.closing(answer["Body"]) as body:
                    shutil.copyfileobj(body, target)  # It raises an error if there is less than was announced.
            except (BotoCoreError, HTTPError) as error:
                raise _TryAgain from error
            return _version_in(answer)

        with self._saying(f"{self.address}/{key} could not be read"):
            return self._trying(attempt)

    def _trying(self, attempt: Callable[[], T]) -> T:
        """Call it until it does not raise _TryAgain, and return what it returns."""
        import tenacity

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_TryAgain),
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=tenacity.wait_random_exponential(PAUSE_S, PAUSE_MAX_S),
            reraise=True,
        )(attempt)

    @contextlib.contextmanager
    def _saying(self, failure: str) -> Iterator[None]:
        """Raise StoreError for every error of botocore, without secrets and without what it was raised from."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except _TryAgain as error:
            raise StoreError(f"{failure}: {self._reason(error.__cause__)}") from None
        except (BotoCoreError, ClientError) as error:
            raise StoreError(f"{failure}: {self._reason(error)}") from None

    def _reason(self, error: BaseException | None) -> str:
        """The error in one line."""
        said = getattr(error, "response", {}).get("Error", {})
        text = ": ".join(filter(None, (said.get("Code"), said.get("Message")))) or str(error)
        # Servers quote what they were sent.
        return " ".join(hide_queries(without(self._known_secrets(), excerpt(text))).split())

    def _known_secrets(self) -> list[str]:
        with contextlib.suppress(Exception):  # It may be the credentials that cannot be had.
            return [secret for secret in self._credentials.get_frozen_credentials() if secret]
        return []


def _require_boto3() -> None:
    try:
        import boto3  # noqa: F401
    except ModuleNotFoundError as error:
        hint = "pip install boto3, or run this in the image"
        raise Fault(Code.MISSING_PACKAGES, f"{error.name} is not installed", hint) from None


def _connect(attempts: int) -> tuple[Any, Any]:
    """A client, and the credentials that it uses (None: there are none). Raises Fault for a wrong endpoint."""
    import boto3
    from botocore.config import Config

    session = boto3.Session()
    retries = {"mode": "standard", "total_max_attempts": attempts}
    config = Config(connect_timeout=CONNECT_TIMEOUT_S, read_timeout=READ_TIMEOUT_S, retries=retries)
    try:
        return session.client("s3", config=config), session.get_credentials()
    except ValueError as error:
        raise Fault(Code.USAGE, f"S3 cannot be used: {hide_queries(str(error))}") from None


def _whole(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer to a read or a list, unless it ended within its head: then botocore takes it for an empty one."""
    if "IsTruncated" in answer or {"ContentLength", "ETag"} <= answer.keys():
        return answer
    raise _TryAgain from ConnectionError("the answer broke off")


def _version_in(answer: dict[str, Any]) -> str:
    """The ETag: Ceph's RGW takes one only without its quotes, Amazon and others both ways."""
    return str(answer["ETag"]).strip('"')


def _status(error: Any) -> int:
    """The HTTP status of an answer that is an error."""
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
