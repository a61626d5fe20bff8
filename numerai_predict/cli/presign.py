"""`numerai-predict presign`: the `docker run` command with presigned URLs, for operators.

Who runs the command needs no credentials: its URL reads one model, its form writes one object, both for a while.
"""

import argparse
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode

from numerai_predict.cli import arguments
from numerai_predict.faults import Blame, Code, Fault
from numerai_predict.report import image_name
from numerai_predict.sandbox import Limits
from numerai_predict.visible import visible

EXPIRES_S = 3600  # A round is open for one hour.
# Seven days: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
LONGEST_EXPIRES_S = 7 * 24 * 3600
# The runtime takes no larger CSV from a model; one column of 7,000 live ids has 0.3 MB.
MAX_SIZE = Limits.answer_bytes
# In UTF-8: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
LONGEST_KEY_BYTES = 1024
FILE_NAME = "${filename}"


class CannotSignError(RuntimeError):
    """Nothing can be signed on this machine as it is; its message is for the operator."""


@dataclass(frozen=True)
class Signed:
    """What a run needs to read its model and write its predictions; `temporary` credentials may end before it does."""

    model: str
    post_url: str
    post_fields: dict[str, str]
    temporary: bool


def main(argv: Sequence[str] | None = None) -> int:
    """Print the command, and on stderr how long it is good for; returns the exit status, after one line if not 0."""
    parser = presign_parser()
    try:
        args = parser.parse_args(argv)
        now = datetime.now(timezone.utc)
        signed = sign(args)
    except Fault as fault:
        advice = "see --help" if fault.code is Code.USAGE else fault.hint
        problem, status = f"{fault.message} ({advice})", fault.code.blame.exit_status
    except CannotSignError as error:
        problem, status = str(error), Blame.RUNTIME.exit_status
    else:
        print(validity(now + timedelta(seconds=args.expires), signed.temporary), file=sys.stderr)
        print(command(signed))
        return 0
    print(f"{parser.prog}: error: {visible(problem)}", file=sys.stderr)
    return status


def presign_parser() -> arguments.Parser:
    """The flags."""
    parser = arguments.Parser(
        prog="numerai-predict presign",
        description="Print the docker run command that reads a model from S3 and writes its predictions there.",
    )
    add = parser.add_argument
    add("--bucket", required=True, type=bucket, help="bucket of both objects")
    add("--model", required=True, type=model_key, metavar="KEY", help="key of the pickle")
    add("--output", required=True, type=output_key, metavar="KEY", help="key that the predictions go to")
    add("--expires", type=expires, default=EXPIRES_S, help="seconds that both are valid, 7 days at most (%(default)s)")
    add("--max_size", type=max_size, default=MAX_SIZE, help="of the predictions (64MiB)")
    add("--region", help="of the bucket (as boto3 is configured)")
    add("--endpoint_url", type=arguments.url, help="of another server than Amazon's (as boto3 is configured)")
    return parser


def bucket(text: str) -> str:
    """A bucket's name; boto3 checks its letters."""
    # It has no such operation, and boto3 would ask the network for a session to sign with:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-APIs.html
    if text.endswith("--x-s3"):
        raise argparse.ArgumentTypeError("a directory bucket takes no POST")
    return text


def model_key(text: str) -> str:
    """The key of an object that predict.py can download: HTTP clients resolve dots in a path, and then nothing fits
    the signature.
    """
    if {".", ".."} & set(text.split("/")):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be downloaded: it has . or .. between slashes")
    return key(text)


def output_key(text: str) -> str:
    """The key of an object to write; at its end, S3 puts the file's name for `${filename}`."""
    # The policy must name the key as S3 expands it, and boto3 knows to do so for the end only:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
    if FILE_NAME in text.removesuffix(FILE_NAME):
        raise argparse.ArgumentTypeError(f"{FILE_NAME} may only stand at its end")
    return key(text)


def key(text: str) -> str:
    """An object's key; raises ValueError for what is no UTF-8."""
    if not 1 <= len(text.encode()) <= LONGEST_KEY_BYTES:
        raise argparse.ArgumentTypeError(f"a key has 1 to {LONGEST_KEY_BYTES} bytes")
    return text


