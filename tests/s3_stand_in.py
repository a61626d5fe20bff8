"""A stand-in for S3 that keeps its objects in memory and verifies every signature, expiry and POST policy.

It needs nothing but Python, and answers refusals with the status, code and XML of AWS. Paths are /bucket/key.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import formatdate
from urllib.parse import parse_qsl, quote, unquote
from xml.sax.saxutils import escape

from tests.servers import QuietHandler, listening

STORED_HEADERS = ("Content-Type", "Content-Encoding", "Content-Disposition", "Cache-Control")
LONGEST_EXPIRY_S = 7 * 24 * 3600
PAGE_KEYS = 1000
LISTING = "http://s3.amazonaws.com/doc/2006-03-01/"
OPERATORS: dict[str, Callable[[str, str], bool]] = {"eq": str.__eq__, "starts-with": str.startswith}
BROKEN_POLICY = (AttributeError, KeyError, TypeError, ValueError)


class Refused(Exception):
    """An answer that S3 gives as an error."""

    def __init__(self, status: int, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.status = status
        self.fields = {"Code": code, "Message": message, **details}

    def xml(self, request_id: str) -> bytes:
        """The body that goes with it."""
        fields = {**self.fields, "RequestId": request_id, "HostId": "stand-in"}
        inside = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in fields.items())
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inside}</Error>'.encode()


def denied(message: str = "Access Denied", **details: object) -> Refused:
    """S3's refusal of what may be signed correctly but is not allowed."""
    return Refused(403, "AccessDenied", message, **details)


@dataclass(frozen=True)
class Request:
    """One request, read whole; `path` is still encoded as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: Message
    body: bytes

    def canonical(self, signed_headers: str, payload: str) -> str:
        """What SigV4 signs of it."""
        query = sorted((quote(name, safe=""), quote(value, safe="")) for name, value in self.query.items())
        return "\n".join(
            [
                self.method,
                quote(unquote(self.path)),
                "&".join(f"{name}={value}" for name, value in query if name != "X-Amz-Signature"),
                *(f"{name}:{self._header(name)}" for name in signed_headers.split(";")),
                "",
                signed_headers,
                payload,
            ]
        )

    def _header(self, name: str) -> str:
        return ",".join(" ".join(value.split()) for value in self.headers.get_all(name, []))


@dataclass(frozen=True)
class Answer:
    """A status, a body and the headers beside those of every answer."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Object:
    """Bytes as they came, and the headers that come back with them."""

    body: bytes
    headers: dict[str, str]
    modified_s: float = field(default_factory=time.time)

    @property
    def etag(self) -> str:
        """The MD5 in quotes."""
        return f'"{hashlib.md5(self.body).hexdigest()}"'


