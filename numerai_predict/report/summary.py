"""What a person reads at the end of a run: the summary of a report, a failure explained, how to reproduce it."""

import os
import shlex
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from numerai_predict.faults import Fault
from numerai_predict.platform_limits import BENCHMARKS, DATASET, MEMORY_LIMIT, TIME_LIMIT_S
from numerai_predict.report.run_report import RunReport
from numerai_predict.sandbox.supervisor import PROMISES
from numerai_predict.transfer import file_name_of, is_url

BAR_WIDTH = 40
HERE = '"$PWD"'


def explain(fault: Fault, command: str, with_trace: bool) -> str:
    """A failure for a person: the model's traceback, then code, cause, remedy and the command that reproduces it."""
    trace = f"{fault.trace.rstrip()}\n\n" if fault.trace and with_trace else ""
    return (
        f"{trace}{fault.code.blame.status}: {fault.code.label}\n"
        f"  {fault.message}\n"
        f"  Hint: {fault.hint}\n"
        f"  Reproduce it with: {command}"
    )


def reproduce_command(args: Namespace) -> str:
    """The `docker run … --debug` line that runs the same model on the same data in the image of this Python.

    A model that came from a URL, whose signature is not shown, is expected in the current folder.
    """
    mounted: dict[str, None] = {}  # A set that keeps its order.
    flags = ["--debug"]
    for flag in ("model", "dataset", "benchmarks"):
        value = str(getattr(args, flag))
        if is_url(value):
            mounted[HERE] = None
            flags += [f"--{flag}", f"{HERE}/{shlex.quote(file_name_of(value))}"]
        elif flag == "model" or Path(value).exists():
            path = os.path.abspath(value)
            folder = os.path.dirname(path)
            mounted[shlex.quote(folder if folder != "/" else path)] = None  # Docker mounts nothing on the root itself.
            flags += [f"--{flag}", shlex.quote(path)]
        elif value not in (DATASET, BENCHMARKS):
            flags += [f"--{flag}", shlex.quote(value)]
    if args.time_limit != TIME_LIMIT_S:
        flags += ["--time_limit", f"{args.time_limit:g}"]
    if args.memory_limit != MEMORY_LIMIT:
        flags += ["--memory_limit", str(args.memory_limit)]
    flags += [f"--{flag}" for flag in ("strict", "inspect") if getattr(args, flag)]
    mounts = " ".join(f"-v {folder}:{folder}" for folder in mounted)
    return f"docker run -i --rm {mounts} {image_name()} {' '.join(flags)}"


def image_name() -> str:
    """The image of this Python: of the commit that this one was built from, of the latest outside an image."""
    return f"numerai_predict_py_{sys.version_info.major}_{sys.version_info.minor}:{git_ref() or 'latest'}"


def git_ref() -> str:
    """The commit that the image was built from; empty outside an image."""
    return os.environ.get("GIT_REF", "")


def summarize(report: RunReport) -> str:
    """The run in a dozen lines: model, data, predictions with a histogram, correlations, use against the limits."""
    lines = [*_model_lines(report), *_prediction_lines(report.predictions), *_usage_lines(report.usage)]
    lines += _confinement_lines(report.runtime)
    if path := report.delivery.get("path"):
        lines.append(_row("written to", path))
    if url := report.delivery.get("uploaded_to"):
        lines.append(_row("uploaded to", url))
    return "\n".join(["Summary", *lines])


def _model_lines(report: RunReport) -> list[str]:
    model = report.model
    arguments = {1: ", takes the live features", 2: ", takes live features and benchmark models"}
    takes = arguments.get(model.get("parameters", 0), "")
    lines = [_row("model", f"{model.get('path')} ({model.get('bytes', 0):,} bytes{takes})")]
    for name, label in (("live_features", "live features"), ("benchmark_models", "benchmark models")):
        if facts := report.data.get(name):
            shape = f": {facts['rows']:,} rows, {facts['columns']:,} columns" if "rows" in facts else ""
            lines.append(_row(label, f"{facts['source']}{shape}"))
    return lines


def _prediction_lines(predictions: dict[str, Any]) -> list[str]:
    if "rows" not in predictions:
        return []
    figures = "  ".join(
        f"{name} {predictions[name]:.4f}" for name in ("min", "mean", "max", "std") if predictions[name] is not None
    )
    lines = [_row("predictions", f"{predictions['rows']:,} rows  {figures}")]
    counts = predictions["histogram"]
    for step, count in enumerate(counts):
        bar = "#" * round(BAR_WIDTH * count / max(counts))
        lines.append(_row("", f"{step / len(counts):.1f}–{(step + 1) / len(counts):.1f} {count:>8,} {bar}".rstrip()))
    for name, value in predictions["spearman"].items():
        lines.append(_row("Spearman", f"{'n/a' if value is None else format(value, '+.4f'):>7}  {name}"))
    lines += [_row("warning", warning["message"]) for warning in predictions.get("warnings", [])]
    lines += [_row("notice", notice) for notice in predictions.get("notices", [])]
    return lines


def _usage_lines(usage: dict[str, Any]) -> list[str]:
    if "wall_s" not in usage:
        return []
    limits = usage["limits"]
    phases = ", ".join(f"{name} {seconds:.2f}" for name, seconds in usage["phases"].items())
    return [
        _row("wall time", f"{usage['wall_s']:.2f} s of {_limit(limits['wall_s'], '{:g} s')} ({phases})"),
        _row("CPU time", f"{usage['cpu_s']:.2f} s"),
        _row("peak memory", f"{_mib(usage['peak_memory_bytes'])} of {_limit(limits['memory_bytes'], '', _mib)}"),
    ]


def _confinement_lines(runtime: dict[str, Any]) -> list[str]:
    if not (confinement := runtime.get("confinement")):
        return []
    kept = [_row("the model", f"{PROMISES[promise]}") for promise in confinement["kept"]]
    return kept + [_row("not kept", f"{entry['promise']}: {entry['reason']}") for entry in confinement["broken"]]


def _row(label: str, text: str) -> str:
    return f"  {label:<16} {text}"


def _limit(value: float | None, pattern: str, show: Any = None) -> str:
    if value is None:
        return "no limit"
    return show(value) if show else pattern.format(value)


def _mib(size: float) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
