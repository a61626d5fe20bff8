"""A whole round: which models are left, who runs which, and what came of each."""

from typing import TYPE_CHECKING

from numerai_predict.on_demand import on_demand

if TYPE_CHECKING:
    from numerai_predict.round.store import Store, StoreError
    from numerai_predict.round.templates import Templates
    from numerai_predict.round.warm_run import run_warm

__all__ = ["Store", "StoreError", "Templates", "run_warm"]

__getattr__ = on_demand(
    __name__,
    {"store": "Store StoreError", "templates": "Templates", "warm_run": "run_warm"},
)
