"""A whole round: which models are left, who runs which, and what came of each."""

from typing import TYPE_CHECKING

from numerai_predict.on_demand import on_demand

if TYPE_CHECKING:
    from numerai_predict.round.open_store import open_store
    from numerai_predict.round.store import Store, StoreError

__all__ = ["Store", "StoreError", "open_store"]

__getattr__ = on_demand(__name__, {"open_store": "open_store", "store": "Store StoreError"})
