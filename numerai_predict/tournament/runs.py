"""Runs pickles of a round in slots of this machine, through the room `round`."""

import contextlib
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from numerai_predict.faults import Blame, Code, Fault
from numerai_predict.inspection import IMAGES, THIS_PYTHON, sha256
from numerai_predict.round import (
    MANIFEST,
    SUCCESS,
    ContainerWorkers,
    LocalRound,
    ModelEnd,
    NativeWorkers,
    RoundWatch,
    Row,
    Schedule,
    Standing,
    StoreError,
    container_engine,
    id_of,
    look_into_all,
    open_store,
    python_of,
    read_ends,
    slots_that_fit,
    write_round,
)
from numerai_predict.tournament.clock import Clock
from numerai_predict.tournament.round_folder import RUNS, RoundFolder, rounds_in
from numerai_predict.tournament.settings import SETTINGS, TournamentModel
from numerai_predict.visible import visible

# Of a pickle's SHA-256, what its id ends in.
DIGITS = 12
LONGEST_STEM = 80
FINAL = (SUCCESS, Blame.MODEL.status)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PickleToRun:
    """A pickle that is run once, for these slots. `python` is None where the pickle decides."""

    id: str
    path: Path
    sha256: str
    python: str | None
    time_limit: float
    memory_limit: int
    slots: tuple[str, ...]

    @property
    def shown(self) -> str:
        """The names of its slots."""
        return ", ".join(self.slots)

    def is_run_by(self, row: Row) -> bool:
        """Whether that row of a manifest runs it as it is to be run."""
        limits = (self.time_limit, self.memory_limit)
        is_same = (self.id, str(self.path), *limits) == (row.id, row.model, row.time_limit, row.memory_limit)
        return is_same and self.python in (None, row.python)


def run_pickles(
    folder: RoundFolder,
    pickles: Mapping[str, PickleToRun],
    clock: Clock,
    slots: int | None,
    native: bool,
    on_end: Callable[[str], None],
    again: bool = False,
) -> None:
    """Run the pickles, by their row ids, that have no outcome yet, under the platform's acceptance rules, until all
    have one or the deadline is there. `on_end` gets the row id of each as soon as its outcome is there, also of those
    that have one from an earlier start. A model that failed by its own fault is not run again unless its pickle has
    changed, or with `again`; one that something else kept is. A start that was killed is continued.

    Raises Fault, StoreError and OSError.
    """

    def then(pickle: PickleToRun, end: ModelEnd) -> None:
        _log_end(pickle, end)
        on_end(pickle.id)

    ended = [] if again else _ended(folder, pickles)
    for row in ended:
        on_end(row)
    left = {row: pickle for row, pickle in pickles.items() if row not in ended}
    left_s = folder.round.deadline - clock.now()
    if not left or left_s <= timedelta(0):
        return
    # Workers go by the time of this machine, which is not that of `clock` in tests.
    run, rows = _run_for(left, folder, datetime.now(timezone.utc) + left_s)
    warn_of_other_pythons(rows, left, native)
    run_here(run, native, slots, Ends(left, then))


def row_id(pickle: Path, sha256: str) -> str:
    """The id of a pickle's row: its file name's stem and the beginning of its SHA-256."""
    return f"{id_of(pickle.name)[:LONGEST_STEM]}-{sha256[:DIGITS]}"


def pickles_of(models: Iterable[TournamentModel]) -> dict[str, PickleToRun]:
    """What is to be run for these slots, each pickle once, by row ids. Raises Fault for slots that want one pickle to
    be run in two ways, and for a pickle that cannot be read.
    """
    found: dict[str, PickleToRun] = {}
    digests: dict[Path, str] = {}
    for model in models:
        path = model.pickle.absolute()
        if path not in digests:
            digests[path] = _digest_of(path)
        row = row_id(path, digests[path])
        others = found[row].slots if row in found else ()
        wanted = (model.python, float(model.time_limit), model.memory_limit)
        if others and wanted != (found[row].python, found[row].time_limit, found[row].memory_limit):
            message = f"{SETTINGS}: {others[0]} and {model.name} use {path.name} with different python or limits."
            hint = "Give them the same ones, or give one of them a copy of the pickle by another name."
            raise Fault(Code.USAGE, message, hint)
        first = found[row].path if others else path
        found[row] = PickleToRun(row, first, digests[path], *wanted, (*others, model.name))
    return found


def _digest_of(pickle: Path) -> str:
    try:
        return sha256(pickle)
    except OSError as error:
        raise Fault(Code.MODEL_NOT_FOUND, f"{pickle} cannot be read: {error.strerror or error}.") from error


def row_of(pickle: PickleToRun, python: str | None, cpu_s: float | None = None) -> Row:
    """The row of a manifest that runs it under that Python."""
    return Row(
        id=pickle.id,
        model=str(pickle.path),
        python=python,
        sha256=pickle.sha256,
        time_limit=pickle.time_limit,
        memory_limit=pickle.memory_limit,
        cpu_s=cpu_s,
        strict=True,
    )


