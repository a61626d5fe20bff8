"""Stores in a bucket of the tests, whatever the machine's environment says of S3."""

import functools
import os
from typing import Any
from unittest import mock

import boto3

from numerai_predict.round.s3_store import S3Store
from tests.s3 import Bucket


def environment_of(bucket: Bucket, **changed: str) -> dict[str, str]:
    """An environment with which boto3 finds the bucket and its owner's keys, and no configuration of the machine's."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **ours,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": bucket.region,
        "AWS_ENDPOINT_URL": bucket.endpoint,
        "AWS_ACCESS_KEY_ID": bucket.access_key,
        "AWS_SECRET_ACCESS_KEY": bucket.secret_key,
        "no_proxy": "*",
        **changed,
    }


def store_in(bucket: Bucket, prefix: str = "", attempts: int = 3, **changed: str) -> S3Store:
    """A store; `changed` are other variables of the environment, such as AWS_ENDPOINT_URL="…" of a proxy."""
    with mock.patch.dict(os.environ, environment_of(bucket, **changed), clear=True):
        others = {name: value for name, value in changed.items() if name != "AWS_ENDPOINT_URL"}
        session = _session(bucket, tuple(others.items()))
        with mock.patch.object(boto3, "Session", return_value=session):
            return S3Store(bucket.name, prefix, attempts)


@functools.cache
def _session(bucket: Bucket, changed: tuple[tuple[str, str], ...]) -> Any:
    """A session for all stores of whatever endpoint: each session reads megabytes about S3 from the disk."""
    return boto3.Session()
