"""Downloads the live data of a round, and makes sure that it is of this round."""

import logging
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import sha256
from numerai_predict.platform_limits import BENCHMARKS, DATASET, TIME_LIMIT_S
from numerai_predict.tournament.clock import Clock
from numerai_predict.tournament.round_folder import RoundFolder
from numerai_predict.transfer import DatasetDownloads

# Between two tries.
AGAIN_S = 30.0
# Besides what a model may take: for its start, the upload, and a look at what became of it.
MARGIN_S = 120.0
# What another try may help: numerapi can leave a file that is a part of two as well.
_PASSING = (Code.DATASET_NOT_DOWNLOADED, Code.UNREADABLE_DATASET)
_FRESH = ".fresh-"
_WORDS = {DATASET: "live data", BENCHMARKS: "data of the live benchmark models"}

_log = logging.getLogger(__name__)


def get_live_data(folder: RoundFolder, earlier: Sequence[RoundFolder], clock: Clock) -> None:
    """Download live features and benchmark models of the round once, to `folder.live` and `folder.benchmarks`; what is
    there already is not downloaded again.

    A file that is byte for byte that of an earlier round is stale: it is downloaded again, every half minute, until the
    round's deadline is nearer than a model may take. Raises Fault and OSError.
    """
    folder.live.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.live.parent.glob(f"{_FRESH}*"):  # By a start that was killed.
        shutil.rmtree(left, ignore_errors=True)
    for name, path in ((DATASET, folder.live), (BENCHMARKS, folder.benchmarks)):
        if not _is_there(folder, path):
            _get(folder, name, path, _digests_of(earlier, folder, path.name), clock)


def _is_there(folder: RoundFolder, path: Path) -> bool:
    """Whether it is there as it was downloaded."""
    return path.is_file() and sha256(path) == folder.digests().get(path.name)


def _digests_of(earlier: Sequence[RoundFolder], folder: RoundFolder, name: str) -> dict[str, str]:
    """The round's number, by the digest of its file of that name."""
    found = {}
    for other in earlier:
        if other.path == folder.path:
            continue
        try:
            digest = other.digests().get(name)
        except (Fault, OSError) as error:  # What became of another round must not keep this one.
            _log.warning("Whether the data is that of round %s is not known: %s", other.path.name, error)
            continue
        if digest:
            found[digest] = other.path.name
    return found


def _get(folder: RoundFolder, name: str, path: Path, stale: Mapping[str, str], clock: Clock) -> None:
    round_ = folder.round
    until = round_.deadline - timedelta(seconds=TIME_LIMIT_S + MARGIN_S)
    announced = ""
    while True:
        try:
            return _try(folder, round_.number, name, path, stale)
        except Fault as fault:
            if fault.code not in _PASSING:
                raise
            if clock.now() + timedelta(seconds=AGAIN_S) >= until:
                raise _given_up(fault, round_.deadline) from None
            if fault.message != announced:
                _log.warning("%s It is tried again every %.0f seconds.", fault.message, AGAIN_S)
                announced = fault.message
        clock.sleep(AGAIN_S)


def _try(folder: RoundFolder, number: int, name: str, path: Path, stale: Mapping[str, str]) -> None:
    """Download it once. It takes its place only when it is held to be of this round, and its digest is written before:
    what is there without it, or with another, was not downloaded to its end. Raises Fault and OSError.
    """
    downloads = DatasetDownloads()
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=_FRESH) as place:
        try:
            fresh = downloads.download(name, Path(place), round_number=number)
        finally:
            downloads.abandon()  # Whatever ends the wait.
        digest = sha256(fresh)
        if digest in stale:
            problem = f"The {_WORDS[name]} that Numerai serves is still that of round {stale[digest]}, not of {number}."
            raise Fault(Code.DATASET_NOT_DOWNLOADED, problem)
        folder.write_digests({**folder.digests(), path.name: digest})
        os.replace(fresh, path)


def _given_up(fault: Fault, deadline: datetime) -> Fault:
    """The fault, with a hint for who has no flags of a single run."""
    hint = f"Check the network, and start again if there is time: the deadline is {deadline:%H:%M} UTC."
    return Fault(fault.code, fault.message, hint)
