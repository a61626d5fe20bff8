"""A whole round: which models are left, who runs which, and what came of each."""

from typing import TYPE_CHECKING

from numerai_predict.on_demand import on_demand

if TYPE_CHECKING:
    from numerai_predict.round.array_job import array_index, array_size
    from numerai_predict.round.claims import LEASE_S
    from numerai_predict.round.open_store import open_store
    from numerai_predict.round.store import Store, StoreError
    from numerai_predict.round.templates import Templates
    from numerai_predict.round.warm_run import run_warm
    from numerai_predict.round.worker import WorkerEnd, work

__all__ = [
    "LEASE_S",
    "Store",
    "StoreError",
    "Templates",
    "WorkerEnd",
    "array_index",
    "array_size",
    "open_store",
    "run_warm",
    "work",
]

__getattr__ = on_demand(
    __name__,
    {
        "array_job": "array_index array_size",
        "claims": "LEASE_S",
        "open_store": "open_store",
        "store": "Store StoreError",
        "templates": "Templates",
        "warm_run": "run_warm",
        "worker": "WorkerEnd work",
    },
)
