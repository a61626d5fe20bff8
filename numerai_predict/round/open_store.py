"""Which store an address means."""

import re
from pathlib import Path

from numerai_predict.faults import Code, Fault
from numerai_predict.round.folder_store import FolderStore
from numerai_predict.round.s3_store import S3Store
from numerai_predict.round.store import Store

S3 = "s3://"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; old buckets have longer names, with
# capitals and underscores.
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,254}")


def open_store(address: str) -> Store:
    """The store at `s3://bucket/prefix` (whose server is not asked yet), or in a folder that exists.

    Raises Fault for a wrong address and without boto3, StoreError if boto3 is not configured as it must be.
    """
    if address.startswith(S3):
        bucket, _, prefix = address.removeprefix(S3).partition("/")
        if not BUCKET.fullmatch(bucket):
            raise Fault(Code.USAGE, "a round in S3 lies at s3://bucket/prefix, and the address has no name of a bucket")
        return S3Store(bucket, prefix.strip("/"))
    scheme, colon, _ = address.partition("://")
    if colon:  # The rest may hold a password or a signature.
        raise Fault(Code.USAGE, f"a round lies in a folder or at s3://bucket/prefix, not at {scheme}://")
    if not address or not Path(address).is_dir():
        raise Fault(Code.USAGE, f"the round's folder {address!r} does not exist")
    return FolderStore(Path(address))
