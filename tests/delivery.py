"""What becomes of a run when the network, the server or the disk fails: one row for each fault.

`python -m tests.delivery` runs them all, or those that hold the text given, and prints the tables of docs/delivery.md
with what has happened.
"""

import base64
import json
import secrets
import sys
from collections.abc import Sequence

from numerai_predict.faults import Code
from tests.delivery_run import WHOLE, Download, Outcome, Scenario, Upload, failed, print_table
from tests.fault_proxy import (
    CutAnswer,
    DamagedAnswer,
    Echo,
    Hang,
    NoHandshake,
    OtherHeaders,
    Overlong,
    Pass,
    Redirect,
    ResetAtOnce,
    ResetInRequest,
    Status,
    TrickleAnswer,
    TrickleRequest,
)
from tests.s3 import shared_bucket

NOT_DOWNLOADED, UPLOAD_FAILED = Code.MODEL_NOT_DOWNLOADED, Code.UPLOAD_FAILED
FOR_EVER = "up to 0.5, 1, 2, …, 30 s"
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
TOO_SLOW = b"<Error><Code>RequestTimeout</Code><Message>Your socket connection was idle.</Message></Error>"
SHORT_TIMEOUT = {"transfer.http.READ_TIMEOUT_S": 0.3}
OUT_OF_TIME = {"transfer.http.DOWNLOAD_DEADLINE_S": 1.0, "transfer.http.UPLOAD_DEADLINE_S": 1.0}
OTHER_ETAG = {"ETag": '"0123456789abcdef0123456789abcdef"'}
KMS = OtherHeaders({**OTHER_ETAG, "x-amz-server-side-encryption": "aws:kms"})
SECOND = Outcome(2, "up to 0.5 s")
THIRD = Outcome(3, "up to 0.5, 1 s")
FOURTH = Outcome(4, "up to 0.5, 1, 2 s")


def with_a_token(url: str) -> str:
    """The URL with a security token that belongs to another signature."""
    return f"{url}&X-Amz-Security-Token={secrets.token_hex(20)}"


def with_later_expiry(fields: dict[str, str]) -> dict[str, str]:
    """The form with a policy that holds for ever, under the signature of the one it had."""
    policy = {**json.loads(base64.b64decode(fields["policy"])), "expiration": "2099-01-01T00:00:00Z"}
    return {**fields, "policy": base64.b64encode(json.dumps(policy).encode()).decode()}


def with_other_key(fields: dict[str, str]) -> dict[str, str]:
    """The form for an object that the policy does not allow."""
    return {**fields, "key": "somebody/else"}