class Store:
    """The buckets of one owner, who alone may do anything with them."""

    def __init__(self, access_key: str, secret_key: str) -> None:
        self.access_key = access_key
        self.secret_key = secret_key
        self.buckets: dict[str, dict[str, Object]] = {}
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Answer:
        """Do what the request asks for, or raise Refused."""
        bucket, _, key = unquote(request.path).removeprefix("/").partition("/")
        if request.method == "POST":
            return self._post(bucket, *_read_form(request))
        self._authenticate(request)
        if request.method == "PUT" and not key:
            self.buckets.setdefault(bucket, {})
            return Answer(200)
        objects = self._objects(bucket)
        if request.method == "PUT":
            headers = {name: request.headers[name] for name in STORED_HEADERS if name in request.headers}
            with self._lock:
                _check_conditions(objects.get(key), key, request.headers)
                stored = objects[key] = Object(request.body, headers)
            return Answer(200, headers={"ETag": stored.etag})
        if request.method == "DELETE":
            objects.pop(key, None)
            return Answer(204)
        if not key:
            return _list(bucket, dict(objects), request.query)
        if key not in objects:
            raise Refused(404, "NoSuchKey", "The specified key does not exist.", Key=key)
        return _read(objects[key], request.headers.get("Range", ""))

    def _objects(self, bucket: str) -> dict[str, Object]:
        if bucket not in self.buckets:
            raise Refused(404, "NoSuchBucket", "The specified bucket does not exist", BucketName=bucket)
        return self.buckets[bucket]

    def _authenticate(self, request: Request) -> None:
        """Refuse what the owner has not signed, be it in the query or in the Authorization header."""
        if "X-Amz-Signature" in request.query:
            given, payload = request.query, "UNSIGNED-PAYLOAD"
            _check_expiry(given)
        elif "Authorization" in request.headers:
            given, payload = _header_claims(request.headers), request.headers.get("X-Amz-Content-SHA256", "")
            if payload not in (hashlib.sha256(request.body).hexdigest(), "UNSIGNED-PAYLOAD"):
                raise Refused(400, "XAmzContentSHA256Mismatch", "The body is not the one that was signed.")
        else:
            raise denied()
        signed_headers = given.get("X-Amz-SignedHeaders", "")
        canonical = request.canonical(signed_headers, payload)
        scope = given.get("X-Amz-Credential", "").partition("/")[2]
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        text = "\n".join(["AWS4-HMAC-SHA256", given.get("X-Amz-Date", ""), scope, digest])
        self._check_signature(given, text, CanonicalRequest=canonical)

    def _check_signature(self, given: dict[str, str], text: str, **details: str) -> None:
        """Refuse the claims if their signature of `text` is not the owner's."""
        access_key, _, scope = given.get("X-Amz-Credential", "").partition("/")
        signature = given.get("X-Amz-Signature", "")
        details |= {"AWSAccessKeyId": access_key}
        if access_key != self.access_key:
            message = "The AWS Access Key Id you provided does not exist in our records."
            raise Refused(403, "InvalidAccessKeyId", message, **details)
        signing_key = f"AWS4{self.secret_key}".encode()
        for part in scope.split("/"):
            signing_key = hmac.digest(signing_key, part.encode(), "sha256")
        if not hmac.compare_digest(hmac.digest(signing_key, text.encode(), "sha256").hex(), signature):
            message = "The request signature we calculated does not match the signature you provided."
            details |= {"StringToSign": text, "SignatureProvided": signature}
            raise Refused(403, "SignatureDoesNotMatch", message, **details)

    def _post(self, bucket: str, fields: dict[str, str], body: bytes) -> Answer:
        """Store the file of a form whose policy the owner has signed and the form keeps."""
        if "policy" not in fields:
            raise denied()
        names = ("X-Amz-Credential", "X-Amz-Signature")
        self._check_signature({name: fields.get(name.lower(), "") for name in names}, fields["policy"])
        try:
            _check_policy(json.loads(base64.b64decode(fields["policy"])), {"bucket": bucket, **fields}, len(body))
        except BROKEN_POLICY as error:
            raise Refused(400, "InvalidPolicyDocument", f"Invalid Policy: {error!r}") from error
        headers = {name: fields[name.lower()] for name in STORED_HEADERS if name.lower() in fields}
        stored = self._objects(bucket)[fields["key"]] = Object(body, headers)
        return Answer(204, headers={"ETag": stored.etag})


def _header_claims(headers: Message) -> dict[str, str]:
    """What the Authorization header says, under the names that a presigned URL gives it."""
    claims = re.findall(r"(\w+)=([^,\s]+)", headers["Authorization"])
    return {"X-Amz-Date": headers.get("X-Amz-Date", ""), **{f"X-Amz-{name}": value for name, value in claims}}


