"""One run of a model, and one look into it, as functions; many may run in one process at a time."""

import contextlib
import dataclasses
import io
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numerai_predict.child
from numerai_predict.child import (
    BENCHMARK_MODELS,
    INSPECT_PHASES,
    LIVE_FEATURES,
    LOADING,
    PREDICT_PHASES,
    PREDICTING,
    READ_PHASES,
    Answer,
)
from numerai_predict.diagnosis import diagnose, fault_of_reading, has_loaded, is_perhaps_of_benchmarks
from numerai_predict.faults import Code, Fault, Interrupted
from numerai_predict.inspection import lacking
from numerai_predict.platform_limits import MEMORY_LIMIT, OUTPUT_DIR
from numerai_predict.redaction import hide_queries, without
from numerai_predict.report import ConfinementPart, RunReport, UsageSection
from numerai_predict.runner.delivery import deliver, whereabouts
from numerai_predict.runner.folder_rights import FolderRights
from numerai_predict.runner.inputs import LiveData, ModelInput
from numerai_predict.runner.live_ids import LiveIds
from numerai_predict.runner.model_digest import ModelDigest
from numerai_predict.runner.request import RunRequest
from numerai_predict.sandbox import (
    PROMISES,
    ExecLauncher,
    Launcher,
    Limits,
    NoWorkspaceError,
    Outcome,
    ProtocolError,
    Stop,
    Supervisor,
    Task,
)
from numerai_predict.transfer import is_url

INSPECT_TIME_LIMIT_S = 60.0
# What the model's process imports before it has the model, and what reads nearly every pickle.
NEEDED = ("pandas", "pyarrow", "numpy", "cloudpickle")
NEEDED_FOR_URLS = ("requests", "tenacity", "tqdm", "urllib3")
EXEC_LAUNCHER = ExecLauncher((sys.executable, str(Path(numerai_predict.child.__file__).with_name("__main__.py"))))

_log = logging.getLogger(__name__)


def warn_of_doubts(report: RunReport) -> None:
    """Log what may become a problem with a model that was looked into."""
    for doubt in report.model.inspection.warnings if report.model.inspection else ():
        _log.warning(doubt)


@dataclasses.dataclass(frozen=True)
class RunContext:
    """How a run is embedded: how the model's process comes to be, where the model's output goes (None: nowhere), who is
    called once the pickle was looked into, why others can see the runtime's secrets, if so (sandbox.hide), which files
    the caller writes when the run is over, whether the report is to have the SHA-256 of the model, and in which folder
    the model's process gets its own (None: where temporary files go); users of models must be able to enter it.
    """

    launcher: Launcher = EXEC_LAUNCHER
    stdout: BinaryIO | None = None
    stderr: BinaryIO | None = None
    on_findings: Callable[[RunReport], None] = warn_of_doubts
    exposed: str = ""
    written_later: tuple[Path, ...] = ()
    with_digest: bool = True
    workspaces: Path | None = None


DEFAULT_CONTEXT = RunContext()


def run_model(request: RunRequest, context: RunContext = DEFAULT_CONTEXT) -> RunReport:
    """Run a model on live data: fetch and look while its process starts, run, check, deliver.

    Whatever happens is in the report; only what others raise in this thread to end it (KeyboardInterrupt) is raised,
    and nothing of the run is left then.
    """
    report = RunReport()
    with noting_failure(report, request.secrets), ModelDigest(report.model, context.with_digest) as digest:
        if fault := lacking(needed_packages(request)):
            raise fault
        with contextlib.ExitStack() as until_delivered:
            with LiveData(request, report) as data, ModelInput(request, report, context.on_findings, digest) as model:
                rights = rights_before(request, context)
                with rights.blaming():
                    outcome = supervise(predict_task(model, data, rights), request.limits, context, report)
                csv = until_delivered.enter_context(outcome.payload or io.BytesIO())
                check(outcome, model, data, request, context, report)
            deliver(csv, request, report)
    return report


def needed_packages(request: RunRequest) -> list[str]:
    """What the run will import for certain; what downloads datasets is asked for where one is downloaded."""
    with_urls = bool(request.post_url) or is_url(str(request.model))
    return [*NEEDED, *(NEEDED_FOR_URLS if with_urls else ())]


def rights_before(request: RunRequest, context: RunContext) -> FolderRights:
    """The rights, before the model runs, of what is read and written later."""
    inputs = [path for path in (request.model, request.dataset, request.benchmarks) if not is_url(str(path))]
    with contextlib.suppress(FileNotFoundError):  # The model's process has no place either, and says so.
        inputs.append(context.workspaces or tempfile.gettempdir())
    return FolderRights([*inputs, request.output_dir, *context.written_later])


def predict_task(model: ModelInput, data: LiveData, rights: FolderRights) -> Task:
    """Run the model on the live data. What is learnt of the data comes before the model runs, where it can."""

    def benchmarks() -> Path:
        rights.restore()
        return data.fetch(BENCHMARK_MODELS)

    return Task(
        "predict",
        PREDICT_PHASES,
        files={"model": model.fetch, LIVE_FEATURES: partial(data.fetch, LIVE_FEATURES), BENCHMARK_MODELS: benchmarks},
        reports={"findings": model.take_findings, LIVE_FEATURES: data.take_live_ids},
        trusted_until=LOADING,
        fed_until=PREDICTING,
        when_gone=rights.restore,
    )


