"""Runs one Numerai model: live features in, checked predictions out.

The story, top to bottom: parse the arguments, fetch model and live data, look into the pickle and run the model in a
child process, check what it returned, deliver the predictions, report. What the story stands on is in
`numerai_predict/`.
"""

import argparse
import contextlib
import dataclasses
import faulthandler
import logging
import os
import pickle
import platform
import secrets
import signal
import sys
import types
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from numerai_predict.cli import arguments
from numerai_predict.diagnosis.outcome import diagnose, other_file, too_slow_for_one_cpu
from numerai_predict.faults import Code, Fault
from numerai_predict.inspection.file_type import PickleFacts, look, sha256
from numerai_predict.inspection.findings import Findings
from numerai_predict.inspection.preflight import before_loading, expected, warnings
from numerai_predict.redaction import DiscreetFormatter, hide_queries, without, without_query
from numerai_predict.report.inspection_text import describe_inspection
from numerai_predict.report.run_report import RunReport
from numerai_predict.report.summary import explain, git_ref, reproduce_command, summarize
from numerai_predict.runner import answer_schema
from numerai_predict.sandbox import hide_parent
from numerai_predict.sandbox.channel import ChildChannel, Message, ProtocolError
from numerai_predict.sandbox.signals import ending_on_signals, undisturbed
from numerai_predict.sandbox.supervisor import PROMISES, Limits, Outcome, Stop, run_limited
from numerai_predict.sandbox.workspace import NoWorkspaceError
from numerai_predict.transfer import (
    DatasetDownloads,
    ModelDownload,
    is_stale,
    is_url,
    retry_with_backoff,
    upload_predictions,
)

if TYPE_CHECKING:
    import pandas as pd
    import requests

# How a child is told what to do.
PREDICT = "--child-predict"
INSPECT = "--child-inspect"
INSPECT_TIME_LIMIT_S = 60.0
# What is under way when a run ends gets so long to remove what it has written.
CLEANUP_S = 2.0


