"""A worker that runs no model: `python -m tests.round.worker_stand_in ROUND INDEX WORKERS PYTHON`.

What it does with a model is the first word of its id: `fails-…` and `errors-…` end so, `hangs-…` is never over,
`dies-…` kills the worker the first time, `kills-…` each time; `three-…` ends the worker with status 3 the first time.
All others are delivered.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from numerai_predict.round.claims import Claims, WorkerName
from numerai_predict.round.folder_store import FolderStore
from numerai_predict.round.manifest import Row, read_manifest
from numerai_predict.round.store import Store

FAULTS = {
    "fails": ("failed", "nan_predictions", "37 predictions are missing. They are those of the first ids."),
    "errors": ("error", "model_not_found", "It is not there."),
}


def outcome(model_id: str, index: int = 0, wall_s: float = 0.5) -> bytes:
    """The outcome that a worker writes, as far as a round's standing needs it."""
    status, code, message = FAULTS.get(model_id.partition("-")[0], ("success", "", ""))
    return json.dumps(
        {
            "id": model_id,
            "worker": {"name": f"w{index}", "index": index, "host": "here"},
            "status": status,
            "fault": {"code": code, "message": message, "hint": "", "trace": ""} if code else None,
            "usage": {"wall_s": wall_s, "cpu_s": 0.25},
        }
    ).encode()


def run(store: Store, claims: Claims, row: Row, index: int) -> None:
    """Do with the model what its id says."""
    claim = claims.take(row.id)
    if claim is None:
        return
    kind, mark = row.id.partition("-")[0], Path(store.address, f"{row.id}.mark")
    is_first = not mark.exists()
    mark.touch()
    print(f"It is the turn of {row.id}", flush=True)
    if kind == "hangs":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
        try:
            time.sleep(60)
        finally:
            claim.release()
    if kind == "kills" or (kind == "dies" and is_first):
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "three" and is_first:
        claim.release()
        sys.exit(3)
    store.write(f"predictions/{row.id}.csv", b"id,prediction\n")
    store.create(f"outcomes/{row.id}.json", outcome(row.id, index))


def main() -> None:
    folder, index, workers, python = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    store = FolderStore(Path(folder))
    rows = [row for row in read_manifest(store) if row.python in (None, python)]
    claims = Claims(store, WorkerName.of_this_process(index))
    for row in rows[index::workers] + rows:
        if f"{row.id}.json" not in store.names("outcomes"):
            run(store, claims, row, index)


if __name__ == "__main__":
    main()