def _check_expiry(query: dict[str, str]) -> None:
    try:
        signed = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
        valid_s = int(query["X-Amz-Expires"])
    except (KeyError, ValueError) as error:
        raise Refused(400, "AuthorizationQueryParametersError", f"Invalid parameter: {error}") from error
    if not 0 <= valid_s <= LONGEST_EXPIRY_S:
        raise Refused(400, "AuthorizationQueryParametersError", "X-Amz-Expires must be from 0 to 604800")
    now, expires = datetime.now(timezone.utc), signed + timedelta(seconds=valid_s)
    if now > expires:
        times = {"Expires": f"{expires:%Y-%m-%dT%H:%M:%SZ}", "ServerTime": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
        raise denied("Request has expired", **{"X-Amz-Expires": valid_s}, **times)


def _check_policy(policy: dict[str, object], fields: dict[str, str], size: int) -> None:
    """Refuse the form if the policy has expired, does not allow a field's value or size, or does not list a field."""
    if datetime.now(timezone.utc) > datetime.fromisoformat(str(policy["expiration"]).replace("Z", "+00:00")):
        raise denied("Invalid according to Policy: Policy expired.")
    listed = {"bucket", "policy", "x-amz-signature"}
    for operator, name, value in _conditions(policy["conditions"]):
        if operator == "content-length-range":
            _check_size(size, int(name), int(value))
            continue
        field_name = name.removeprefix("$").lower()
        listed.add(field_name)
        if not OPERATORS[operator](fields.get(field_name, ""), value):
            condition = json.dumps([operator, name, value])
            raise denied(f"Invalid according to Policy: Policy Condition failed: {condition}")
    if extra := [name for name in fields if name not in listed and not name.startswith("x-ignore-")]:
        raise denied(f"Invalid according to Policy: Extra input fields: {', '.join(extra)}")


def _conditions(conditions: object) -> Iterator[list[str]]:
    """The conditions, those that were written {name: value} as ["eq", "$name", value] like the others."""
    if not isinstance(conditions, list):
        raise TypeError("conditions is no list")
    for condition in conditions:
        if isinstance(condition, dict):
            yield from (["eq", f"${name}", value] for name, value in condition.items())
        else:
            yield condition


def _check_size(size: int, least: int, most: int) -> None:
    if size < least:
        message = "Your proposed upload is smaller than the minimum allowed size"
        raise Refused(400, "EntityTooSmall", message, ProposedSize=size, MinSizeAllowed=least)
    if size > most:
        message = "Your proposed upload exceeds the maximum allowed size"
        raise Refused(400, "EntityTooLarge", message, ProposedSize=size, MaxSizeAllowed=most)


def _read_form(request: Request) -> tuple[dict[str, str], bytes]:
    """A form's fields, their names in lower case, and its file; what comes after the file does not count."""
    boundary = str(request.headers.get_boundary(""))
    fields: dict[str, str] = {}
    delimiter = rb"\r\n--" + re.escape(boundary.encode()) + rb"(?:--)?[ \t]*(?:\r\n|\Z)"
    for part in re.split(delimiter, b"\r\n" + request.body)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        headers = BytesHeaderParser().parsebytes(head)
        name = str(headers.get_param("name", "", header="Content-Disposition")).lower()
        if name == "file":
            # A variable counts as expanded before the policy is looked at, and means a name without folders.
            file_name = re.split(r"[/\\]", headers.get_filename(""))[-1]
            fields["key"] = fields.get("key", "").replace("${filename}", file_name)
            return fields, content
        fields[name] = content.decode(errors="replace")
    raise Refused(400, "InvalidArgument", "POST requires exactly one file upload per request.")


def _check_conditions(found: Object | None, key: str, headers: Message) -> None:
    """Refuse to store an object in the place of `found` unless the conditions of the request hold."""
    if "If-Match" in headers:
        if found is None:
            raise Refused(404, "NoSuchKey", "The specified key does not exist.", Key=key)
        if headers["If-Match"].strip('"') != found.etag.strip('"'):
            raise _condition_failed("If-Match")
    if headers.get("If-None-Match") == "*" and found is not None:
        raise _condition_failed("If-None-Match")


def _condition_failed(condition: str) -> Refused:
    message = "At least one of the pre-conditions you specified did not hold"
    return Refused(412, "PreconditionFailed", message, Condition=condition)


def _list(bucket: str, objects: dict[str, Object], query: dict[str, str]) -> Answer:
    """One page of ListObjectsV2: keys with the prefix, those that have the delimiter after it only up to there."""
    if query.get("list-type") != "2":
        raise Refused(501, "NotImplemented", "The stand-in lists with version 2 only.")
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    keys = [key for key in objects if key.startswith(prefix)]
    folders = {folder for key in keys if (folder := _common_prefix(key, len(prefix), delimiter))}
    names = folders | {key for key in keys if not _common_prefix(key, len(prefix), delimiter)}
    after = base64.b64decode(query.get("continuation-token", ""))
    left = [name for name in sorted(names, key=str.encode) if name.encode() > after]
    page = left[: min(int(query.get("max-keys", PAGE_KEYS)), PAGE_KEYS)]
    fields = {"Name": bucket, "Prefix": prefix, "KeyCount": len(page), "IsTruncated": str(page != left).lower()}
    if page != left:
        fields["NextContinuationToken"] = base64.b64encode(page[-1].encode()).decode()
    if encoding := query.get("encoding-type"):
        fields["EncodingType"] = encoding
    inside = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in fields.items())
    encode = quote if encoding == "url" else escape
    inside += "".join(_listed(encode(name), None if name in folders else objects[name]) for name in page)
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="{LISTING}">{inside}</ListBucketResult>'
    return Answer(200, body.encode(), {"Content-Type": "application/xml"})


