"""Makes what a round lacks: its manifest from a folder of models, the live data, and round.json."""

import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TypeVar

from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import COMPRESSED, IMAGES, TAR_SUFFIXES, THIS_PYTHON
from numerai_predict.platform_limits import BENCHMARKS, DATASET
from numerai_predict.report import RunReport
from numerai_predict.round.manifest import (
    LONGEST_ID,
    MANIFEST,
    ROUND,
    Row,
    Schedule,
    manifest_line,
    read_manifest,
    schedule_json,
)
from numerai_predict.round.model_run import BENCHMARKS as LIVE_BENCHMARKS
from numerai_predict.round.model_run import LIVE
from numerai_predict.round.standing import read_ends
from numerai_predict.round.store import Store
from numerai_predict.runner import RunContext, get_data, inspect_model
from numerai_predict.sandbox import available_cpus
from numerai_predict.transfer import DatasetDownloads

IN_S3 = "s3://"
_COMPRESSIONS = "|".join(re.escape(suffix) for suffix in (*TAR_SUFFIXES, *(f".{name}" for name in COMPRESSED)))
MODEL_NAME = re.compile(rf"(?P<id>.+)(?P<suffixes>\.pkl(?:{_COMPRESSIONS})?)", re.IGNORECASE | re.DOTALL)
# An id is a part of the names of files and keys.
NOT_IN_IDS = re.compile(r"[^A-Za-z0-9._-]+")
# Of the ids that differ, so many are shown.
MOST_SHOWN = 5

_log = logging.getLogger(__name__)
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Ingredients:
    """What a round is made of, where it lacks it: a folder of pickles, live features and benchmark models as for a
    run, and the last round, whose CPU seconds say which models take long.
    """

    models: Path | None = None
    dataset: str | Path = DATASET
    benchmarks: str | Path = BENCHMARKS
    last: Store | None = None


def prepare_round(store: Store, ingredients: Ingredients) -> list[Row]:
    """Make what the round does not have yet, and return its models. A manifest that is there is never changed: models
    that it does not list are a Fault, and so is a round without any. Raises StoreError.
    """
    has_manifest = store.read(MANIFEST) is not None
    files = models_in(ingredients.models) if ingredients.models else {}
    if has_manifest and ingredients.models:
        _check_same(store, read_manifest(store), {model_id: _stored_as(store, model_id, files) for model_id in files})
    if not has_manifest and not files:
        message = f"argument --models: {store.address} has no {MANIFEST} yet, so a folder of models is needed"
        raise Fault(Code.USAGE, message)
    _add_data(store, ingredients)
    store.create(ROUND, schedule_json(Schedule(opening=datetime.now(timezone.utc))))
    if not has_manifest:
        _create_manifest(store, _make_rows(store, files, ingredients.last))
    return read_manifest(store)


def write_round(store: Store, rows: Iterable[Row], live: Path, benchmarks: Path, schedule: Schedule) -> None:
    """Make a round of these models and local data files, and give it this schedule, in place of another. Models and
    data that it has already are not changed. Raises OSError and StoreError.
    """
    for key, file in ((LIVE, live), (LIVE_BENCHMARKS, benchmarks)):
        if Path(key).name not in store.names("data"):
            store.create(key, file.read_bytes())
    store.write(ROUND, schedule_json(schedule))
    _create_manifest(store, rows)


def _create_manifest(store: Store, rows: Iterable[Row]) -> None:
    """The last of a round that is made: one that has a manifest is complete."""
    store.create(MANIFEST, b"".join(map(manifest_line, rows)))


def folder_of(address: str) -> Path | None:
    """The folder that a round lies in; None for one in S3."""
    return None if address.startswith(IN_S3) else Path(address)


def models_in(folder: Path) -> dict[str, Path]:
    """The pickles in a folder, compressed ones too, by ids made of their names. Raises Fault if there are none."""
    try:
        names = sorted(
            entry.name for entry in os.scandir(folder) if entry.is_file() and MODEL_NAME.fullmatch(entry.name)
        )
    except OSError as error:
        raise Fault(Code.USAGE, f"argument --models: {folder} cannot be read: {error.strerror or error}") from error
    if not names:
        raise Fault(Code.USAGE, f"argument --models: there is no *.pkl in {folder}")
    if unprintable := [name for name in names if not str(folder.absolute() / name).isprintable()]:
        raise Fault(Code.USAGE, f"argument --models: a manifest cannot name {unprintable[0]!a}")
    found: dict[str, Path] = {}
    for name in names:
        found[_new_id(name, found)] = folder.absolute() / name
    return found


