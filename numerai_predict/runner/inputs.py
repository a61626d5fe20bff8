"""What a run needs of files: the model and the live data, fetched while the model's process starts, and looked at."""

import dataclasses
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from numerai_predict.child import BENCHMARK_MODELS, DATA, LIVE_FEATURES
from numerai_predict.diagnosis import other_file
from numerai_predict.faults import Code, Fault
from numerai_predict.files import open_file
from numerai_predict.inspection import PickleFacts, lacking, look
from numerai_predict.redaction import without_query
from numerai_predict.report import DataSection, FilePart, InspectionPart, RunReport
from numerai_predict.runner.live_ids import LiveIds
from numerai_predict.runner.model_digest import ModelDigest
from numerai_predict.runner.request import RunRequest
from numerai_predict.sandbox import Message, ProtocolError
from numerai_predict.transfer import DatasetDownloads, is_stale, is_url

if TYPE_CHECKING:
    from numerai_predict.transfer import ModelDownload

# What is under way when a run ends gets so long to remove what it has written.
CLEANUP_S = 2.0
NEEDED_FOR_DATASETS = ("numerapi", "requests", "tenacity", "urllib3")

_log = logging.getLogger(__name__)


class ModelInput:
    """The model file, from where it is fetched to what the child finds in it; the report gets all of it."""

    def __init__(
        self,
        request: RunRequest,
        report: RunReport,
        on_findings: Callable[[RunReport], None],
        digest: ModelDigest,
    ) -> None:
        self.facts: PickleFacts | None = None
        self.problems: list[Fault] = []
        self._model = str(request.model)
        self._digest = digest
        self._download = _download_of(self._model, request.output_folder, digest) if is_url(self._model) else None
        self._report = report
        self._on_findings = on_findings
        report.model.path = without_query(self._model) if self._download else self._model

    def __enter__(self) -> "ModelInput":
        return self

    def __exit__(self, *error: object) -> None:
        if self._download:
            self._download.close()

    def fetch(self) -> Path:
        """The file, looked at before anything loads it. Raises Fault if it cannot be read or is no pickle."""
        path = self._download.fetch() if self._download else Path(self._model)
        try:
            if self._download:
                self._report.model.sha256 = self._download.sha256
            else:
                self._digest.note_file(path)
            facts = look(path)
        except OSError as error:
            raise Fault(Code.MODEL_NOT_FOUND, f"{path} cannot be read: {error.strerror or error}.") from error
        self._report.model.file = FilePart.of(facts)
        if fault := other_file(facts):
            raise fault
        self.facts = facts
        _log.info("Looking into the model, %s bytes", f"{facts.bytes:,}")
        return path

    def take_findings(self, message: Message, payload: BinaryIO | None = None) -> None:
        """Take what the child found in the pickle; raises ProtocolError if that is not what is found in pickles."""
        from numerai_predict.inspection import expected
        from numerai_predict.runner.answer_schema import read_findings

        findings = read_findings(message)
        if self.facts is None:
            raise ProtocolError("findings before it was given the model")
        self.facts = dataclasses.replace(self.facts, findings=findings)
        self.problems = expected(findings)
        self._report.model.inspection = InspectionPart.of(findings, self.problems)
        self._on_findings(self._report)


def _download_of(url: str, folder: Path, digest: ModelDigest) -> "ModelDownload":
    from numerai_predict.transfer import ModelDownload

    return ModelDownload(url, folder, digest.is_wanted)


class LiveData:
    """The live features and the benchmark models, fetched side by side while the child starts; if the features are
    there already, the benchmark models are only fetched for a model that asks for them.
    """

    def __init__(self, request: RunRequest, report: RunReport) -> None:
        self._sources = {LIVE_FEATURES: request.dataset, BENCHMARK_MODELS: request.benchmarks}
        self._output_dir = request.output_folder
        self._report = report
        self.live: LiveIds | None = None
        self._downloads = DatasetDownloads()
        self._background = ThreadPoolExecutor(len(self._sources))
        early = self._sources if is_remote(request.dataset) else {}
        self._files = {name: self._background.submit(self._get, source) for name, source in early.items()}

    def __enter__(self) -> "LiveData":
        return self

    def __exit__(self, *error: object) -> None:
        self._downloads.abandon()
        wait(self._files.values(), CLEANUP_S)
        self._background.shutdown(wait=False)

    def fetch(self, name: str) -> Path:
        """The file of that name once it is there; what nobody asks for may fail. Raises Fault."""
        source = self._sources[name]
        path = self._files[name].result() if name in self._files else self._get(source)
        _log.info("Reading the %s from %s", DATA[name], path)
        self._report.data[name] = DataSection.of(str(source), path)
        return path

    def take_live_ids(self, message: Message, payload: BinaryIO | None) -> None:
        """Take what the child read of the live features before it ran the model. Raises ProtocolError."""
        from numerai_predict.runner.answer_schema import read_live_ids

        self.live = read_live_ids(message, payload)
        self._report.data[LIVE_FEATURES].shape = self.live.shape

    def _get(self, source: str | Path) -> Path:
        return get_data(source, self._output_dir, self._downloads)


def get_data(dataset: str | Path, output_dir: Path, downloads: DatasetDownloads) -> Path:
    """The dataset as a local file: the path given if it exists, else downloaded from Numerai to `output_dir`.

    What an earlier run downloaded is of another round and never read again. Raises Fault.
    """
    if is_remote(dataset):
        if fault := lacking(NEEDED_FOR_DATASETS):
            raise fault
        _log.info("Downloading %s from Numerai", dataset)
        return downloads.download(str(dataset), output_dir)
    path = Path(dataset)
    try:
        open_file(path).close()
    except OSError as error:
        raise Fault(Code.DATASET_NOT_FOUND, f"{dataset} cannot be read: {error.strerror or error}.") from error
    return path


def is_remote(dataset: str | Path) -> bool:
    """Whether it is the name of a dataset that Numerai has, and not a local file."""
    path = Path(dataset)
    return isinstance(dataset, str) and not path.is_absolute() and (is_stale(path) or not _may_exist(path))


def _may_exist(path: Path) -> bool:
    """Whether there is something, or nobody can say: then opening it says why."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError:
        return True
    return True
