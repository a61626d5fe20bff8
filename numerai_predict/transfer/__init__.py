"""Bytes over a network that fails: the model and the live data come in, the predictions go out."""

from numerai_predict.transfer.datasets import DatasetDownloads, is_stale
from numerai_predict.transfer.download import ModelDownload
from numerai_predict.transfer.http import file_name_of, is_url, retry_with_backoff
from numerai_predict.transfer.retry import RequestFailed, TransientFailure
from numerai_predict.transfer.routes import has_route
from numerai_predict.transfer.upload import upload_predictions

__all__ = [
    "DatasetDownloads",
    "ModelDownload",
    "RequestFailed",
    "TransientFailure",
    "file_name_of",
    "has_route",
    "is_stale",
    "is_url",
    "retry_with_backoff",
    "upload_predictions",
]
