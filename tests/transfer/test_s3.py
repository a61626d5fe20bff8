"""s3.py: errors, checksums and expiries in the forms that S3 gives them."""

import base64
import hashlib
import json
import unittest
from datetime import datetime, timezone

from numerai_predict.transfer import s3

MD5 = hashlib.md5(b"content").hexdigest()
S3 = {"x-amz-request-id": "1"}


class ErrorTest(unittest.TestCase):
    def test_error_is_code_and_message(self) -> None:
        body = "<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>No &quot;key&quot;</Message></Error>"
        self.assertEqual(s3.error_in(body), 'AccessDenied: No "key"')
        self.assertEqual(s3.error_in("<Error><Code>SlowDown</Code><Message></Message></Error>"), "SlowDown")

    def test_message_of_several_lines_becomes_one(self) -> None:
        body = "<Error><Code>AccessDenied</Code><Message>\n  No\r\nto you&#10;</Message></Error>"
        self.assertEqual(s3.error_in(body), "AccessDenied: No to you")

    def test_error_of_anything_else_is_empty(self) -> None:
        for body in ("", "<html><body>Bad gateway</body></html>", "{}"):
            self.assertEqual(s3.error_in(body), "")


class ChecksumTest(unittest.TestCase):
    def test_etag_of_s3_is_the_md5(self) -> None:
        self.assertEqual(s3.md5_in({**S3, "ETag": f'"{MD5}"'}), MD5)
        sse_s3 = {"x-amz-server-side-encryption": "AES256"}
        self.assertEqual(s3.md5_in({**S3, **sse_s3, "ETag": f'"{MD5}"'}), MD5)

    def test_etag_that_is_no_md5_is_none(self) -> None:
        kms = {"x-amz-server-side-encryption": "aws:kms"}
        customer = {"X-Amz-Server-Side-Encryption-Customer-Algorithm": "AES256"}
        for headers in (
            S3,
            {"ETag": f'"{MD5}"'},
            {**S3, "ETag": f'"{MD5}-3"'},
            {**S3, "ETag": f'W/"{MD5}"'},
            {**S3, **kms, "ETag": f'"{MD5}"'},
            {**S3, **customer, "ETag": f'"{MD5}"'},
        ):
            with self.subTest(headers):
                self.assertIsNone(s3.md5_in(headers))

    def test_content_md5_of_any_server_counts(self) -> None:
        self.assertEqual(s3.md5_in({"Content-MD5": base64.b64encode(bytes.fromhex(MD5)).decode()}), MD5)

    def test_content_md5_that_is_none_is_not_one(self) -> None:
        for value in ("nonsense!", "aGVsbG8="):
            self.assertIsNone(s3.md5_in({"Content-MD5": value}))


class ExpiryTest(unittest.TestCase):
    def test_expiry_of_a_url_of_version_4_is_its_date_and_seconds(self) -> None:
        url = "https://bucket/key?X-Amz-Date=20261122T133000Z&X-Amz-Expires=3600&X-Amz-Signature=s"
        self.assertEqual(s3.expiry_of_url(url), datetime(2026, 11, 22, 14, 30, tzinfo=timezone.utc))

    def test_expiry_of_a_url_of_version_2_is_in_seconds_of_the_epoch(self) -> None:
        url = "https://bucket/key?AWSAccessKeyId=k&Signature=s&Expires=1795357800"
        self.assertEqual(s3.expiry_of_url(url), datetime.fromtimestamp(1795357800, timezone.utc))

    def test_expiry_of_a_url_that_does_not_say_is_none(self) -> None:
        queries = ("", "?x=1", "?X-Amz-Date=today&X-Amz-Expires=1", "?X-Amz-Date=20261122T133000Z", "?Expires=never")
        for query in (*queries, f"?Expires={10**30}", f"?X-Amz-Date=20261122T133000Z&X-Amz-Expires={10**30}"):
            with self.subTest(query):
                self.assertIsNone(s3.expiry_of_url(f"https://bucket/key{query}"))

    def form(self, policy: object) -> dict[str, str]:
        return {"policy": base64.b64encode(json.dumps(policy).encode()).decode()}

    def test_expiry_of_a_form_is_that_of_its_policy(self) -> None:
        for text in ("2026-11-22T14:30:00Z", "2026-11-22T14:30:00.000Z"):
            expected = datetime(2026, 11, 22, 14, 30, tzinfo=timezone.utc)
            self.assertEqual(s3.expiry_of_form(self.form({"expiration": text})), expected)

    def test_expiry_of_a_form_that_does_not_say_is_none(self) -> None:
        policies: tuple[object, ...] = ([], {"expiration": 5}, {"expiration": ""})
        for form in ({}, {"policy": "nonsense"}, *map(self.form, policies)):
            with self.subTest(form):
                self.assertIsNone(s3.expiry_of_form(form))


if __name__ == "__main__":
    unittest.main()