DOWNLOADS = (
    Download("none", Outcome(), "The model is downloaded and run.", switches=WHOLE),
    Download(
        "the object is stored gzipped (Content-Encoding)",
        Outcome(),
        "The model is unpacked.",
        stored={"ContentEncoding": "gzip"},
    ),
    Download(
        "an ETag that is no MD5 (encrypted with KMS)",
        Outcome(),
        "It is not taken for an MD5.",
        (KMS,),
    ),
    Download(
        "nobody listens",
        failed(NOT_DOWNLOADED, 0, FOR_EVER),
        "Given up after 20 tries.",
        says="Connection refused.*20 tries",
        host="127.0.0.2",
    ),
    Download("connection reset before the request, twice", THIRD, "The third try succeeds.", (ResetAtOnce(),) * 2),
    Download(
        "connection reset instead of an answer",
        SECOND,
        "The second try succeeds.",
        (CutAnswer(after=0, reset=True),),
    ),
    Download(
        "connection reset in the middle of the body",
        SECOND,
        "The second try asks for the rest.",
        (CutAnswer(after=50_000, reset=True),),
        resumed=1,
    ),
    Download(
        "connection cut in the middle of the body, three times",
        FOURTH,
        "Each try asks for the rest; the fourth gets it.",
        (CutAnswer(after=30_000),) * 3,
        resumed=3,
    ),
    Download(
        "the server ignores that only the rest is asked for",
        SECOND,
        "It is taken from the beginning.",
        (CutAnswer(after=50_000), OtherHeaders(ignored=("range",))),
        resumed=1,
    ),
    Download(
        "the object is replaced between two tries",
        THIRD,
        "It is taken from the beginning; the two are never mixed.",
        (CutAnswer(after=50_000), OtherHeaders(OTHER_ETAG)),
        resumed=1,
    ),
    Download(
        "416 for the rest",
        THIRD,
        "It is taken from the beginning.",
        (CutAnswer(after=50_000), Status(416)),
        resumed=1,
    ),
    Download("more comes than announced", Outcome(), "The model ends where it was announced to end.", (Overlong(),)),
    Download(
        "400 RequestTimeout and 408, once each",
        THIRD,
        "The third try succeeds.",
        (Status(400, TOO_SLOW), Status(408)),
    ),
    Download(
        "a damaged byte",
        SECOND,
        "The MD5 shows it; it is taken from the beginning.",
        (DamagedAnswer(),),
    ),
    Download(
        "a damaged byte, always",
        failed(NOT_DOWNLOADED, 20, FOR_EVER),
        "Given up after 20 tries; no file is left.",
        then=DamagedAnswer(),
        says="MD5.* 20 tries",
    ),
    Download("500, three times", FOURTH, "The fourth try succeeds.", (Status(500),) * 3, switches=WHOLE),
    Download(
        "500, always",
        failed(NOT_DOWNLOADED, 20, FOR_EVER),
        "Given up after 20 tries.",
        then=Status(500),
        says="HTTP status 500.* 20 tries",
    ),
    Download(
        "503 with Retry-After: 7",
        Outcome(2, "7 s"),
        "The second try succeeds.",
        (Status(503, SLOW_DOWN, {"Retry-After": "7"}),),
    ),
    Download(
        "429 with Retry-After: 250, always",
        failed(NOT_DOWNLOADED, 3, "250, 250 s"),
        "Given up: another pause would pass the 600 seconds.",
        then=Status(429, SLOW_DOWN, {"Retry-After": "250"}),
        says="429, SlowDown: .*3 tries in 500 seconds",
    ),
    Download(
        "503 with Retry-After: 3600",
        failed(NOT_DOWNLOADED),
        "Given up at once: an hour is too long.",
        then=Status(503, SLOW_DOWN, {"Retry-After": "3600"}),
        says="asks to wait 3,600",
    ),
    Download(
        "no answer, once",
        SECOND,
        "The second try succeeds.",
        (Hang(),),
        settings=SHORT_TIMEOUT,
    ),
    Download(
        "silence in the middle of the body, once",
        SECOND,
        "The second try asks for the rest.",
        (Hang(after=50_000),),
        settings=SHORT_TIMEOUT,
        resumed=1,
    ),
    Download(
        "no answer until the time is up",
        failed(NOT_DOWNLOADED),
        "Given up when the time is up.",
        (Hang(),),
        says="time was up",
        settings=OUT_OF_TIME,
    ),
    Download(
        "a trickle, fast enough",
        Outcome(),
        "Slowness alone is no failure.",
        (TrickleAnswer(piece=8_000, pause_s=0.05),),
        settings=SHORT_TIMEOUT,
    ),
    Download(
        "a trickle until the time is up",
        failed(NOT_DOWNLOADED),
        "Given up when the time is up; no file is left.",
        (TrickleAnswer(),),
        says="time was up",
        settings=OUT_OF_TIME,
    ),
    Download(
        "TLS handshake fails",
        SECOND,
        "The second try succeeds.",
        (NoHandshake(),),
        tls=True,
    ),
    Download(
        "a certificate that nobody vouches for",
        failed(NOT_DOWNLOADED, 20, FOR_EVER),
        "Given up after 20 tries.",
        says="TLS handshake failed",
        tls=True,
        trusted=False,
    ),
    Download(
        "the host name is not resolved, twice",
        Outcome(1, "up to 0.5, 1 s"),
        "The third try succeeds.",
        host="localhost",
        failing_lookups=2,
    ),
    Download(
        "the host name is not resolved, ever",
        failed(NOT_DOWNLOADED, 0, FOR_EVER),
        "Given up after 20 tries.",
        says="host name cannot be resolved.*20 tries",
        host="localhost",
        failing_lookups=99,
    ),
    Download("307 to another address", Outcome(2), "It is followed.", (Redirect(307),)),
    Download(
        "307 from https to http",
        failed(NOT_DOWNLOADED),
        "It is not followed.",
        (Redirect(307, to="http://127.0.0.1:9"),),
        says="without TLS",
        tls=True,
    ),
    Download(
        "307 in a circle",
        failed(NOT_DOWNLOADED, 31),
        "Given up at once.",
        then=Redirect(307),
        says="circle",
    ),
    Download(
        "the URL has expired",
        failed(NOT_DOWNLOADED),
        "The message says when it expired.",
        says=r"HTTP status 403, AccessDenied.*expired at \d{4}-\d\d-\d\d .* UTC, 0:0[12]:\d\d before",
        expires_s=-60,
    ),
    Download(
        "a changed query",
        failed(NOT_DOWNLOADED),
        "The message gives S3's code.",
        says="HTTP status 403, SignatureDoesNotMatch",
        tampered=with_a_token,
    ),
    Download(
        "there is no such object",
        failed(NOT_DOWNLOADED),
        "The message gives S3's code.",
        says="HTTP status 404, NoSuchKey",
        missing=True,
    ),
    Download(
        "a refusal that quotes the URL",
        failed(NOT_DOWNLOADED),
        "The query is not shown.",
        then=Echo(403),
        says="HTTP status 403",
    ),
    Download(
        "the disk is full",
        failed(Code.OUTPUT_NOT_WRITTEN),
        "No file is left.",
        says="No space left on device",
        disk="size=64k",
    ),
    Download(
        "the output folder is read-only",
        failed(Code.OUTPUT_NOT_WRITTEN, 0),
        "Nothing is asked for.",
        says="Read-only file system",
        disk="ro",
    ),
    Download(
        "SIGTERM in the middle of the body",
        failed(Code.INTERRUPTED),
        "The run ends at once; no file is left.",
        (Hang(after=50_000),),
        says="SIGTERM",
        sigterm=True,
        switches=WHOLE,
    ),
)

