"""What S3 says in its answers, and what a presigned URL or POST says of itself."""

import base64
import html
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlsplit

from numerai_predict.excerpt import excerpt

MD5_IN_BASE64 = re.compile(r"[A-Za-z0-9+/]{22}==")
ETAG_OF_MD5 = re.compile(r'"([0-9a-f]{32})"')
# With these, the ETag is 32 hex digits too, but no MD5:
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
KMS = ("aws:kms", "aws:kms:dsse")


def error_in(body: str) -> str:
    """`AccessDenied: Request has expired`: code and message of S3's XML in one line; empty if it is something else."""
    body = excerpt(body)
    found = [re.search(f"<{tag}>([^<]+)</{tag}>", body) for tag in ("Code", "Message")]
    said = html.unescape(": ".join(match[1] for match in found if match))
    return " ".join(said.split())


def md5_in(headers: Mapping[str, str]) -> str | None:
    """The MD5 of the object, in hex, if S3's answer gives it: of an object of several parts the ETag does not."""
    if MD5_IN_BASE64.fullmatch(headers.get("Content-MD5", "")):
        return base64.b64decode(headers["Content-MD5"]).hex()
    encrypted = headers.get("x-amz-server-side-encryption") in KMS or any(
        name.lower().startswith("x-amz-server-side-encryption-customer") for name in headers
    )
    etag = ETAG_OF_MD5.fullmatch(headers.get("ETag", ""))
    return etag[1] if etag and "x-amz-request-id" in headers and not encrypted else None


def expiry_of_url(url: str) -> datetime | None:
    """When a presigned URL expires, which it says in its query, of signature version 4 or 2; None if it does not."""
    query = {name.lower(): value for name, value in parse_qsl(urlsplit(url).query)}
    try:
        if "x-amz-date" in query:
            signed = datetime.strptime(query["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
            return signed + timedelta(seconds=int(query["x-amz-expires"]))
        return datetime.fromtimestamp(int(query["expires"]), timezone.utc)
    except (KeyError, ValueError, OverflowError):
        return None


def expiry_of_form(fields: Mapping[str, str]) -> datetime | None:
    """When a presigned POST expires, which its policy says; None if it does not."""
    try:
        policy = json.loads(base64.b64decode(fields["policy"]))
        return datetime.fromisoformat(policy["expiration"].replace("Z", "+00:00")).astimezone(timezone.utc)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
