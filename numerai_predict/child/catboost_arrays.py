"""What CatBoost does without a word: of an array that has too many columns it takes the first, whatever they are."""

import contextlib
import functools
import sys
from typing import Any

from numerai_predict.child.columns import are_numbers


def watch_catboost(notices: list[str]) -> None:
    """Note where a model of CatBoost, if the pickle has brought it, is given more columns without names than it was
    trained on. What it computes is the same.
    """
    core: Any = sys.modules.get("catboost.core")
    if core is None:
        return
    predict = core._CatBoostBase._base_predict

    @functools.wraps(predict)
    def predict_and_note(model: Any, pool: Any, *arguments: Any, **options: Any) -> Any:
        with contextlib.suppress(Exception):  # A version that has other names for these.
            given, trained = pool.num_col(), len(model.feature_names_)
            if given > trained and are_numbers(pool.get_feature_names()) and not notices:
                notices.append(
                    f"CatBoost was given {given:,} columns without names and was trained on {trained:,}: it took the "
                    f"first {trained:,}, whatever they are. Give it the columns that it was trained on: "
                    "live_features[columns]."
                )
        return predict(model, pool, *arguments, **options)

    core._CatBoostBase._base_predict = predict_and_note
