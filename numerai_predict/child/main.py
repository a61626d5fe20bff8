"""The model's process, from its first line to its last: confine itself, look, load, predict, check, answer.

Whatever the model does, the parent gets plain data, and checks it.
"""

import contextlib
import faulthandler
import gc
import os
import signal
import sys
import traceback
import types
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from numerai_predict.child.answer import LiveFeatures, Problem, Shape
from numerai_predict.child.catboost_arrays import watch_catboost
from numerai_predict.child.columns import Handed
from numerai_predict.child.exceptions import Circumstances, describe_exception
from numerai_predict.child.live_frames import NOTHING_READ, LiveFrames
from numerai_predict.child.load import ids_are_a_column, ids_of, index_as_csv, load_model
from numerai_predict.child.model_log import show_log
from numerai_predict.child.names import (
    BENCHMARK_MODELS,
    CHECKING,
    DATA,
    IMPORTING,
    INSPECTING,
    LIVE_FEATURES,
    LOADING,
    PREDICTING,
    READING,
)
from numerai_predict.faults import Fault
from numerai_predict.inspection import Findings, before_loading, inspect_pickle
from numerai_predict.own_files import is_ours
from numerai_predict.sandbox import (
    ChildChannel,
    Message,
    confine,
    explain_network_errors,
    fork_program,
)

if TYPE_CHECKING:
    import pandas as pd

OUR_FOLDER = str(Path(__file__).resolve().parents[2])


def main() -> NoReturn:
    """What an ExecLauncher executes: the program below its reaper."""
    reports, user, folder = sys.argv[1:]
    reaper = fork_program(int(reports), int(user) if user else None, folder)
    sys.path.remove(OUR_FOLDER)
    serve(ChildChannel.from_stdin(), reaper)


def serve(channel: ChildChannel, reaper: int, frames: LiveFrames = NOTHING_READ) -> NoReturn:
    """Do the task that the parent sets, answer, and leave. `frames` is the live data that has been read already."""
    terms, crash_log = channel.terms()
    faulthandler.enable(crash_log)
    faulthandler.register(signal.SIGUSR2, crash_log)  # The parent asks so where we are when the time is up.
    channel.report_broken(confine(terms, reaper))
    show_log(terms["log_level"])
    circumstances = Circumstances()
    explain_network_errors(circumstances.attempts)
    answer: Message = {"hosts": circumstances.attempts.hosts}
    csv = b""
    try:
        csv = TASKS[terms["task"]](channel, answer, circumstances, frames)
    except Fault as fault:
        if raised_by_us(fault):
            answer["fault"] = asdict(Problem(fault.code.label, fault.message, fault.hint))
        else:
            answer["exception"] = asdict(describe_exception(fault, circumstances))
    except BaseException as error:
        answer["exception"] = asdict(describe_exception(error, circumstances))
    channel.answer(answer, csv)
    flush_and_exit()


def look_inside(channel: ChildChannel, answer: Message, circumstances: Circumstances, frames: LiveFrames) -> bytes:
    """Report what is in the pickle, and answer nothing else."""
    start_collecting()
    hide_the_runtime()
    reply, file = channel.request("model")
    with file:
        report_findings(channel, file, reply["name"])
    return b""


def predict_and_check(
    channel: ChildChannel, answer: Message, circumstances: Circumstances, frames: LiveFrames
) -> bytes:
    """Run the model on the live data and return its predictions as CSV; notes in `answer` and `circumstances` what it
    learns.
    """
    channel.announce(IMPORTING)
    import pyarrow.parquet  # noqa: F401 - pandas reads parquet with it; the parent may still be downloading

    from numerai_predict.child import checks
    from numerai_predict.child.frame_csv import frame_as_csv
    from numerai_predict.inspection import count_arguments, optional_second_argument
    from numerai_predict.sandbox import name_user

    start_collecting()
    hide_the_runtime()
    name_user()
    live_features, live_ids, model = read_and_load(channel, answer, frames)
    inputs = [live_features]
    answer["parameters"] = count_arguments(model)
    answer["optional_second"] = optional_second_argument(model)
    if answer["parameters"] == 2:
        inputs.append(receive(channel, BENCHMARK_MODELS, answer, frames))
    benchmarks = inputs[1].copy() if len(inputs) == 2 else None
    circumstances.handed.update((name, Handed.of(table)) for name, table in zip(DATA, inputs, strict=False))
    noted: list[str] = []
    watch_catboost(noted)

    channel.announce(PREDICTING)
    returned = model(*inputs)

    channel.announce(CHECKING)
    answer["failures"] = [asdict(problem) for problem in checks.check_values(returned)]
    if answer["failures"]:
        return b""
    answer["notices"], answer["remarks"] = checks.notices_and_remarks(live_ids, benchmarks)
    answer["notices"] += noted
    answer["predictions"] = checks.describe(returned, benchmarks)
    return frame_as_csv(returned).encode()