def run_here(place: Path, native: bool, slots: int | None, show: Callable[[Standing], None]) -> Standing:
    """Run a round in a folder on this machine until nothing is left that its workers can do, and return how it stands.
    `show` is called every second, and with what is returned. Raises Fault, StoreError and OSError.
    """
    watch = RoundWatch(open_store(str(place)))
    models = [row.model for row in watch.rows]
    address = str(place)
    workers = NativeWorkers(address) if native else ContainerWorkers(address, place, models, container_engine())
    standing = LocalRound(watch, workers, slots or slots_that_fit(), place / "logs", show).run()
    show(standing)
    return standing


def pythons_here(native: bool) -> Sequence[str]:
    """The versions that there are workers of."""
    return (THIS_PYTHON,) if native else IMAGES


@dataclass
class Ends:
    """Calls `then` once for each of the pickles that has ended, with how it ended; it is called with a round's standing
    again and again.
    """

    pickles: Mapping[str, PickleToRun]
    then: Callable[[PickleToRun, ModelEnd], None]
    seen: set[str] = field(default_factory=set)

    def __call__(self, standing: Standing) -> None:
        """Pass on what is new."""
        new = [end for end in standing.ends.values() if end.id in self.pickles and end.id not in self.seen]
        for end in new:
            self.seen.add(end.id)
            self.then(self.pickles[end.id], end)


def warn_of_other_pythons(rows: Iterable[Row], pickles: Mapping[str, PickleToRun], native: bool) -> None:
    """Log which models there are no workers for."""
    there = pythons_here(native)
    others = [row for row in rows if row.id in pickles and row.python not in (None, *there)]
    if others:
        _log.warning(
            "%s cannot be run here, where there is Python %s only: %s needed. %s",
            ", ".join(pickles[row.id].shown for row in others),
            ", ".join(there),
            " and ".join(sorted({f"Python {row.python}" for row in others})),
            "Start without --native, or with that Python." if native else f"Change python in {SETTINGS}.",
        )


def _ended(folder: RoundFolder, pickles: Mapping[str, PickleToRun]) -> list[str]:
    """The rows that need not be run: their latest outcome is a success, or the model's own failure."""
    latest: dict[str, ModelEnd] = {}
    for run in _runs_of(folder):
        latest |= {end.id: end for end in read_ends(open_store(str(run)), list(pickles))}
    return [row for row in pickles if row in latest and latest[row].status in FINAL]


def _run_for(left: Mapping[str, PickleToRun], folder: RoundFolder, deadline: datetime) -> tuple[Path, list[Row]]:
    """The last run if it has just these pickles left, else a new one; and its rows. It has that deadline then."""
    runs = _runs_of(folder)
    rows = _rows_left(runs[-1], left) if runs else None
    run = runs[-1] if rows else folder.path / RUNS / str(int(runs[-1].name) + 1 if runs else 1)
    if not rows:
        pythons, cpu_s = _pythons(left.values()), _cpu_s(folder)
        rows = [row_of(pickle, pythons[row], cpu_s.get(_stem(row))) for row, pickle in left.items()]
    run.mkdir(parents=True, exist_ok=True)
    schedule = Schedule(folder.round.number, folder.round.opening, deadline)
    write_round(open_store(str(run)), rows, folder.live, folder.benchmarks, schedule)
    return run, rows


def _rows_left(run: Path, left: Mapping[str, PickleToRun]) -> list[Row]:
    """The rows of the run that have no outcome, if they are what is left; else none."""
    rows = _standing(run).left
    is_same = {row.id for row in rows} == left.keys() and all(left[row.id].is_run_by(row) for row in rows)
    return list(rows) if is_same else []


def _pythons(pickles: Collection[PickleToRun]) -> dict[str, str | None]:
    """Which Python runs each, by their ids; pickles for which nobody has said it are looked into."""
    asked = [pickle for pickle in pickles if pickle.python is None]
    reports = look_into_all(pickle.path for pickle in asked)
    found = {pickle.id: python_of(report) for pickle, report in zip(asked, reports, strict=True)}
    return {pickle.id: pickle.python or found[pickle.id] for pickle in pickles}


def _runs_of(folder: RoundFolder) -> list[Path]:
    """The runs that were made whole, in their order."""
    return [run for run in reversed(folder.runs) if (run / MANIFEST).is_file()]


def _standing(run: Path) -> Standing:
    return RoundWatch(open_store(str(run))).look()


def _cpu_s(folder: RoundFolder) -> dict[str, float]:
    """CPU seconds by the stems of rows' ids, of the last round before this one that was run."""
    for other in rounds_in(folder.path.parents[1]):
        if other.number >= folder.number:
            continue
        # What is wrong with a round of the past keeps nobody from this one.
        with contextlib.suppress(Fault, StoreError):
            ends = [end for run in _runs_of(other) for end in _standing(run).ends.values()]
            if found := {_stem(end.id): end.cpu_s for end in ends if end.cpu_s}:
                return found
    return {}


def _stem(row: str) -> str:
    return row[: -DIGITS - 1]


def _log_end(pickle: PickleToRun, end: ModelEnd) -> None:
    if end.code:
        why = f"{end.code}: {visible(end.message)}"
        _log.warning("%s: %s, %.1f s, %s", pickle.shown, end.status, end.wall_s, why)
    else:
        _log.info("%s: %s, %.1f s", pickle.shown, end.status, end.wall_s)
