"""What the tests of a tournament share: a stand-in with an open round, slots, and pickles that have run."""

import contextlib
import hashlib
import json
import logging
import tempfile
import unittest
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from numerai_predict.api import ApiKeys, NumeraiApi, OpenRound, Slot
from numerai_predict.platform_limits import MEMORY_LIMIT, TIME_LIMIT_S
from numerai_predict.tournament.round_folder import RoundFolder, SlotRecord
from tests.api.stand_in import ALL_SCOPES, Failure, StandInRound, StandInSlot, live_ids, standing_in
from tests.api.stand_in_case import sample_week

KEYS = ApiKeys("PUBLICPUBLIC", "SECRETSECRET")
# A question of the client is tried again so often.
RETRIES = 3


def quick_retries() -> Any:
    """Replaces the real pauses of the client, and lets it give up soon."""
    return mock.patch.multiple("numerai_predict.transfer.retry", RETRIES=RETRIES, DELAY_BASE_S=0.001, DELAY_MAX_S=0.01)


def down(operation: str, **how: Any) -> Failure:
    """So many failures that one question of the client has no answer."""
    return Failure(operation, times=RETRIES, **(how or {"status": 503}))


def predictions(live: bytes, seed: str = "a") -> bytes:
    """Good predictions for these live ids."""
    values = ((one, int(hashlib.sha256(f"{seed}{one}".encode()).hexdigest()[:8], 16)) for one in sorted(live_ids(live)))
    return "".join(["id,prediction\n", *(f"{one},{value / 0xFFFFFFFF:.6f}\n" for one, value in values)]).encode()


def slot_record(pickle: str = "pickle-a", problem: str = "") -> SlotRecord:
    """A slot whose pickle has that SHA-256."""
    return SlotRecord(f"row-{pickle}", pickle, TIME_LIMIT_S, MEMORY_LIMIT, problem)


def write_outcome(
    folder: RoundFolder, slot: SlotRecord, csv: bytes | None, fault: dict[str, str] | None = None, run: int = 1
) -> Path:
    """What a run leaves of a pickle; without a CSV it failed, by an error of the runtime if its fault says so."""
    path = folder.path / "runs" / str(run)
    for part in ("outcomes", "predictions"):
        (path / part).mkdir(parents=True, exist_ok=True)
    status = "success" if fault is None else fault.get("status", "failed")
    outcome: dict[str, Any] = {"id": slot.row, "status": status, "fault": fault}
    outcome["usage"] = {"wall_s": 12.5, "cpu_s": 10.0, "peak_memory_bytes": 1 << 30}
    if csv is not None:
        outcome["csv_sha256"] = hashlib.sha256(csv).hexdigest()
        (path / "predictions" / f"{slot.row}.csv").write_bytes(csv)
    (path / "outcomes" / f"{slot.row}.json").write_text(json.dumps(outcome))
    return path / "predictions" / f"{slot.row}.csv"


class StandInCase(unittest.TestCase):
    """A stand-in in the morning of Tuesday's round, ten minutes after its opening; one slot, `alice`."""

    def setUp(self) -> None:
        contexts = contextlib.ExitStack()
        self.addCleanup(contexts.close)
        self.stand_in = contexts.enter_context(standing_in())
        contexts.enter_context(quick_retries())
        logging.disable()
        contexts.callback(logging.disable, logging.NOTSET)
        self.folder = Path(contexts.enter_context(tempfile.TemporaryDirectory()))
        self.stand_in.rounds = sample_week()
        self.stand_in.slots = [StandInSlot("id-alice", "alice")]
        self.stand_in.scopes = {f"{KEYS.public_id}${KEYS.secret_key}": set(ALL_SCOPES)}
        self.clock = self.stand_in.clock
        self.tuesday, self.wednesday = self.stand_in.rounds[:2]
        self.clock.set(self.tuesday.opening + timedelta(minutes=10))
        self.api = NumeraiApi(KEYS, self.stand_in.url)

    def round(self, one: StandInRound | None = None) -> OpenRound:
        """The round as the API shows it; Tuesday's if none is given."""
        one = one or self.tuesday
        return OpenRound(one.number, one.opening, one.deadline, one.datestamp)

    def slot(self, name: str = "alice") -> Slot:
        """The slot as the API shows it now."""
        return self.api.slots()[name]

    def asked(self, operation: str) -> int:
        """How often that was asked."""
        return sum(one.operation == operation for one in self.stand_in.asked)