def expires(text: str) -> int:
    """Whole seconds, as many as S3 lets a signature live."""
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not 1 <= int(text) <= LONGEST_EXPIRES_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 1 to {LONGEST_EXPIRES_S} (7 days)")
    return int(text)


def max_size(text: str) -> int:
    """Bytes, one or more."""
    size = arguments.size(text)
    if size < 1:
        raise argparse.ArgumentTypeError("no predictions fit into nothing")
    return size


def sign(args: argparse.Namespace) -> Signed:
    """Presign both requests, which asks no server; boto3 may ask one for its credentials.

    Raises Fault without boto3 and for a value that it refuses, CannotSignError without credentials or a region.
    """
    try:
        import boto3
        from botocore import exceptions
    except ModuleNotFoundError as error:
        hint = "pip install boto3, or run this in the image"
        raise Fault(Code.MISSING_PACKAGES, f"{error.name} is not installed", hint) from None
    try:
        session = boto3.Session(region_name=args.region)
        return presign(args, s3_client(session, args.endpoint_url), session.get_credentials())
    except exceptions.ParamValidationError:
        raise Fault(Code.USAGE, f"argument --bucket: {args.bucket!r} is not the name of a bucket") from None
    except (exceptions.EndpointProviderError, ValueError) as error:  # Of the region or the endpoint.
        raise Fault(Code.USAGE, one_line(error)) from None
    except (exceptions.BotoCoreError, exceptions.ClientError) as error:
        raise CannotSignError(one_line(error)) from None


def s3_client(session: Any, endpoint_url: str | None) -> Any:
    """A client for that endpoint, or the one that boto3 is configured for, or Amazon's own.

    Raises CannotSignError if that is Amazon's and no region is known.
    """
    from botocore.config import Config

    # boto3 still presigns with version 2 where it can; S3 has turned that off:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/specify-signature-version.html
    version_4 = Config(signature_version="s3v4")
    client = session.client("s3", endpoint_url=endpoint_url, config=version_4)
    # At Amazon, boto3's default is the host without a region, which may redirect, and the signature holds for one host
    # only; in virtual style it is the region's (and path style for names with dots, which no certificate covers). At
    # other endpoints (MinIO, Ceph), where no host need have the bucket's name, its default is the path style.
    virtual = Config(s3={"addressing_style": "virtual"}, ignore_configured_endpoint_urls=True)
    amazon = session.client("s3", config=version_4.merge(virtual))
    if client.meta.endpoint_url != amazon.meta.endpoint_url:
        return client
    if not session.region_name:
        raise CannotSignError("the bucket's region is unknown; give --region or set AWS_DEFAULT_REGION")
    return amazon


def presign(args: argparse.Namespace, client: Any, credentials: Any) -> Signed:
    """Presign both requests with the client; `credentials` are the session's, None if it has none."""
    model = client.generate_presigned_url(
        "get_object", Params={"Bucket": args.bucket, "Key": args.model}, ExpiresIn=args.expires
    )
    post = client.generate_presigned_post(
        args.bucket, args.output, Conditions=[["content-length-range", 1, args.max_size]], ExpiresIn=args.expires
    )
    return Signed(model, post["url"], post["fields"], temporary=bool(credentials and credentials.token))


def command(signed: Signed) -> str:
    """The `docker run` command for a shell, over several lines."""
    flags = {"model": signed.model, "post_url": signed.post_url, "post_data": urlencode(signed.post_fields)}
    lines = [f"docker run -i --rm {image_name()}", *(f"--{flag} {shlex.quote(text)}" for flag, text in flags.items())]
    return " \\\n  ".join(lines)


def validity(end: datetime, temporary: bool) -> str:
    """Until when the command works, and what that means for who sees it."""
    said = (
        f"Valid until {end:%Y-%m-%d %H:%M:%S} UTC. The command holds signatures: "
        "who has it can read that model and write that object until then."
    )
    if temporary:
        said += "\nThe credentials are temporary: if they end earlier, so does the command."
    return said


def one_line(error: Exception) -> str:
    """The error's message, however many lines it has."""
    return " ".join(str(error).split())