def inspect_model(
    model: str | Path,
    output_dir: str | Path = OUTPUT_DIR,
    time_limit: float = INSPECT_TIME_LIMIT_S,
    memory_limit: int = MEMORY_LIMIT,
    context: RunContext = DEFAULT_CONTEXT,
) -> RunReport:
    """Look into a model's pickle without loading it, in a process under limits as well. The report says what was found,
    and names as its fault why this environment cannot be expected to run the model, if so.
    """
    request = RunRequest(model, output_dir=output_dir, time_limit=time_limit, memory_limit=memory_limit)
    report = RunReport()
    with noting_failure(report, request.secrets), ModelDigest(report.model, context.with_digest) as digest:
        with ModelInput(request, report, context.on_findings, digest) as file:
            task = Task("inspect", INSPECT_PHASES, {"model": file.fetch}, {"findings": file.take_findings})
            outcome = supervise(task, request.limits, context, report)
        outcome, answer = answer_in(outcome, None, with_predictions=False)
        if fault := diagnose(outcome, answer, file.facts):
            raise fault
        if file.problems:
            raise file.problems[0]
    return report


def supervise(task: Task, limits: Limits, context: RunContext, report: RunReport) -> Outcome:
    """Run the model's process to its end; the report gets what it used, however that came. Raises Fault."""
    supervisor = Supervisor(context.launcher, limits, task, context.stdout, context.stderr, context.workspaces)
    _log.info("Starting the model's process")
    try:
        return supervisor.run()
    except NoWorkspaceError as error:
        message = f"There is no place for the model's temporary folder: {error}."
        raise Fault(Code.OUTPUT_NOT_WRITTEN, message, "In a read-only container, add --tmpfs /tmp.") from error
    finally:
        if supervisor.outcome:
            report.usage = UsageSection.of(supervisor.outcome)


def check(
    outcome: Outcome, model: ModelInput, data: LiveData, request: RunRequest, context: RunContext, report: RunReport
) -> None:
    """Hold what came out to what it must be. Raises Fault for what is not accepted; warns of what may not be."""
    outcome, answer = answer_in(outcome, data.live)
    report.note_answer(answer)
    report.runtime.confinement = ConfinementPart.of(outcome, context.exposed)
    for warning in usage_warnings(outcome, report):
        _log.warning(warning)
    if is_perhaps_of_benchmarks(outcome, answer) and (fault := fault_of_benchmarks(data, request, context)):
        raise fault
    if fault := diagnose(outcome, answer, model.facts, request.strict):
        raise fault
    assert answer is not None
    for expected in model.problems:
        _log.warning("This was expected and did not happen: %s", expected.message)
    for problem in answer.warnings:
        _log.warning("%s: %s The platform would not accept this. %s", problem.code, problem.message, problem.hint)
    for notice in answer.notices:
        _log.warning(notice)
    for remark in answer.remarks:
        _log.info(remark)


def fault_of_benchmarks(data: LiveData, request: RunRequest, context: RunContext) -> Fault | None:
    """Why the benchmark models cannot be read in a process that is given no model; None if they can."""
    _log.info("Reading the benchmark models without the model")
    task = Task("read", READ_PHASES, {BENCHMARK_MODELS: partial(data.fetch, BENCHMARK_MODELS)})
    streams = context.stdout, context.stderr
    outcome = Supervisor(context.launcher, request.limits, task, *streams, context.workspaces).run()
    outcome, answer = answer_in(outcome, None, with_predictions=False)
    return fault_of_reading(outcome, answer)


def answer_in(outcome: Outcome, live: LiveIds | None, with_predictions: bool = True) -> tuple[Outcome, Answer | None]:
    """The answer in the outcome; one of a wrong form is as if the process had been stopped for it."""
    if outcome.answer is None:
        return outcome, None
    from numerai_predict.runner.answer_schema import Known, read_answer

    known = Known(outcome.files, live, has_loaded(outcome))
    try:
        return outcome, read_answer(outcome.answer, outcome.payload, known, with_predictions)
    except ProtocolError as error:
        return dataclasses.replace(outcome, stopped=Stop.HANDOVER, refusal=str(error), answer=None), None


def usage_warnings(outcome: Outcome, report: RunReport) -> Iterator[str]:
    """What a user may want to know of how the model's process was run."""
    if report.usage and report.usage.warning:
        yield report.usage.warning
    if outcome.dropped_log_bytes:
        yield f"Of what the model printed, the first {outcome.limits.log_bytes:,} bytes are shown"
    if outcome.unread_log_bytes:
        yield f"{outcome.unread_log_bytes:,} bytes that the model printed could not be shown: nobody read them in time"
    if report.runtime.confinement:
        for entry in report.runtime.confinement.broken:
            yield f"It cannot be promised here that the model {PROMISES[entry.promise]}: {entry.reason}"


@contextlib.contextmanager
def noting_failure(report: RunReport, secrets: Sequence[str]) -> Iterator[None]:
    """Make what ends the work the report's fault, without the secrets."""
    try:
        yield
    except Fault as fault:
        noted = fault
    except Interrupted as interruption:
        noted = Fault(Code.INTERRUPTED, f"The run was stopped by {interruption}. {whereabouts(report)}".rstrip())
    except Exception as error:
        _log.debug("Internal error", exc_info=True)
        said = f"The runtime itself raised {type(error).__name__}: {hide_queries(str(error))}."
        missing = isinstance(error, ModuleNotFoundError) and lacking([error.name or ""])
        noted = missing or Fault(Code.INTERNAL_ERROR, said)
    else:
        return
    noted.message = without(secrets, noted.message)
    report.note_fault(noted)
