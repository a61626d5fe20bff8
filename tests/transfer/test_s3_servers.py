"""s3.py: both servers refuse whatever S3 refuses. Asserts no messages, and no codes in which RGW differs from AWS."""

import base64
import contextlib
import dataclasses
import gzip
import hashlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from unittest import mock
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import requests
from botocore.exceptions import ClientError

from tests import s3
from tests.harness import ROOT, command_lines
from tests.s3 import Bucket

BOUNDARY = "boundary-1234"
BODY = bytes(range(256)) * 8 + b"\r\n\r\n--boundary\r\n--boundary-12\r\n--boundary-123x--\r\n--\r\n\n--\r\n"
PROXY = "http://127.0.0.1:9"
REFUSED_POST = {"AccessDenied", "SignatureDoesNotMatch", "InvalidAccessKeyId"}

if TYPE_CHECKING:
    Mixin = unittest.TestCase
else:
    Mixin = object


@dataclasses.dataclass(frozen=True)
class Answer:
    """One answer of a server; `code` is that of an error."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def code(self) -> str | None:
        found = re.search(rb"<Error>\s*<Code>(\w+)</Code>", self.body)
        return found[1].decode() if found else None


def send(method: str, url: str, body: bytes | None = None, **headers: str) -> Answer:
    """Send one request with just these headers, their underscores standing for hyphens."""
    parts = urlsplit(url)
    with contextlib.closing(http.client.HTTPConnection(parts.netloc, timeout=30)) as connection:
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


def post(form: tuple[str, str], body: bytes = BODY, **changed: str | None) -> Answer:
    """Send the form with the file; fields are changed, added or, by None, left out."""
    url, fields = form
    sent = {**dict(parse_qsl(fields)), **{name.replace("_", "-"): value for name, value in changed.items()}}
    head = 'Content-Disposition: form-data; name="{}"'.format
    parts = [f"{head(name)}\r\n\r\n{value}".encode() for name, value in sent.items() if value is not None]
    parts.append(f'{head("file")}; filename="predictions.csv"\r\n\r\n'.encode() + body)
    delimiter = f"--{BOUNDARY}\r\n".encode()
    whole = b"".join(delimiter + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()
    return send("POST", url, whole, Content_Type=f"multipart/form-data; boundary={BOUNDARY}")


def with_query(url: str, **changed: str) -> str:
    """The URL with parameters of its query changed."""
    query = {**dict(parse_qsl(urlsplit(url).query)), **{f"X-Amz-{name}": value for name, value in changed.items()}}
    return f"{url.partition('?')[0]}?{urlencode(query)}"


def tampered(signature: str) -> str:
    return signature[:-1] + ("0" if signature[-1] != "0" else "1")


class BucketChecks(Mixin):
    """What a bucket must do and refuse, whoever serves it."""

    bucket: ClassVar[Bucket]

    def setUp(self) -> None:
        self.key = f"{self.id()}/predictions.csv"

    def assert_refused(self, answer: Answer, status: int, *codes: str) -> None:
        self.assertEqual(answer.status, status, answer.body)
        self.assertIn(answer.code, codes)

    def assert_not_stored(self, answer: Answer, status: int, *codes: str) -> None:
        self.assert_refused(answer, status, *codes)
        self.assertIsNone(self.bucket.get(self.key))

    def presigned_get(self) -> str:
        self.bucket.put(self.key, BODY)
        return self.bucket.presigned_get(self.key)

    # The owner's own requests.

    def test_get_missing_object_none(self) -> None:
        self.assertIsNone(self.bucket.get(self.key))

    def test_delete_object_gone(self) -> None:
        self.bucket.put(self.key, BODY)
        self.bucket.delete(self.key)
        self.assertIsNone(self.bucket.get(self.key))

    def test_put_object_byte_identical(self) -> None:
        self.bucket.put(self.key, BODY)
        self.assertEqual(self.bucket.get(self.key), BODY)

    def test_put_wrong_secret_key_refused(self) -> None:
        thief = dataclasses.replace(self.bucket, secret_key="0" * 40)
        with self.assertRaisesRegex(Exception, "SignatureDoesNotMatch"):
            thief.put(self.key, BODY)
        self.assertIsNone(self.bucket.get(self.key))

    # Conditional writes.

    def test_put_if_none_match_only_if_nothing_is_there(self) -> None:
        self.bucket.put(self.key, b"1", IfNoneMatch="*")
        with self.assertRaisesRegex(Exception, "PreconditionFailed"):
            self.bucket.put(self.key, b"2", IfNoneMatch="*")
        self.assertEqual(self.bucket.get(self.key), b"1")

    def test_put_if_match_only_in_the_place_of_that_content(self) -> None:
        self.bucket.put(self.key, b"1")
        first = hashlib.md5(b"1").hexdigest()
        self.bucket.put(self.key, b"2", IfMatch=first)
        with self.assertRaisesRegex(Exception, "PreconditionFailed"):
            self.bucket.put(self.key, b"3", IfMatch=first)
        self.assertEqual(self.bucket.get(self.key), b"2")

    def test_put_if_match_nothing_there_refused(self) -> None:
        with self.assertRaisesRegex(Exception, "NoSuchKey|PreconditionFailed"):
            self.bucket.put(self.key, b"1", IfMatch=hashlib.md5(b"1").hexdigest())
        self.assertIsNone(self.bucket.get(self.key))

    def test_put_conditional_by_many_at_once_one_succeeds(self) -> None:
        self.bucket.put(self.key, b"start")
        start = hashlib.md5(b"start").hexdigest()
        for key, condition in ((self.key, {"IfMatch": start}), (self.key + "2", {"IfNoneMatch": "*"})):
            with self.subTest(condition), ThreadPoolExecutor(8) as pool:
                tries = [pool.submit(self.bucket.put, key, b"%d" % i, **condition) for i in range(8)]
                won = [b"%d" % i for i, done in enumerate(tries) if done.exception() is None]
                self.assertEqual(won, [self.bucket.get(key)])

    # Lists.

    def test_list_page_by_page_keys_in_order_folders_once(self) -> None:
        inside = ("a", "b/", "b/1", "b/2", "c d+&<é", "e/1/2", "日本")
        for name in ("/" + name for name in inside):
            self.bucket.put(self.key + name, b"content")
        self.bucket.put(self.key + "-not", b"")
        self.assertEqual(self.listed(""), [*inside])
        self.assertEqual(self.listed("", Delimiter="/"), ["a", "c d+&<é", "日本", "b/", "e/"])
        self.assertEqual(self.listed("b/", Delimiter="/"), ["", "1", "2"])
        self.assertEqual(self.listed("x/"), [])

    def listed(self, folder: str, **flags: str) -> list[str]:
        """What lies in a folder below the key, without its name: keys, then folders; two in a page."""
        start = f"{self.key}/{folder}"
        pages = self.bucket.client().get_paginator("list_objects_v2")
        found = list(pages.paginate(Bucket=self.bucket.name, Prefix=start, PaginationConfig={"PageSize": 2}, **flags))
        self.assertTrue(all(page["KeyCount"] <= 2 for page in found))
        objects = [item for page in found for item in page.get("Contents", ())]
        self.assertEqual({item["Size"] for item in objects}, {len(b"content")} if objects else set())
        folders = [item["Prefix"] for page in found for item in page.get("CommonPrefixes", ())]
        return [name.removeprefix(start) for name in [*(item["Key"] for item in objects), *folders]]

    # Presigned GET.

    def test_presigned_get_valid_object_with_its_headers(self) -> None:
        answer = send("GET", self.presigned_get())
        self.assertEqual((answer.status, answer.body), (200, BODY))
        self.assertEqual(answer.headers["ETag"], f'"{hashlib.md5(BODY).hexdigest()}"')
        self.assertEqual(answer.headers["Content-Length"], str(len(BODY)))
        self.assertTrue(answer.headers["x-amz-request-id"])
        self.assertTrue(answer.headers["Date"])

    def test_presigned_get_strange_key_object(self) -> None:
        self.key += " ä+&=?#%20~'()*!@:,;$"
        answer = send("GET", self.presigned_get())
        self.assertEqual((answer.status, answer.body), (200, BODY))

    def test_presigned_get_empty_object_empty(self) -> None:
        self.bucket.put(self.key, b"")
        answer = send("GET", self.bucket.presigned_get(self.key))
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_presigned_get_content_encoding_given_back_with_stored_bytes(self) -> None:
        compressed = gzip.compress(BODY)
        self.bucket.put(self.key, compressed, ContentEncoding="gzip")
        answer = send("GET", self.bucket.presigned_get(self.key))
        self.assertEqual((answer.headers["Content-Encoding"], answer.body), ("gzip", compressed))

    def test_presigned_get_range_only_that(self) -> None:
        url, size = self.presigned_get(), len(BODY)
        for wanted, first, last in (
            ("bytes=10-19", 10, 19),
            ("bytes=100-", 100, size - 1),
            ("bytes=-7", size - 7, size - 1),
            (f"bytes=5-{size * 2}", 5, size - 1),
            (f"bytes=-{size * 2}", 0, size - 1),
        ):
            with self.subTest(wanted):
                answer = send("GET", url, Range=wanted)
                self.assertEqual((answer.status, answer.body), (206, BODY[first : last + 1]))
                self.assertEqual(answer.headers["Content-Range"], f"bytes {first}-{last}/{size}")

    def test_presigned_get_range_beyond_end_refused(self) -> None:
        self.assert_refused(send("GET", self.presigned_get(), Range=f"bytes={len(BODY)}-"), 416, "InvalidRange")

    def test_presigned_get_missing_object_refused(self) -> None:
        self.assert_refused(send("GET", self.bucket.presigned_get(self.key)), 404, "NoSuchKey")

    def test_presigned_get_missing_bucket_refused(self) -> None:
        elsewhere = dataclasses.replace(self.bucket, name="tests-nowhere")
        self.assert_refused(send("GET", elsewhere.presigned_get(self.key)), 404, "NoSuchBucket")

    def test_presigned_get_tampered_signature_refused(self) -> None:
        url = self.presigned_get()
        self.assert_refused(send("GET", tampered(url)), 403, "SignatureDoesNotMatch")

    def test_presigned_get_signature_of_another_key_refused(self) -> None:
        self.bucket.put(self.key + "2", BODY)
        url = self.presigned_get().replace("predictions.csv?", "predictions.csv2?")
        self.assert_refused(send("GET", url), 403, "SignatureDoesNotMatch")

    def test_presigned_get_signature_of_another_host_refused(self) -> None:
        answer = send("GET", self.presigned_get(), Host="127.0.0.1:9")
        self.assert_refused(answer, 403, "SignatureDoesNotMatch")

    def test_presigned_get_additional_parameter_refused(self) -> None:
        url = with_query(self.presigned_get(), Extra="1")
        self.assert_refused(send("GET", url), 403, "SignatureDoesNotMatch")

    def test_presigned_get_unsigned_refused(self) -> None:
        self.assert_refused(send("GET", self.presigned_get().partition("?")[0]), 403, "AccessDenied")

    def test_presigned_get_extended_expiry_refused(self) -> None:
        url = with_query(self.presigned_get(), Expires="7200")
        self.assert_refused(send("GET", url), 403, "SignatureDoesNotMatch")

    def test_presigned_get_unknown_key_id_refused(self) -> None:
        self.presigned_get()
        url = dataclasses.replace(self.bucket, access_key="NOBODY").presigned_get(self.key)
        self.assert_refused(send("GET", url), 403, "InvalidAccessKeyId")

    def test_presigned_get_wrong_secret_key_refused(self) -> None:
        self.presigned_get()
        url = dataclasses.replace(self.bucket, secret_key="0" * 40).presigned_get(self.key)
        self.assert_refused(send("GET", url), 403, "SignatureDoesNotMatch")

    def test_presigned_get_expired_refused(self) -> None:
        self.presigned_get()
        for seconds in (-1, -60, -86_400):
            url = self.bucket.presigned_get(self.key, expires_s=seconds)
            with self.subTest(seconds):
                self.assert_refused(send("GET", url), 403, "AccessDenied")

    def test_presigned_get_expired_then_extended_refused(self) -> None:
        self.presigned_get()
        url = with_query(self.bucket.presigned_get(self.key, expires_s=-60), Expires="3600")
        self.assert_refused(send("GET", url), 403, "SignatureDoesNotMatch")

    def test_presigned_get_put_refused(self) -> None:
        url = self.presigned_get()
        self.assert_refused(send("PUT", url, b"other"), 403, "SignatureDoesNotMatch")
        self.assertEqual(self.bucket.get(self.key), BODY)

    def test_presigned_get_delete_refused(self) -> None:
        url = self.presigned_get()
        self.assert_refused(send("DELETE", url), 403, "SignatureDoesNotMatch")
        self.assertEqual(self.bucket.get(self.key), BODY)

    def test_presigned_get_endpoint_of_proxy_valid_with_its_host(self) -> None:
        self.bucket.put(self.key, BODY)
        url = self.bucket.presigned_get(self.key, endpoint=PROXY)
        self.assertTrue(url.startswith(PROXY))
        answer = send("GET", url.replace(PROXY, self.bucket.endpoint), Host=urlsplit(PROXY).netloc)
        self.assertEqual((answer.status, answer.body), (200, BODY))

    # Presigned POST.

    def test_presigned_post_valid_stored_byte_identical(self) -> None:
        self.assertEqual(post(self.bucket.presigned_post(self.key)).status, 204)
        self.assertEqual(self.bucket.get(self.key), BODY)

    def test_presigned_post_by_requests_stored_byte_identical(self) -> None:
        url, fields = self.bucket.presigned_post(self.key)
        answer = requests.post(url, data=parse_qs(fields), files={"file": ("predictions.csv", BODY)}, timeout=30)
        self.assertEqual(answer.status_code, 204)
        self.assertEqual(self.bucket.get(self.key), BODY)

    def test_presigned_post_empty_file_stored(self) -> None:
        self.assertEqual(post(self.bucket.presigned_post(self.key), b"").status, 204)
        self.assertEqual(self.bucket.get(self.key), b"")

    def test_presigned_post_file_name_variable_expanded(self) -> None:
        form = self.post_with(["starts-with", "$key", self.key], key=self.key + "/${filename}")
        self.assertEqual(post(form).status, 204)
        self.assertEqual(self.bucket.get(self.key + "/predictions.csv"), BODY)

    def test_presigned_post_endpoint_of_proxy_stored(self) -> None:
        url, fields = self.bucket.presigned_post(self.key, endpoint=PROXY)
        self.assertTrue(url.startswith(PROXY))
        self.assertEqual(post((url.replace(PROXY, self.bucket.endpoint), fields)).status, 204)
        self.assertEqual(self.bucket.get(self.key), BODY)

    def test_presigned_post_tampered_signature_refused(self) -> None:
        form = self.bucket.presigned_post(self.key)
        signature = dict(parse_qsl(form[1]))["x-amz-signature"]
        self.assert_not_stored(post(form, x_amz_signature=tampered(signature)), 403, *REFUSED_POST)

    def test_presigned_post_unknown_key_id_refused(self) -> None:
        form = dataclasses.replace(self.bucket, access_key="NOBODY").presigned_post(self.key)
        self.assert_not_stored(post(form), 403, *REFUSED_POST)

    def test_presigned_post_wrong_secret_key_refused(self) -> None:
        form = dataclasses.replace(self.bucket, secret_key="0" * 40).presigned_post(self.key)
        self.assert_not_stored(post(form), 403, *REFUSED_POST)

    def test_presigned_post_rewritten_policy_refused(self) -> None:
        form = self.bucket.presigned_post(self.key + "2")
        policy = json.loads(base64.b64decode(dict(parse_qsl(form[1]))["policy"]))
        policy["conditions"] = [{"key": self.key} if "key" in rule else rule for rule in policy["conditions"]]
        rewritten = base64.b64encode(json.dumps(policy).encode()).decode()
        self.assert_not_stored(post(form, policy=rewritten, key=self.key), 403, *REFUSED_POST)

    def test_presigned_post_no_policy_refused(self) -> None:
        form = self.bucket.presigned_post(self.key)
        self.assert_not_stored(post(form, policy=None), 403, "AccessDenied")

    def test_presigned_post_only_key_refused(self) -> None:
        url, _ = self.bucket.presigned_post(self.key)
        self.assert_not_stored(post((url, urlencode({"key": self.key}))), 403, "AccessDenied")

    def test_presigned_post_another_key_refused(self) -> None:
        form = self.bucket.presigned_post(self.key + "2")
        self.assert_not_stored(post(form, key=self.key), 403, "AccessDenied")

    def test_presigned_post_another_bucket_refused(self) -> None:
        other = dataclasses.replace(self.bucket, name=self.bucket.name + "-other")
        other.client().create_bucket(Bucket=other.name)
        url, fields = other.presigned_post(self.key)
        self.assert_not_stored(post((url.removesuffix("-other"), fields)), 403, "AccessDenied")

    def test_presigned_post_unlisted_field_refused(self) -> None:
        form = self.bucket.presigned_post(self.key)
        self.assert_not_stored(post(form, Content_Type="text/csv"), 403, "AccessDenied")

    def test_presigned_post_ignored_field_stored(self) -> None:
        self.assertEqual(post(self.bucket.presigned_post(self.key), x_ignore_me="1").status, 204)

    def test_presigned_post_listed_field_missing_refused(self) -> None:
        form = self.post_with({"Content-Type": "text/csv"})
        self.assert_not_stored(post(form), 403, "AccessDenied")

    def test_presigned_post_listed_field_stored_with_it(self) -> None:
        form = self.post_with({"Content-Type": "text/csv"})
        self.assertEqual(post(form, Content_Type="text/csv").status, 204)
        self.assertEqual(send("GET", self.bucket.presigned_get(self.key)).headers["Content-Type"], "text/csv")

    def test_presigned_post_prefix_not_kept_refused(self) -> None:
        form = self.post_with(["starts-with", "$Content-Type", "text/"])
        self.assert_not_stored(post(form, Content_Type="image/png"), 403, "AccessDenied")

    def test_presigned_post_at_limits_of_size_stored(self) -> None:
        form = self.post_with(["content-length-range", 10, 20])
        for size in (10, 20):
            self.assertEqual(post(form, b"x" * size).status, 204)

    def test_presigned_post_oversized_refused(self) -> None:
        form = self.bucket.presigned_post(self.key, max_bytes=20)
        self.assert_not_stored(post(form, b"x" * 21), 400, "EntityTooLarge")

    def test_presigned_post_undersized_refused(self) -> None:
        form = self.post_with(["content-length-range", 10, 20])
        self.assert_not_stored(post(form, b"x" * 9), 400, "EntityTooSmall")

    def test_presigned_post_expired_refused(self) -> None:
        form = self.bucket.presigned_post(self.key, expires_s=-60)
        self.assert_not_stored(post(form), 403, "AccessDenied")

    def test_presigned_post_unknown_operator_refused(self) -> None:
        form = self.post_with(["ends-with", "$key", ".csv"])
        self.assert_not_stored(post(form), 400, "InvalidPolicyDocument", "InvalidArgument")

    def test_presigned_post_not_multipart_refused(self) -> None:
        url, fields = self.bucket.presigned_post(self.key)
        answer = send("POST", url, fields.encode(), Content_Type="application/x-www-form-urlencoded")
        self.assert_not_stored(answer, 400, "InvalidArgument")

    def test_presigned_post_no_content_length_refused(self) -> None:
        url, _ = self.bucket.presigned_post(self.key)
        answer = send("POST", url, Content_Type="multipart/form-data; boundary=x", Transfer_Encoding="chunked")
        self.assert_not_stored(answer, 411, "MissingContentLength")

    def post_with(self, condition: object, key: str = "") -> tuple[str, str]:
        """A form whose policy has one more condition."""
        form = self.bucket.client().generate_presigned_post(
            self.bucket.name, key or self.key, Conditions=[condition], ExpiresIn=60
        )
        return form["url"], urlencode(form["fields"])


class StandInTest(BucketChecks, unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        server = contextlib.ExitStack()
        cls.addClassCleanup(server.close)
        cls.bucket = server.enter_context(s3.serving_stand_in())

    def test_presigned_get_expired_answer_of_aws(self) -> None:
        answer = send("GET", self.bucket.presigned_get(self.key, expires_s=-60))
        moment = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
        self.assertRegex(answer.body, rb"<Message>Request has expired</Message>")
        self.assertRegex(answer.body, rb"<Expires>%b</Expires><ServerTime>%b</ServerTime>" % (moment, moment))
        self.assertEqual(answer.headers["Content-Type"], "application/xml")

    def test_presigned_get_expiry_invalid_answer_of_aws(self) -> None:
        url = self.presigned_get()
        for expires in ("604801", "-1", "soon", ""):
            with self.subTest(expires):
                answer = send("GET", with_query(url, Expires=expires))
                self.assert_refused(answer, 400, "AuthorizationQueryParametersError")

    def test_presigned_post_bad_signature_codes_of_aws(self) -> None:
        for changed, code in (
            ({"secret_key": "0" * 40}, "SignatureDoesNotMatch"),
            ({"access_key": "NOBODY"}, "InvalidAccessKeyId"),
        ):
            form = dataclasses.replace(self.bucket, **changed).presigned_post(self.key)
            self.assert_not_stored(post(form), 403, code)

    def test_presigned_post_file_name_with_folders_last_part_counts(self) -> None:
        url, fields = self.post_with(["starts-with", "$key", self.key], key=self.key + "/${filename}")
        file = {"file": ("/tmp/live.csv", BODY)}
        self.assertEqual(requests.post(url, data=parse_qs(fields), files=file, timeout=30).status_code, 204)
        self.assertEqual(self.bucket.get(self.key + "/live.csv"), BODY)

    def test_presigned_post_boundary_inside_line_stored_byte_identical(self) -> None:
        # RGW takes it for the end of the file.
        body = f"x--{BOUNDARY}\r\n\n--{BOUNDARY}--\r\n--{BOUNDARY}x\r\n".encode()
        self.assertEqual(post(self.bucket.presigned_post(self.key), body).status, 204)
        self.assertEqual(self.bucket.get(self.key), body)

    def test_put_condition_not_met_answer_of_aws(self) -> None:
        self.bucket.put(self.key, BODY)
        with self.assertRaises(ClientError) as raised:
            self.bucket.put(self.key, BODY, IfNoneMatch="*")
        error = raised.exception.response["Error"]
        message = "At least one of the pre-conditions you specified did not hold"
        self.assertEqual(error, {"Code": "PreconditionFailed", "Message": message, "Condition": "If-None-Match"})

    def test_put_if_match_with_quotes_or_nothing_there_answers_of_aws(self) -> None:
        etag = f'"{hashlib.md5(BODY).hexdigest()}"'
        with self.assertRaisesRegex(ClientError, "NoSuchKey"):
            self.bucket.put(self.key, BODY, IfMatch=etag)
        self.bucket.put(self.key, BODY)
        self.bucket.put(self.key, b"", IfMatch=etag)
        self.assertEqual(self.bucket.get(self.key), b"")

    def test_put_changed_body_refused(self) -> None:
        signed = hashlib.sha256(b"other").hexdigest()
        with (
            mock.patch("botocore.auth.SigV4Auth.payload", return_value=signed),
            self.assertRaisesRegex(Exception, "XAmzContentSHA256Mismatch"),
        ):
            self.bucket.put(self.key, BODY)

    def test_error_value_of_client_escaped(self) -> None:
        self.key += "<Code>&"
        answer = send("GET", self.bucket.presigned_get(self.key))
        self.assertIn(b"&lt;Code&gt;&amp;</Key>", answer.body)


class StandInLifeTest(unittest.TestCase):
    def test_stopped_nobody_listens(self) -> None:
        with s3.serving_stand_in() as bucket:
            bucket.put("key", BODY)
        self.assertFalse(listens(bucket.endpoint))

    def test_put_proxy_in_environment_not_used(self) -> None:
        environment = mock.patch.dict(os.environ, {"http_proxy": PROXY, "no_proxy": ""})
        with environment, s3.serving_stand_in() as bucket:
            bucket.put("key", BODY)
            self.assertEqual(bucket.get("key"), BODY)

    def test_shared_bucket_without_ceph_of_stand_in(self) -> None:
        with mock.patch.object(s3, "rgw_is_installed", return_value=False):
            self.assertEqual(s3.shared_bucket.__wrapped__().server, "stand-in")


@unittest.skipUnless(s3.rgw_is_installed(), "Ceph is not installed")
class RgwTest(BucketChecks, unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.bucket = s3.shared_bucket()

    def test_shared_bucket_called_again_same_bucket(self) -> None:
        self.assertEqual(self.bucket.server, "RGW")
        self.assertIs(s3.shared_bucket(), self.bucket)


@unittest.skipUnless(s3.rgw_is_installed(), "Ceph is not installed")
class RgwLifeTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    @contextlib.contextmanager
    def sharing_process(self) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
        """A process that has a shared bucket until its standard input ends, and the bucket's endpoint."""
        script = "import sys; from tests import s3; print(s3.shared_bucket().endpoint, flush=True); sys.stdin.read()"
        with subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(self.folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            yield process, process.stdout.readline().decode().strip()

    def servers(self) -> set[str]:
        """The programs that run with this test's folder in their command line."""
        return {command[0] for command in command_lines() if any(str(self.folder) in word for word in command)}

    def assert_ends(self, lasts: Callable[[], object]) -> None:
        deadline = time.monotonic() + 10
        while lasts() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertFalse(lasts())

    def assert_no_servers(self) -> None:
        # The monitor runs its commands in children of its own, which end by themselves some milliseconds later.
        self.assert_ends(self.servers)

    def assert_all_gone(self, endpoint: str) -> None:
        self.assert_no_servers()
        # A killed process loses its command line first, its port a little later.
        self.assert_ends(lambda: listens(endpoint))

    def test_process_ended_servers_and_files_gone(self) -> None:
        with self.sharing_process() as (_, endpoint):
            self.assertEqual(self.servers(), {"ceph-mon", "ceph-osd", "radosgw"})
        self.assert_all_gone(endpoint)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_process_killed_servers_gone(self) -> None:
        with self.sharing_process() as (process, endpoint):
            self.assertEqual(self.servers(), {"ceph-mon", "ceph-osd", "radosgw"})
            process.kill()
        self.assert_all_gone(endpoint)

    def test_stopped_nobody_listens(self) -> None:
        with s3.serving_rgw() as bucket:
            bucket.put("key", BODY)
        self.assertFalse(listens(bucket.endpoint))

    def test_start_port_taken_raised_with_logs_and_nothing_left(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with (
                mock.patch.object(s3, "free_port", return_value=port),
                mock.patch.object(tempfile, "tempdir", str(self.folder)),
                self.assertRaisesRegex(RuntimeError, rf"ended early(?s:.)*mon.*{port}"),
            ):
                s3.shared_bucket.__wrapped__()
        self.assert_no_servers()

    def test_run_failing_command_raised_with_what_it_wrote(self) -> None:
        with self.assertRaisesRegex(RuntimeError, r"^monmaptool ended with status \d+\.\nmonmaptool\.out: ."):
            s3.Cluster(self.folder).run("monmaptool")

    def test_start_too_slow_raised_and_nothing_left(self) -> None:
        with (
            mock.patch.object(s3, "START_LIMIT_S", 0.3),
            mock.patch.object(tempfile, "tempdir", str(self.folder)),
            self.assertRaisesRegex(RuntimeError, "has not started within"),
        ):
            s3.shared_bucket.__wrapped__()
        self.assert_no_servers()


def listens(endpoint: str) -> bool:
    """Whether somebody takes connections there."""
    address = urlsplit(endpoint)
    with socket.socket() as probe:
        return probe.connect_ex((str(address.hostname), address.port or 0)) == 0
