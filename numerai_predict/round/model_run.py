"""One model of a round, run as a single run is: from its row to its report, with nothing left on this machine."""

import contextlib
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from numerai_predict.faults import Code, Fault
from numerai_predict.inspection import sha256
from numerai_predict.redaction import without, without_query
from numerai_predict.report import RunReport, SavedPart
from numerai_predict.round.manifest import Row
from numerai_predict.round.outcomes import predictions_key
from numerai_predict.round.store import Store
from numerai_predict.runner import RunContext, RunRequest
from numerai_predict.transfer import ModelDownload, is_url

LIVE = "data/live.parquet"
BENCHMARKS = "data/live_benchmark_models.parquet"


@dataclass(frozen=True)
class RoundData:
    """The live data of the round as local files."""

    live: Path
    benchmarks: Path

    @classmethod
    def fetch(cls, store: Store, folder: Path) -> "RoundData":
        """Get it, once for all models. Raises Fault if it is not there, StoreError."""
        try:
            return cls(store.fetch(LIVE, folder), store.fetch(BENCHMARKS, folder))
        except FileNotFoundError as error:
            message = f"{store.address} does not have both {LIVE} and {BENCHMARKS}."
            raise Fault(Code.DATASET_NOT_FOUND, message, "Put them there, and start the worker again.") from error


@dataclass(frozen=True)
class ModelRun:
    """How a model was run: its report, in which files have the names that the round gives them, and its predictions,
    None if there are none.
    """

    report: RunReport
    csv: bytes | None = None

    @property
    def code(self) -> Code | None:
        """Of the fault that ended it; None for a success."""
        return Code[self.report.fault.code.upper()] if self.report.fault else None

    @property
    def message(self) -> str:
        """What the fault says; empty for a success."""
        return self.report.fault.message if self.report.fault else ""


@dataclass(frozen=True)
class ModelRunner:
    """Runs the models of a round one by one, each in a folder of its own below `folder`; `run` is run_model, or does
    the same. `note_secrets` is called with what a model's row has to hide, before anything can show it.
    """

    store: Store
    data: RoundData
    folder: Path
    run: Callable[[RunRequest, RunContext], RunReport]
    context: RunContext
    note_secrets: Callable[[Sequence[str]], None]

    def run_row(self, row: Row, time_limit: float) -> ModelRun:
        """Run the model within so many seconds (0: no limit). What goes wrong is in the report; raises StoreError, and
        Interrupted unless the report has it.
        """
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            return self._run_in(folder, row, time_limit)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _run_in(self, folder: Path, row: Row, time_limit: float) -> ModelRun:
        report = RunReport()
        secrets: Sequence[str] = ()
        model = Path(row.model)
        try:
            request = self._request(row, folder, time_limit)
            secrets = request.secrets
            self.note_secrets(secrets)
            model = self._fetch(row, folder)
            context = dataclasses.replace(self.context, with_digest=row.sha256 is None)
            report = self.run(dataclasses.replace(request, model=model), context)
            report.model.sha256 = row.sha256 or report.model.sha256
        except Fault as fault:
            fault.message = without(secrets, fault.message)
            report.note_fault(fault)
        return self._of_round(report, row, model)

    def _request(self, row: Row, folder: Path, time_limit: float) -> RunRequest:
        """What is asked of the run, before it is known where the model is."""
        return RunRequest(
            model=row.model if is_url(row.model) else folder / "model.pkl",
            dataset=self.data.live,
            benchmarks=self.data.benchmarks,
            output_dir=folder,
            post_url=row.post_url,
            post_data=row.post_data,
            time_limit=time_limit,
            memory_limit=row.memory_limit,
            strict=row.strict,
        )

    def _fetch(self, row: Row, folder: Path) -> Path:
        """The model as a local file: what a model is forked from depends on what is in it. Raises Fault, StoreError."""
        if is_url(row.model):
            with contextlib.closing(ModelDownload(row.model, folder)) as download:
                fetched = download.fetch()
                model = fetched.rename(folder / fetched.name)  # Its own folder goes when it is closed.
        elif os.path.isabs(row.model):
            model = Path(row.model)
        else:
            model = self._fetch_from_store(row.model, folder)
        if row.sha256 is not None:
            _check_sha256(model, row)
        return model

    def _fetch_from_store(self, key: str, folder: Path) -> Path:
        try:
            return self.store.fetch(key, folder)
        except FileNotFoundError as error:
            raise Fault(Code.MODEL_NOT_FOUND, f"{key} is not in {self.store.address}.", "Put it there.") from error

    def _of_round(self, report: RunReport, row: Row, model: Path) -> ModelRun:
        """The run in the words of the round: the names of local files mean nothing to anybody elsewhere."""
        report.model.path = without_query(row.model)
        names = {str(model): report.model.path}
        names |= {str(self.data.live): self._address(LIVE), str(self.data.benchmarks): self._address(BENCHMARKS)}
        for section in report.data.values():
            section.source = section.path = names.get(section.path, section.path)
        saved = report.delivery.saved
        csv = None
        if saved is not None:
            csv = Path(saved.path).read_bytes()
            names[saved.path] = self._address(predictions_key(row.id))
            report.delivery.saved = SavedPart(names[saved.path], saved.bytes)
            if report.predictions:  # That they go with the container is not so.
                report.predictions.notices[:] = [note for note in report.predictions.notices if saved.path not in note]
        if report.fault:
            report.fault = dataclasses.replace(report.fault, message=_renamed(report.fault.message, names))
        return ModelRun(report, csv)

    def _address(self, key: str) -> str:
        return f"{self.store.address}/{key}"


def _renamed(message: str, names: dict[str, str]) -> str:
    for local, name in names.items():
        message = message.replace(local, name)
    return message


def _check_sha256(model: Path, row: Row) -> None:
    """Raises Fault if the file is not the one that the row means."""
    try:
        digest = sha256(model)
    except OSError as error:
        raise Fault(Code.MODEL_NOT_FOUND, f"{model} cannot be read: {error.strerror or error}.") from error
    if digest != row.sha256:
        message = f"{without_query(row.model)} is another file than the manifest means: its SHA-256 is "
        message += f"{digest}, and not {row.sha256}."
        raise Fault(Code.MODEL_NOT_DOWNLOADED, message, "Copy the model again, or make the manifest anew.")
