"""Numerai's API: rounds, data, model slots, submissions."""

from typing import TYPE_CHECKING

from numerai_predict.on_demand import on_demand

if TYPE_CHECKING:
    from numerai_predict.api.answers import (
        ON_TIME,
        PENDING,
        LatestSubmission,
        OpenRound,
        Pipeline,
        Slot,
        Submission,
    )
    from numerai_predict.api.graphql import URL, ApiError, ApiRefused, ApiUnreachable, api_url
    from numerai_predict.api.keys import ApiKeys, drop_keys, take_keys, take_secret
    from numerai_predict.api.numerai import NumeraiApi

__all__ = [
    "ON_TIME",
    "PENDING",
    "URL",
    "ApiError",
    "ApiKeys",
    "ApiRefused",
    "ApiUnreachable",
    "LatestSubmission",
    "NumeraiApi",
    "OpenRound",
    "Pipeline",
    "Slot",
    "Submission",
    "api_url",
    "drop_keys",
    "take_keys",
    "take_secret",
]

__getattr__ = on_demand(
    __name__,
    {
        "answers": "ON_TIME PENDING LatestSubmission OpenRound Pipeline Slot Submission",
        "graphql": "URL ApiError ApiRefused ApiUnreachable api_url",
        "keys": "ApiKeys drop_keys take_keys take_secret",
        "numerai": "NumeraiApi",
    },
)
