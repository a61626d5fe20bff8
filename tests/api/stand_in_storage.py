"""The storage of the stand-in: files at addresses that are signed and expire, as S3 presigns them."""

import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.message import Message
from urllib.parse import parse_qsl, quote, unquote, urlencode
from xml.sax.saxutils import escape

from tests.api.stand_in_state import NumeraiStandIn, StandInRound, Upload

DATASETS, UPLOADS = "/storage/datasets/", "/storage/uploads/"
TIME = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Answer:
    """An answer of the stand-in. `sends` so many bytes of its body and closes; 0: nothing at all, not even a status."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    sends: int | None = None


def refusal(status: int, code: str, message: str) -> Answer:
    """An error as S3 words it."""
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'
    return Answer(status, body.encode(), {"Content-Type": "application/xml"})


class Storage:
    """Gives out addresses, takes PUT and answers GET."""

    def __init__(self, state: NumeraiStandIn) -> None:
        self._state = state
        self._secret = secrets.token_bytes(16)
        self._files: dict[str, bytes] = {}  # What a download of that address began with; a Range goes on in it.

    def dataset_url(self, name: str, round_: StandInRound | None) -> str:
        """Where that file is, live data that of the round; raises KeyError if there is none."""
        if name not in self.names() or (round_ is None and name not in self._state.datasets):
            raise KeyError(name)
        return self._signed("GET", f"{DATASETS}{round_.number if round_ else 0}/{name}")

    def names(self) -> list[str]:
        """All datasets."""
        version = self._state.data_version
        return [f"{version}/live.parquet", f"{version}/live_benchmark_models.parquet", *sorted(self._state.datasets)]

    def upload_address(self, name: str, model: str | None, is_submission: bool) -> dict[str, str]:
        """A new name for the file, and where to PUT it, for this name only."""
        stem, suffix = os.path.splitext(name)
        unique = f"{stem}-{secrets.token_hex(6)}{suffix}"
        self._state.uploads[unique] = Upload(unique, model, is_submission)
        return {"filename": unique, "url": self._signed("PUT", UPLOADS + quote(unique))}

    def put(self, path: str, query: str, body: bytes) -> Answer:
        """Keep the file, if the address is good."""
        refused = self._refused("PUT", path, query)
        if refused is not None:
            return refused
        upload = self._state.uploads[_uploaded_name(path)]
        if upload.used:
            self._state.violations.append(f"{upload.name} was uploaded again after it had been submitted")
        upload.body = body
        return Answer(200, b"", {"ETag": f'"{hashlib.md5(body).hexdigest()}"'})

    def put_answered(self, path: str, status: int) -> None:
        """Note which status (0: none) the client of a PUT saw."""
        upload = self._state.uploads.get(_uploaded_name(path))
        if upload is not None:
            upload.answered = status

    def get(self, path: str, query: str, headers: Message) -> Answer:
        """The file, or the range of it that is asked for."""
        refused = self._refused("GET", path, query)
        if refused is not None:
            return refused
        number, _, name = path.removeprefix(DATASETS).partition("/")
        range_ = re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("Range", ""))
        if range_ is None or query not in self._files:
            self._files[query] = self._dataset(int(number), name)
        return _part(self._files[query], range_)

    def _dataset(self, number: int, name: str) -> bytes:
        if name in self._state.datasets:
            return self._state.datasets[name]
        round_ = next(one for one in self._state.rounds if one.number == number)
        if not name.endswith("/live.parquet"):
            return round_.benchmarks
        if round_.stale > 0:
            round_.stale -= 1
            return round_.stale_live
        return round_.live

    def _signed(self, method: str, path: str) -> str:
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": secrets.token_hex(8),  # No two addresses are the same.
            "X-Amz-Date": f"{self._state.clock.now():{TIME}}",
            "X-Amz-Expires": f"{self._state.address_s:g}",
        }
        signature = self._signature(method, path, urlencode(query))
        return f"{self._state.url}{path}?{urlencode(query)}&X-Amz-Signature={signature}"

    def _signature(self, method: str, path: str, query: str) -> str:
        return hmac.new(self._secret, f"{method}\n{path}\n{query}".encode(), "sha256").hexdigest()

    def _refused(self, method: str, path: str, query: str) -> Answer | None:
        """Why the address is not good for this, if it is not."""
        signed, _, signature = query.partition("&X-Amz-Signature=")
        if not hmac.compare_digest(self._signature(method, path, signed), signature):
            self._state.violations.append(f"a {method} to an address that was not given out for it: {path}")
            return refusal(403, "SignatureDoesNotMatch", "The request signature we calculated does not match")
        fields = dict(parse_qsl(signed))
        begun = datetime.strptime(fields["X-Amz-Date"], TIME).replace(tzinfo=timezone.utc)
        if self._state.clock.now() > begun + timedelta(seconds=float(fields["X-Amz-Expires"])):
            if method == "PUT":  # A download goes on for as long as it takes, and is tried again.
                self._state.violations.append(f"a PUT to an address that has expired: {path}")
            return refusal(403, "AccessDenied", "Request has expired")
        return None


def _uploaded_name(path: str) -> str:
    return unquote(path.removeprefix(UPLOADS))


def _part(content: bytes, range_: "re.Match[str] | None") -> Answer:
    headers = {
        "Content-Type": "binary/octet-stream",
        "Accept-Ranges": "bytes",
        "ETag": f'"{hashlib.md5(content).hexdigest()}"',
    }
    if range_ is None:
        return Answer(200, content, headers)
    first, last = int(range_[1]), min(int(range_[2] or len(content)), len(content) - 1)
    if first > last:
        return refusal(416, "InvalidRange", "The requested range is not satisfiable")
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return Answer(206, content[first : last + 1], headers)
