"""A whole round: which models are left, who runs which, and what came of each."""

from typing import TYPE_CHECKING

from numerai_predict.on_demand import on_demand

if TYPE_CHECKING:
    from numerai_predict.round.array_job import array_index, array_size
    from numerai_predict.round.claims import LEASE_S
    from numerai_predict.round.local_round import LocalRound
    from numerai_predict.round.manifest import LARGEST_NUMBER, MANIFEST, Row, Schedule
    from numerai_predict.round.open_store import open_store
    from numerai_predict.round.outcomes import predictions_key
    from numerai_predict.round.prepare import (
        MODEL_NAME,
        Ingredients,
        folder_of,
        id_of,
        look_into_all,
        prepare_round,
        python_of,
        write_round,
    )
    from numerai_predict.round.progress import LiveTable, progress_line, round_summary, table
    from numerai_predict.round.prometheus import exposition
    from numerai_predict.round.queue import outcome_key
    from numerai_predict.round.slots import (
        ContainerWorkers,
        NativeWorkers,
        Workers,
        alone_on_this_machine,
        check_engine,
        container_engine,
        image_of,
        slots_that_fit,
    )
    from numerai_predict.round.standing import SUCCESS, ModelEnd, RoundWatch, Standing, read_ends
    from numerai_predict.round.store import Store, StoreError
    from numerai_predict.round.templates import Templates
    from numerai_predict.round.warm_run import run_warm
    from numerai_predict.round.worker import Share, WorkerEnd, work

__all__ = [
    "LARGEST_NUMBER",
    "LEASE_S",
    "MANIFEST",
    "MODEL_NAME",
    "SUCCESS",
    "ContainerWorkers",
    "Ingredients",
    "LiveTable",
    "LocalRound",
    "ModelEnd",
    "NativeWorkers",
    "RoundWatch",
    "Row",
    "Schedule",
    "Share",
    "Standing",
    "Store",
    "StoreError",
    "Templates",
    "WorkerEnd",
    "Workers",
    "alone_on_this_machine",
    "array_index",
    "array_size",
    "check_engine",
    "container_engine",
    "exposition",
    "folder_of",
    "id_of",
    "image_of",
    "look_into_all",
    "open_store",
    "outcome_key",
    "predictions_key",
    "prepare_round",
    "progress_line",
    "python_of",
    "read_ends",
    "round_summary",
    "run_warm",
    "slots_that_fit",
    "table",
    "work",
    "write_round",
]

__getattr__ = on_demand(
    __name__,
    {
        "local_round": "LocalRound",
        "manifest": "LARGEST_NUMBER MANIFEST Row Schedule",
        "open_store": "open_store",
        "prepare": "MODEL_NAME Ingredients folder_of id_of look_into_all prepare_round python_of write_round",
        "progress": "LiveTable progress_line round_summary table",
        "prometheus": "exposition",
        "slots": (
            "ContainerWorkers NativeWorkers Workers alone_on_this_machine check_engine container_engine image_of "
            "slots_that_fit"
        ),
        "outcomes": "predictions_key",
        "queue": "outcome_key",
        "standing": "SUCCESS ModelEnd RoundWatch Standing read_ends",
        "store": "Store StoreError",
        "array_job": "array_index array_size",
        "claims": "LEASE_S",
        "templates": "Templates",
        "warm_run": "run_warm",
        "worker": "Share WorkerEnd work",
    },
)