def _common_prefix(key: str, start: int, delimiter: str) -> str:
    """The key up to the first delimiter from `start` on, empty if there is none."""
    end = key.find(delimiter, start) if delimiter else -1
    return "" if end < 0 else key[: end + len(delimiter)]


def _listed(name: str, found: Object | None) -> str:
    """An object's entry in a list, or that of a common prefix."""
    if found is None:
        return f"<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>"
    modified = f"{datetime.fromtimestamp(found.modified_s, timezone.utc):%Y-%m-%dT%H:%M:%S.000Z}"
    details = f"<LastModified>{modified}</LastModified><ETag>{escape(found.etag)}</ETag><Size>{len(found.body)}</Size>"
    return f"<Contents><Key>{name}</Key>{details}<StorageClass>STANDARD</StorageClass></Contents>"


def _read(found: Object, wanted: str) -> Answer:
    """The object, or the one range of it that is wanted; S3 takes a Range header that it cannot read for none."""
    headers = {
        "Content-Type": "binary/octet-stream",
        "Accept-Ranges": "bytes",
        "ETag": found.etag,
        "Last-Modified": formatdate(found.modified_s, usegmt=True),
        **found.headers,
    }
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted)
    if match is None or match[0] == "bytes=-":
        return Answer(200, found.body, headers)
    size = len(found.body)
    first = int(match[1]) if match[1] else max(size - int(match[2]), 0)
    last = min(int(match[2]), size - 1) if match[1] and match[2] else size - 1
    if first > last:
        details = {"RangeRequested": wanted, "ActualObjectSize": size}
        raise Refused(416, "InvalidRange", "The requested range is not satisfiable", **details)
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return Answer(206, found.body[first : last + 1], headers)


@contextmanager
def serving(access_key: str, secret_key: str) -> Iterator[str]:
    """Serve the owner of these keys on a free port of loopback; yields the URL."""
    store = Store(access_key, secret_key)

    class Handler(QuietHandler):
        def do_GET(self) -> None:  # noqa: N802 - the standard library names it
            request_id = secrets.token_hex(8).upper()
            try:
                answer = store.answer(self.read_request())
            except Refused as refused:
                answer = Answer(refused.status, refused.xml(request_id), {"Content-Type": "application/xml"})
            self.send_response(answer.status)
            for name, value in {"x-amz-request-id": request_id, **answer.headers}.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the standard library names them

        def read_request(self) -> Request:
            path, _, query = self.path.partition("?")
            if self.command in ("PUT", "POST") and "Content-Length" not in self.headers:
                self.close_connection = True  # A body of unknown length may follow.
                raise Refused(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return Request(self.command, path, dict(parse_qsl(query, keep_blank_values=True)), self.headers, body)

    with listening(Handler) as url:
        yield url