def id_of(name: str) -> str:
    """The id for a pickle's file name: without what it ends in, and with what an id may have only."""
    match = MODEL_NAME.fullmatch(name)
    return NOT_IN_IDS.sub("_", match["id"] if match else name).lstrip(".")[:LONGEST_ID] or "model"


def _new_id(name: str, taken: Mapping[str, object]) -> str:
    plain = id_of(name)
    endings = (f"-{number}" for number in range(2, len(taken) + 3))
    numbered = (plain[: LONGEST_ID - len(ending)] + ending for ending in endings)
    return next(one for one in (plain, *numbered) if one not in taken)


def _stored_as(store: Store, model_id: str, files: Mapping[str, Path]) -> str:
    """Where the manifest says that the model is. How it is compressed, pandas knows by its suffixes only."""
    if folder_of(store.address) is not None:
        return str(files[model_id])
    match = MODEL_NAME.fullmatch(files[model_id].name)
    assert match
    return f"models/{model_id}{match['suffixes']}"


def _check_same(store: Store, rows: Iterable[Row], models: Mapping[str, str]) -> None:
    """Raises Fault if the manifest does not list just these models."""
    listed = {row.id: row.model for row in rows}
    if different := sorted({name for name, _ in listed.items() ^ models.items()}):
        more = ", …" if len(different) > MOST_SHOWN else ""
        raise Fault(
            Code.USAGE,
            f"argument --models: {store.address}/{MANIFEST} lists other models than this folder has "
            f"({', '.join(different[:MOST_SHOWN])}{more}), and a manifest never changes: "
            "leave --models out to go on with that round, or name another ROUND to make a new one",
        )


def _add_data(store: Store, ingredients: Ingredients) -> None:
    there = store.names("data")
    sources = {LIVE: ingredients.dataset, LIVE_BENCHMARKS: ingredients.benchmarks}
    for key, source in sources.items():
        if Path(key).name not in there:
            with tempfile.TemporaryDirectory() as folder:
                _log.info("Taking %s from %s", key, source)
                store.create(key, get_data(source, Path(folder), DatasetDownloads()).read_bytes())


def _make_rows(store: Store, files: Mapping[str, Path], last: Store | None) -> list[Row]:
    """A row for each model, which in S3 is uploaded."""
    cpu_s = {end.id: end.cpu_s for end in read_ends(last, list(files))} if last else {}

    def row_of(model_id: str) -> Row:
        place = _stored_as(store, model_id, files)
        python = python_of(_look_into(files[model_id]))
        if folder_of(store.address) is None:
            store.write(place, files[model_id].read_bytes())
        return Row(model_id, place, python=python, cpu_s=cpu_s.get(model_id))

    _log.info("Looking into %s models", f"{len(files):,}")
    return list(_side_by_side(row_of, files))


def look_into_all(models: Iterable[Path]) -> Iterator[RunReport]:
    """What a look into each pickle finds, without loading it, in their order."""
    return _side_by_side(_look_into, models)


def _side_by_side(function: Callable[[_Key], _Value], keys: Iterable[_Key]) -> Iterator[_Value]:
    """The results in order. What ends this, a signal too, waits for the few calls that have begun only."""
    pool = ThreadPoolExecutor(available_cpus())
    try:
        yield from pool.map(function, keys)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _look_into(model: Path) -> RunReport:
    context = RunContext(on_findings=lambda report: None, with_digest=False)
    return inspect_model(model, tempfile.gettempdir(), context=context)


def python_of(report: RunReport) -> str | None:
    """The Python for a model: this one if it may have written the pickle, else the newest that there is an image of.
    None if the pickle does not say, or no image fits: any worker can find out what is wrong with it.
    """
    candidates = report.model.inspection.python if report.model.inspection else []
    if THIS_PYTHON in candidates:
        return THIS_PYTHON
    return next((version for version in reversed(IMAGES) if version in candidates), None)