UPLOADS = (
    Upload("none", Outcome(), "The object is the CSV."),
    Upload(
        "nobody listens",
        failed(UPLOAD_FAILED, 0, FOR_EVER),
        "Given up after 20 tries.",
        says="Connection refused.*20 tries",
        host="127.0.0.2",
    ),
    Upload("connection reset before the request, twice", THIRD, "The third try arrives.", (ResetAtOnce(),) * 2),
    Upload(
        "connection reset in the middle of a body of 2 MB",
        SECOND,
        "The second try sends all of it again.",
        (ResetInRequest(after=500_000),),
        large=True,
    ),
    Upload(
        "connection reset instead of an answer",
        SECOND,
        "It had arrived; the second try replaces it by the same.",
        (CutAnswer(after=0, reset=True),),
    ),
    Upload(
        "connection cut in the first line of the answer",
        SECOND,
        "It had arrived; the second try replaces it by the same.",
        (CutAnswer(after=5),),
    ),
    Upload(
        "a web page with status 200 in place of the answer",
        SECOND,
        "It is not taken for success; the second try arrives.",
        (Status(200, b"<html>Log in</html>", {"Content-Type": "text/html"}),),
    ),
    Upload("500, three times", FOURTH, "The fourth try arrives.", (Status(500),) * 3),
    Upload(
        "500 although it had arrived",
        SECOND,
        "The second try replaces it by the same.",
        (Status(500, passes=True),),
    ),
    Upload(
        "500, always",
        failed(UPLOAD_FAILED, 20, FOR_EVER),
        "Given up after 20 tries.",
        then=Status(500),
        says="HTTP status 500.* 20 tries",
    ),
    Upload(
        "400 RequestTimeout and 408, once each",
        THIRD,
        "The third try arrives.",
        (Status(400, TOO_SLOW), Status(408)),
    ),
    Upload(
        "503 with Retry-After: 7",
        Outcome(2, "7 s"),
        "The second try arrives.",
        (Status(503, SLOW_DOWN, {"Retry-After": "7"}),),
    ),
    Upload(
        "429 with Retry-After: 100, always",
        failed(UPLOAD_FAILED, 3, "100, 100 s"),
        "Given up: another pause would pass the 300 seconds.",
        then=Status(429, SLOW_DOWN, {"Retry-After": "100"}),
        says="429, SlowDown: .*3 tries in 200 seconds",
    ),
    Upload("no answer, once", SECOND, "The second try arrives.", (Hang(),), settings=SHORT_TIMEOUT),
    Upload(
        "no answer until the time is up",
        failed(UPLOAD_FAILED),
        "Given up when the time is up.",
        (Hang(),),
        says="time was up",
        settings=OUT_OF_TIME,
    ),
    Upload(
        "a body of 2 MB is read in a trickle until the time is up",
        failed(UPLOAD_FAILED),
        "Given up when the time is up.",
        (TrickleRequest(),),
        says="time was up",
        settings=OUT_OF_TIME,
        large=True,
    ),
    Upload(
        "the answer comes in a trickle",
        Outcome(),
        "Slowness alone is no failure.",
        (TrickleAnswer(pause_s=0.002),),
        settings=SHORT_TIMEOUT,
    ),
    Upload("TLS handshake fails", SECOND, "The second try arrives.", (NoHandshake(),), tls=True),
    Upload(
        "a certificate that nobody vouches for",
        failed(UPLOAD_FAILED, 20, FOR_EVER),
        "Given up after 20 tries; nothing was sent.",
        says="TLS handshake failed",
        tls=True,
        trusted=False,
    ),
    Upload(
        "the host name is not resolved, twice",
        Outcome(1, "up to 0.5, 1 s"),
        "The third try arrives.",
        host="localhost",
        failing_lookups=2,
    ),
    Upload(
        "the host name is not resolved, ever",
        failed(UPLOAD_FAILED, 0, FOR_EVER),
        "Given up after 20 tries.",
        says="host name cannot be resolved.*20 tries",
        host="localhost",
        failing_lookups=99,
    ),
    Upload("307 to another address", Outcome(2), "All of it is sent there.", (Redirect(307),)),
    Upload("308 to another address", Outcome(2), "All of it is sent there.", (Redirect(308),)),
    Upload("307 in a circle", failed(UPLOAD_FAILED, 5), "Given up at once.", then=Redirect(307), says="circle"),
    Upload(
        "307 from https to http",
        failed(UPLOAD_FAILED),
        "It is not followed.",
        (Redirect(307, to="http://127.0.0.1:9"),),
        says="without TLS",
        tls=True,
    ),
    Upload(
        "302 to another address",
        failed(UPLOAD_FAILED),
        "It is not followed: it asks for a GET.",
        (Redirect(302),),
        says="HTTP status 302",
    ),
    Upload(
        "303 to another address",
        failed(UPLOAD_FAILED),
        "It is not followed: it asks for a GET.",
        (Redirect(303),),
        says="HTTP status 303",
    ),
    Upload(
        "the form has expired",
        failed(UPLOAD_FAILED),
        "The message says when it expired.",
        says=r"HTTP status 403, AccessDenied.*expired at \d{4}-\d\d-\d\d .* UTC, 0:0[12]:\d\d before",
        expires_s=-60,
    ),
    Upload(
        "a changed policy",
        failed(UPLOAD_FAILED),
        "The message gives S3's code.",
        says="HTTP status 403, (AccessDenied|SignatureDoesNotMatch)",
        tampered=with_later_expiry,
    ),
    Upload(
        "another key than the policy allows",
        failed(UPLOAD_FAILED),
        "The message gives S3's code.",
        says="HTTP status 403, AccessDenied",
        tampered=with_other_key,
    ),
    Upload(
        "a CSV larger than the policy allows",
        failed(UPLOAD_FAILED),
        "The message gives S3's code.",
        says="HTTP status 400, EntityTooLarge",
        max_bytes=1000,
    ),
    Upload(
        "a 503 and a refusal that quote the form",
        failed(UPLOAD_FAILED, 2, "up to 0.5 s"),
        "None of its fields is shown.",
        (Echo(503),),
        then=Echo(403),
        says="HTTP status 403",
    ),
    Upload(
        "the disk is full",
        failed(Code.OUTPUT_NOT_WRITTEN),
        "There is no CSV, but the object is there.",
        says="No space left on device.*uploaded all the same",
        disk="size=8k",
        arrives=True,
    ),
    Upload(
        "the output folder is read-only",
        failed(Code.OUTPUT_NOT_WRITTEN),
        "There is no CSV, but the object is there.",
        says="Read-only file system.*uploaded all the same",
        disk="ro",
        arrives=True,
    ),
    Upload(
        "SIGTERM while there is no answer",
        failed(Code.INTERRUPTED),
        "The run ends after three seconds.",
        (Hang(),),
        says="SIGTERM",
        sigterm=True,
    ),
    Upload(
        "SIGTERM, and the answer comes a second later",
        failed(Code.INTERRUPTED),
        "The object is there, and the report says so.",
        (Pass(wait_s=1.0),),
        says="SIGTERM",
        sigterm=True,
        arrives=True,
    ),
)

TABLES: dict[str, Sequence[Scenario]] = {"Download of the model": DOWNLOADS, "Upload of the predictions": UPLOADS}


def main(wanted: str = "") -> int:
    """Print both tables; returns the exit status."""
    bucket = shared_bucket()
    wrong = 0
    for title, scenarios in TABLES.items():
        print(f"## {title}\n")
        wrong += print_table([each for each in scenarios if wanted in each.fault], bucket)
        print()
    print(f"The server was {bucket.server}.", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
