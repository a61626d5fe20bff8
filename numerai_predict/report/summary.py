"""What a person reads at the end of a run: the summary of a report, a failure explained."""

from numerai_predict.child import DATA
from numerai_predict.faults import Blame
from numerai_predict.report.run_report import RunReport
from numerai_predict.report.sections import (
    ConfinementPart,
    DeliverySection,
    ModelSection,
    PredictionsSection,
    UsageSection,
)
from numerai_predict.sandbox import PROMISES
from numerai_predict.visible import visible, visible_lines

BAR_WIDTH = 40
ARGUMENTS = {1: ", takes the live features", 2: ", takes live features and benchmark models"}


def explain(report: RunReport, command: str, with_trace: bool) -> str:
    """The failure in a report: the model's traceback, then code, cause, remedy and the command that reproduces it; of
    what is wrong with the command itself (exit status 2), all on one line.
    """
    fault = report.fault
    assert fault is not None
    if report.exit_status == Blame.USAGE.exit_status:
        return visible(f"{report.status}: {fault.code}: {fault.message} {fault.hint}")
    trace = f"{visible_lines(fault.trace.rstrip())}\n\n" if fault.trace and with_trace else ""
    message, hint = visible(fault.message), visible(fault.hint)
    return f"{trace}{report.status}: {fault.code}\n  {message}\n  Hint: {hint}\n  Reproduce it with: {command}"


def summarize(report: RunReport) -> str:
    """The run in a dozen lines: model, data, predictions with a histogram, correlations, use against the limits."""
    lines = [
        *_model_lines(report.model),
        *_data_lines(report),
        *(_prediction_lines(report.predictions) if report.predictions else ()),
        *(_usage_lines(report.usage) if report.usage else ()),
        *(_confinement_lines(report.runtime.confinement) if report.runtime.confinement else ()),
        *_delivery_lines(report.delivery),
    ]
    return "\n".join(["Summary", *lines])


def _model_lines(model: ModelSection) -> list[str]:
    if model.path is None:
        return []
    size = model.file.bytes if model.file else 0
    return [_row("model", f"{model.path} ({size:,} bytes{ARGUMENTS.get(model.parameters or 0, '')})")]


def _data_lines(report: RunReport) -> list[str]:
    lines = []
    for name, label in DATA.items():
        if data := report.data.get(name):
            shape = f": {data.shape.rows:,} rows, {data.shape.columns:,} columns" if data.shape else ""
            lines.append(_row(label, f"{data.source}{shape}"))
    return lines


def _prediction_lines(predictions: PredictionsSection) -> list[str]:
    if not (stats := predictions.stats):
        return []
    figures = {"min": stats.min, "mean": stats.mean, "max": stats.max, "std": stats.std}
    shown = "  ".join(f"{name} {value:.4f}" for name, value in figures.items() if value is not None)
    lines = [_row("predictions", f"{stats.rows:,} rows  {shown}"), *_histogram_lines(stats.histogram)]
    for name, value in stats.spearman.items():
        lines.append(_row("Spearman", f"{'n/a' if value is None else format(value, '+.4f'):>7}  {name}"))
    lines += [_row("warning", warning.message) for warning in predictions.warnings]
    lines += [_row("notice", notice) for notice in predictions.notices]
    return lines


def _histogram_lines(counts: list[int]) -> list[str]:
    bins, largest = len(counts), max(counts, default=0) or 1
    bars = ["#" * round(BAR_WIDTH * count / largest) for count in counts]
    return [
        _row("", f"{step / bins:.1f}–{(step + 1) / bins:.1f} {count:>8,} {bar}".rstrip())
        for step, (count, bar) in enumerate(zip(counts, bars, strict=True))
    ]


def _usage_lines(usage: UsageSection) -> list[str]:
    wall_s, memory_bytes = usage.limits.wall_s, usage.limits.memory_bytes
    phases = ", ".join(f"{name} {seconds:.2f}" for name, seconds in usage.phases.items())
    of_time = "no limit" if wall_s is None else f"{wall_s:g} s"
    of_memory = "no limit" if memory_bytes is None else _mib(memory_bytes)
    return [
        _row("wall time", f"{usage.wall_s:.2f} s of {of_time} ({phases})"),
        _row("CPU time", f"{usage.cpu_s:.2f} s"),
        _row("peak memory", f"{_mib(usage.peak_memory_bytes)} of {of_memory}"),
    ]


def _confinement_lines(confinement: ConfinementPart) -> list[str]:
    kept = [_row("the model", PROMISES[promise]) for promise in confinement.kept]
    return kept + [_row("not kept", f"{broken.promise}: {broken.reason}") for broken in confinement.broken]


def _delivery_lines(delivery: DeliverySection) -> list[str]:
    saved = [_row("written to", delivery.saved.path)] if delivery.saved else []
    return saved + ([_row("uploaded to", delivery.uploaded_to)] if delivery.uploaded_to else [])


def _row(label: str, text: str) -> str:
    return f"  {label:<16} {visible(text)}"


def _mib(size: float) -> str:
    return f"{size / (1 << 20):,.0f} MiB"
