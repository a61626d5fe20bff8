"""Bytes over a network that fails: the model and the live data come in, the predictions go out."""

from typing import TYPE_CHECKING

from numerai_predict.on_demand import on_demand

if TYPE_CHECKING:
    from numerai_predict.transfer.datasets import DatasetDownloads, is_stale
    from numerai_predict.transfer.download import ModelDownload
    from numerai_predict.transfer.http import answer_to, is_worth_retrying, retry_with_backoff
    from numerai_predict.transfer.retry import RequestFailed, TransientFailure, keep_trying
    from numerai_predict.transfer.routes import has_route
    from numerai_predict.transfer.send import post_json, put_file
    from numerai_predict.transfer.upload import upload_predictions
    from numerai_predict.transfer.urls import API_URL_VARIABLE, fields_in, file_name_of, has_host, is_private, is_url

__all__ = [
    "API_URL_VARIABLE",
    "DatasetDownloads",
    "ModelDownload",
    "RequestFailed",
    "TransientFailure",
    "answer_to",
    "fields_in",
    "file_name_of",
    "has_host",
    "has_route",
    "is_private",
    "is_stale",
    "is_url",
    "is_worth_retrying",
    "keep_trying",
    "post_json",
    "put_file",
    "retry_with_backoff",
    "upload_predictions",
]

__getattr__ = on_demand(
    __name__,
    {
        "datasets": "DatasetDownloads is_stale",
        "download": "ModelDownload",
        "http": "answer_to is_worth_retrying retry_with_backoff",
        "retry": "RequestFailed TransientFailure keep_trying",
        "routes": "has_route",
        "send": "post_json put_file",
        "upload": "upload_predictions",
        "urls": "API_URL_VARIABLE fields_in file_name_of has_host is_private is_url",
    },
)