# Arguments


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line as a namespace; a wrong one prints one line, writes the report and exits with status 2."""
    try:
        return arguments.parse(argv)
    except Fault as fault:
        report = RunReport(runtime=describe_runtime())
        report.note_fault(fault)
        if path := arguments.report_path(argv):
            with contextlib.suppress(OSError):
                report.write(path)
        arguments.refuse(fault, argv)


# The story


def main(args: argparse.Namespace) -> int:
    """Run the model that `args` name and return the exit status; the report is written on every outcome."""
    set_up_logging(args)
    report = RunReport(runtime=describe_runtime())
    fault = None
    try:
        with ending_on_signals():
            (inspect if args.inspect else run)(args, report)
    except Fault as known:
        fault = known
    except Exception as error:
        logging.debug("Internal error", exc_info=True)
        fault = Fault(
            Code.INTERNAL_ERROR, f"The runtime itself raised {type(error).__name__}: {hide_queries(str(error))}."
        )
    return conclude(args, report, fault)


def run(args: argparse.Namespace, report: RunReport) -> None:
    """Fetch, run in the child, check, deliver; fills the report on the way and raises Fault where the way ends."""
    exposed = hide_parent.hide(arguments.secrets_in(sys.argv[1:]))
    with LiveData(args, report) as data, ModelFile(args, report) as model:

        def provide(need: str) -> Path:
            return model.fetch() if need == "model" else data.fetch(need)

        logging.info("Starting the model's process")
        outcome = run_child(PREDICT, args.time_limit, args.memory_limit, provide, model.hear)
    if outcome.answer is not None and (refusal := answer_schema.refusal(outcome.answer, outcome.payload)):
        outcome = dataclasses.replace(outcome, stopped=Stop.HANDOVER, refusal=refusal, answer=None, payload=b"")
    note_usage(outcome, report)
    note_outcome(outcome, report)
    note_confinement(outcome, exposed, report)
    if fault := diagnose(outcome, model.facts, args.strict):
        raise fault
    for warning in report.predictions["warnings"]:
        logging.warning("%s: %s (the platform would not accept this)", warning["code"], warning["message"])
    for notice in report.predictions["notices"]:
        logging.warning(notice)
    deliver(outcome.payload, args, report)


def inspect(args: argparse.Namespace, report: RunReport) -> None:
    """Only look into the pickle, in the child as well; raises Fault if this image cannot be expected to run it."""
    hide_parent.hide(arguments.secrets_in(sys.argv[1:]))
    with ModelFile(args, report) as model:
        time_limit = min(args.time_limit or INSPECT_TIME_LIMIT_S, INSPECT_TIME_LIMIT_S)
        outcome = run_child(INSPECT, time_limit, args.memory_limit, lambda _: model.fetch(), model.hear)
    note_usage(outcome, report)
    if fault := diagnose(outcome, model.facts):
        raise fault
    if problems := model.problems:
        raise problems[0]


def run_child(
    mode: str,
    time_limit: float,
    memory_limit: int,
    provide: Callable[[str], Path],
    hear: Callable[[Message], None],
) -> Outcome:
    """Start this file as the child, in that mode, and tell how it ended; 0 means no limit. Raises Fault."""
    limits = Limits(wall_s=time_limit or None, memory_bytes=memory_limit or None)
    try:
        return run_limited([sys.executable, os.path.abspath(__file__), mode], limits, provide, hear)
    except NoWorkspaceError as error:
        message = f"There is no place for the model's temporary folder: {error}."
        raise Fault(Code.OUTPUT_NOT_WRITTEN, message, "In a read-only container, add --tmpfs /tmp.") from error


def deliver(csv: bytes, args: argparse.Namespace, report: RunReport) -> None:
    """Write the predictions to the output folder, then upload them if asked to, from memory if they could not be
    written. Raises Fault for what did not succeed.
    """
    path = Path(args.output_dir) / f"live_predictions-{secrets.token_hex(6)}.csv"
    unwritten = ""
    try:
        with undisturbed():
            write_whole(csv, path)
            report.delivery.update(path=str(path), bytes=len(csv))
        logging.info("Saved the predictions to %s", path)
    except OSError as error:
        unwritten = f"{path} cannot be written: {error.strerror or error}"
        logging.error(unwritten)
    if args.post_url:
        try:
            upload_live_output(csv if unwritten else path, args.post_url, args.post_data, path.name, report)
        except Fault as fault:
            if unwritten:
                raise Fault(fault.code, f"{fault.message} {unwritten}.", Code.OUTPUT_NOT_WRITTEN.hint) from None
            besides = ", and were uploaded" if "uploaded_to" in report.delivery else ""
            raise Fault(
                fault.code, f"{fault.message} The predictions are kept in {path}{besides}.", fault.hint
            ) from None
    if unwritten:
        besides = "; the predictions were uploaded all the same" if args.post_url else ""
        raise Fault(Code.OUTPUT_NOT_WRITTEN, f"{unwritten}{besides}.")


def conclude(args: argparse.Namespace, report: RunReport, fault: Fault | None) -> int:
    """Explain how the run ended, write the report, and return the exit status."""
    if fault:
        fault.message = without(arguments.secrets_of(args), fault.message)
        report.note_fault(fault)
    if args.report:
        try:
            report.write(args.report)
        except OSError as error:
            unwritten = Fault(Code.OUTPUT_NOT_WRITTEN, f"{args.report} cannot be written: {error.strerror or error}.")
            logging.error(unwritten.message)
            fault = fault or unwritten
    if args.inspect:
        print(describe_inspection(report, sys.stdout))
    elif args.debug:
        print(summarize(report), file=sys.stderr)
    if fault:
        print(explain(fault, reproduce_command(args), with_trace=args.debug), file=sys.stderr)
    return fault.code.blame.exit_status if fault else 0


# Fetch and look


def get_data(dataset: str, output_dir: str, downloads: DatasetDownloads | None = None) -> Path:
    """The dataset as a local file: the path given if it exists, else downloaded from Numerai to `output_dir`.

    What an earlier run downloaded is of another round and never read again. Raises Fault.
    """
    if is_remote(dataset):
        logging.info("Downloading %s from Numerai", dataset)
        return (downloads or DatasetDownloads()).download(dataset, Path(output_dir))
    path = Path(dataset)
    try:
        path.open("rb").close()
    except OSError as error:
        raise Fault(Code.DATASET_NOT_FOUND, f"{dataset} cannot be read: {error.strerror or error}.") from error
    return path


def is_remote(dataset: str) -> bool:
    """Whether it is the name of a dataset that Numerai has, and not a local file."""
    path = Path(dataset)
    return not path.is_absolute() and (is_stale(path) or not path.exists())


class LiveData:
    """The live features and the benchmark models, fetched side by side while the child starts; if the features are
    there already, the benchmark models are only fetched for a model that asks for them.
    """

    def __init__(self, args: argparse.Namespace, report: RunReport) -> None:
        self._sources = {"live_features": args.dataset, "benchmark_models": args.benchmarks}
        self._output_dir = args.output_dir
        self._report = report
        self._downloads = DatasetDownloads()
        self._background = ThreadPoolExecutor(len(self._sources))
        early = self._sources if is_remote(args.dataset) else {}
        self._files = {
            need: self._background.submit(get_data, source, args.output_dir, self._downloads)
            for need, source in early.items()
        }

    def __enter__(self) -> "LiveData":
        return self

    def __exit__(self, *error: object) -> None:
        self._downloads.abandon()
        wait(self._files.values(), CLEANUP_S)
        self._background.shutdown(wait=False)

    def fetch(self, need: str) -> Path:
        """The file of that name once it is there; what nobody asks for may fail. Raises Fault."""
        source = self._sources[need]
        path = self._files[need].result() if need in self._files else self._get(source)
        return note_data(need, source, path, self._report)

    def _get(self, source: str) -> Path:
        return get_data(source, self._output_dir, self._downloads)


class ModelFile:
    """The model file, from where it is fetched to what the child finds in it; the report learns all of it."""

    def __init__(self, args: argparse.Namespace, report: RunReport) -> None:
        self.facts: PickleFacts | None = None
        self.problems: list[Fault] = []
        self._args = args
        self._report = report
        self._background = ThreadPoolExecutor(1)
        self._background.submit(int)  # The child's filter protects only those of our threads that are there before it.
        self._digest: Future[str] | None = None
        self._download = ModelDownload(args.model, Path(args.output_dir)) if is_url(args.model) else None
        report.model["path"] = without_query(args.model) if self._download else args.model

    def __enter__(self) -> "ModelFile":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        interrupted = isinstance(error, Fault) and error.code is Code.INTERRUPTED
        if self._digest and (self._digest.done() or not interrupted):
            with contextlib.suppress(OSError):
                self._report.model["sha256"] = self._digest.result()
        if self._download:
            self._download.close()
        self._background.shutdown(wait=False)

    def fetch(self) -> Path:
        """The file, looked at before anything loads it. Raises Fault if it cannot be read or is no pickle."""
        path = self._download.fetch() if self._download else Path(self._args.model)
        try:
            facts = look(path)
        except OSError as error:
            raise Fault(Code.MODEL_NOT_FOUND, f"{path} cannot be read: {error.strerror or error}.") from error
        self._digest = self._background.submit(sha256, path)  # A large file takes a second that nobody need wait for.
        self._report.model.update(bytes=facts.bytes, protocol=facts.protocol, compression=facts.compression)
        if fault := other_file(facts):
            raise fault
        self.facts = facts
        logging.info("Looking into the model, %s bytes", f"{facts.bytes:,}")
        return path

    def hear(self, message: Message) -> None:
        """Take what the child found in the pickle; raises ProtocolError if that is no finding."""
        if self.facts is None or not answer_schema.are_findings(message):
            raise ProtocolError("findings whose fields are not those of findings")
        findings = Findings.from_message(message)
        self.facts = dataclasses.replace(self.facts, findings=findings)
        self.problems = expected(findings)
        note_findings(findings, self.problems, self._report)
        if self._args.debug and not self._args.inspect:
            print(describe_inspection(self._report, sys.stderr), file=sys.stderr)


# In the child: look into the pickle, load, predict, check


def run_as_child(work: Callable[[ChildChannel, Message], bytes]) -> NoReturn:
    """The child process: whatever the model does, answer the parent with plain data and leave."""
    from numerai_predict.child.exceptions import describe_exception
    from numerai_predict.sandbox.confine import confine

    channel = ChildChannel.from_stdin()
    terms, crash_log = channel.terms()
    faulthandler.enable(crash_log)
    faulthandler.register(signal.SIGUSR2, crash_log)  # The parent asks so where we are when the time is up.
    channel.admit(confine(terms))
    answer: Message = {"hosts": []}
    csv = b""
    try:
        csv = work(channel, answer)
    except Fault as fault:
        answer["fault"] = {"code": fault.code.label, "message": fault.message, "hint": fault.hint}
    except BaseException as error:
        answer["exception"] = describe_exception(error, globals())
    channel.answer(answer, csv)
    leave(0)


def look_inside(channel: ChildChannel, answer: Message) -> bytes:
    """Tell the parent what stands in the pickle, and answer nothing else."""
    hide_the_runtime()
    reply, file = channel.request("model")
    with file:
        tell_findings(channel, file, reply["name"])
    return b""


def tell_findings(channel: ChildChannel, file: BinaryIO, name: str) -> Findings:
    """Look into the pickle, whose file is at its beginning afterwards, and tell the parent. Raises Fault if it is not
    compressed as its name says.
    """
    channel.announce("inspecting")
    from numerai_predict.inspection.inspect import inspect_pickle

    findings = inspect_pickle(file, name)
    channel.tell(findings.as_message())
    return findings


def certain_to_fail(channel: ChildChannel, file: BinaryIO, name: str) -> Fault | None:
    """The fault that loading the pickle would end with, if one is known. Where looking into it fails because of
    something that nobody thought of, the pickle is loaded all the same.
    """
    try:
        return before_loading(tell_findings(channel, file, name))
    except Fault as fault:
        return fault
    except Exception as error:
        print(f"The pickle could not be looked into: {type(error).__name__}: {error}", file=sys.stderr)
        file.seek(0)
        return None


def predict_and_check(channel: ChildChannel, answer: Message) -> bytes:
    """Run the model on the live data and return its predictions as CSV; notes in `answer` what it learns."""
    channel.announce("importing")
    import pandas as pd
    import pyarrow.parquet  # noqa: F401 - pandas reads parquet with it; the parent may still be downloading

    from numerai_predict.child import checks as checks
    from numerai_predict.inspection.arity import count_arguments, optional_second_argument
    from numerai_predict.sandbox.confine import explain_network_errors

    hide_the_runtime()
    explain_network_errors(answer["hosts"])
    reply, file = channel.request("model")
    with file:
        if fault := certain_to_fail(channel, file, reply["name"]):
            raise fault
        channel.announce("loading")
        model = load_model(file, reply["name"])
    answer["parameters"] = count_arguments(model)
    answer["optional_second"] = optional_second_argument(model)

    inputs = [read_data(channel, "live_features", answer)]
    if answer["parameters"] == 2:
        inputs.append(read_data(channel, "benchmark_models", answer))
    live_ids = inputs[0].index
    benchmarks = inputs[1].copy() if len(inputs) == 2 else None

    channel.announce("predicting")
    returned = model(*inputs)

    channel.announce("checking")
    if isinstance(returned, pd.DataFrame):
        returned = pd.DataFrame(returned)  # A subclass could pass the checks and write something else.
    answer["failures"] = [finding.as_message() for finding in checks.check_values(returned)]
    if answer["failures"]:
        return b""
    answer["warnings"] = [finding.as_message() for finding in checks.check_acceptance(returned, live_ids)]
    answer["notices"] = checks.notices(returned, live_ids, benchmarks)
    answer["predictions"] = checks.describe(returned, benchmarks)
    csv: str = returned.to_csv()
    return csv.encode()


def load_model(file: BinaryIO, name: str) -> Any:
    """What the pickle holds, read as pandas.read_pickle reads it (compressed ones by the suffix of `name`), but once.

    pandas tries again, in pure Python, after most errors: that runs the pickle's side effects twice and takes three
    times the memory. So it only gets to try where its compatibility with old pandas pickles can help.
    """
    import pandas as pd

    from numerai_predict.inspection.inspect import open_pickle

    with open_pickle(file, name) as stream:
        try:
            return pickle.load(stream)
        except (AttributeError, ImportError, TypeError, UnicodeDecodeError) as error:
            old_pandas = isinstance(error, UnicodeDecodeError) or "pandas" in str(error) or "__new__" in str(error)
            if not old_pandas:
                raise
    file.seek(0)
    with open_pickle(file, name) as stream:
        return pd.read_pickle(stream, compression=None)


def read_data(channel: ChildChannel, name: str, answer: Message) -> "pd.DataFrame":
    """The live features or benchmark models as the parent hands them over. Raises Fault if they cannot be read."""
    import pandas as pd

    reply, file = channel.request(name)
    channel.announce("reading")
    with file:
        try:
            data = pd.read_parquet(file)
        except Exception as error:
            raise Fault(Code.UNREADABLE_DATASET, f"{reply['name']} cannot be read as parquet: {error}.") from error
    if data.empty:
        raise Fault(Code.UNREADABLE_DATASET, f"{reply['name']} has no rows.")
    answer.setdefault("data", {})[name] = {"rows": len(data), "columns": len(data.columns)}
    return data


def hide_the_runtime() -> None:
    """Take from the process what a pickle could mistake for the user's own: our folder, our `__main__`, our arguments.

    An empty `__main__` without a file also keeps processes that multiprocessing spawns from running predict.py.
    """
    ours = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != ours]
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.argv = sys.argv[:1]


# Deliver


def write_whole(csv: bytes, path: Path) -> None:
    """Write a new file, or none: part of one, on a full disk, could be taken for the whole. Raises OSError."""
    part = path.with_name(f".{path.name}")
    try:
        with open(part, "xb") as file:
            file.write(csv)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def upload_live_output(
    csv: Path | bytes, post_url: str, post_data: dict[str, str], file_name: str, report: RunReport
) -> None:
    """Post the CSV, from its file or from memory, as multipart form data: the fields, then the file.

    Raises Fault if it does not arrive; the report says so if it does.
    """

    def note_arrival() -> None:
        report.delivery["uploaded_to"] = without_query(post_url)

    upload_predictions(csv, post_url, post_data, file_name, note_arrival)


def retry_request_with_backoff(callable: Callable[[], "requests.Response"]) -> "requests.Response":
    """Call until the answer has a 2xx status. Raises RuntimeError if it is refused, or failed too often."""
    return retry_with_backoff(callable)


# Report


def describe_runtime() -> dict[str, str]:
    """Which runtime this is."""
    return {"python": platform.python_version(), "git_ref": git_ref(), "platform": platform.platform(terse=True)}


def note_findings(findings: Findings, problems: list[Fault], report: RunReport) -> None:
    """Take into the report what stands in the pickle and what will come of it, and warn of what may."""
    doubts = warnings(findings)
    told = findings.as_message()
    report.model.update({name: told[name] for name in ("python", "writer", "modules", "differences", "complete")})
    report.model.update(
        cloudpickle=findings.writer.removeprefix("cloudpickle ") if "cloudpickle " in findings.writer else None,
        protocol=findings.protocol,
        callable={"kind": findings.kind, "name": findings.name, "signature": findings.parameters},
        problems=[{"code": fault.code.label, "message": fault.message, "hint": fault.hint} for fault in problems],
        warnings=doubts,
    )
    for doubt in doubts:
        logging.warning(doubt)


def note_data(need: str, source: str, path: Path, report: RunReport) -> Path:
    """Remember in the report where the data came from; returns the path."""
    logging.info("Reading the %s from %s", need.replace("_", " "), path)
    report.data[need] = {"source": source, "path": str(path), "downloaded": str(path) != source}
    return path


def note_usage(outcome: Outcome, report: RunReport) -> None:
    """Take into the report what the child used."""
    report.usage = {
        "wall_s": outcome.wall_s,
        "cpu_s": outcome.cpu_s,
        "peak_memory_bytes": outcome.peak_memory_bytes,
        "limits": {"wall_s": outcome.limits.wall_s, "memory_bytes": outcome.limits.memory_bytes},
        "phases": {**outcome.phases, "fetching": outcome.waited_s},
    }


def note_outcome(outcome: Outcome, report: RunReport) -> None:
    """Take what the child answered into the report."""
    answer = outcome.answer or {}
    report.model["parameters"] = answer.get("parameters")
    for name, facts in answer.get("data", {}).items():
        report.data[name].update(facts)
    if warning := too_slow_for_one_cpu(outcome):
        report.usage["warning"] = warning
        logging.warning(warning)
    if outcome.dropped_log_bytes:
        shown = f"{outcome.limits.log_bytes:,} bytes"
        logging.warning("Of what the model printed, the first %s are shown", shown)
    report.predictions = dict(answer.get("predictions", {}))
    report.predictions.update({key: answer.get(key, []) for key in ("failures", "warnings", "notices")})


def note_confinement(outcome: Outcome, exposed: str, report: RunReport) -> None:
    """Take into the report which promises about the model hold on this machine, and warn of those that do not.

    `exposed` says why our secrets could not be hidden, if so.
    """
    if outcome.broken is None:
        return
    broken = {**outcome.broken, **({"secrets": exposed} if exposed else {})}
    report.runtime["confinement"] = {
        "kept": [promise for promise in PROMISES if promise not in broken],
        "broken": [{"promise": promise, "reason": reason} for promise, reason in broken.items()],
    }
    for promise, reason in broken.items():
        logging.warning("It cannot be promised here that the model %s: %s", PROMISES[promise], reason)


def set_up_logging(args: argparse.Namespace) -> None:
    """Log to stderr, without what is secret: libraries quote whole URLs."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(DiscreetFormatter(arguments.secrets_of(args)))
    logging.basicConfig(level=logging.DEBUG if args.debug else logging.INFO, handlers=[handler])
    logging.getLogger("urllib3").setLevel(logging.WARNING)


def leave(status: int) -> NoReturn:
    """Flush and leave at once: the interpreter may abort at exit after reading parquet (apache/arrow#34314)."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    if sys.argv[1:] == [PREDICT]:
        run_as_child(predict_and_check)
    if sys.argv[1:] == [INSPECT]:
        run_as_child(look_inside)
    leave(main(parse_args()))