def read_and_load(channel: ChildChannel, answer: Message, frames: LiveFrames) -> "tuple[pd.DataFrame, pd.Index, Any]":
    """The live features, their ids, and the model, which is loaded last. Raises Fault if one of them cannot be had."""
    reply, file = channel.request("model")
    with file:
        if fault := certain_to_fail(channel, file, reply["name"]):
            raise fault
        # While all that has run is ours: what the parent learns of the live features now, no model can have forged.
        live_features = receive(channel, LIVE_FEATURES, answer, frames)
        live_ids = ids_of(live_features)
        report = LiveFeatures(Shape(*live_features.shape), ids_are_a_column(live_features))
        channel.report(LIVE_FEATURES, asdict(report), index_as_csv(live_ids))
        channel.announce(LOADING)
        return live_features, live_ids, load_model(file, reply["name"])


def read_benchmarks(channel: ChildChannel, answer: Message, circumstances: Circumstances, frames: LiveFrames) -> bytes:
    """Try to read the benchmark models, in a process that is given no model."""
    channel.announce(IMPORTING)
    start_collecting()
    receive(channel, BENCHMARK_MODELS, answer, frames)
    return b""


TASKS = {"predict": predict_and_check, "inspect": look_inside, "read": read_benchmarks}


def receive(channel: ChildChannel, name: str, answer: Message, frames: LiveFrames) -> "pd.DataFrame":
    """The live features or benchmark models that the parent hands over. Raises Fault if they cannot be read."""
    reply, file = channel.request(name)
    channel.announce(READING)
    with file:
        data = frames.read(file, reply["name"])
    answer.setdefault("data", {})[name] = asdict(Shape(*data.shape))
    return data


def certain_to_fail(channel: ChildChannel, file: BinaryIO, name: str) -> Fault | None:
    """The fault that loading the pickle would end with, if one is known. Where looking into it fails because of
    something that nobody thought of, the pickle is loaded all the same.
    """
    try:
        return before_loading(report_findings(channel, file, name))
    except Fault as fault:
        return fault
    except Exception as error:
        print(f"The pickle could not be looked into: {type(error).__name__}: {error}", file=sys.stderr)
        file.seek(0)
        return None


def report_findings(channel: ChildChannel, file: BinaryIO, name: str) -> Findings:
    """Look into the pickle, whose file is at its beginning afterwards, and report what is in it. Raises Fault if it is
    not compressed as its name says.
    """
    channel.announce(INSPECTING)
    findings = inspect_pickle(file, name)
    channel.report_findings(findings.as_message())
    return findings


def raised_by_us(fault: Fault) -> bool:
    """Whether code of ours has raised it: a model may know our Fault, and raise one of its own."""
    *_, (innermost, _) = traceback.walk_tb(fault.__traceback__)
    return is_ours(innermost.f_code.co_filename)


def start_collecting() -> None:
    """Let the garbage collector run, which does not while we import (__main__.py): models are loaded and called as on
    the platform. It passes over what has been imported so far, all of which stays.
    """
    gc.freeze()
    gc.enable()


def hide_the_runtime() -> None:
    """Take from the process what a pickle could mistake for the user's own: our `__main__` and our arguments.

    An empty `__main__` without a file also keeps processes that multiprocessing spawns from running our program.
    """
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.argv = sys.argv[:1]


def flush_and_exit() -> NoReturn:
    """Flush and leave at once: the interpreter may abort at exit after reading parquet (apache/arrow#34314)."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(0)
