"""The standing of a round as Prometheus reads it: https://prometheus.io/docs/instrumenting/exposition_formats/."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from numerai_predict.round.standing import Standing

PREFIX = "numerai_round"


@dataclass(frozen=True)
class _Metric:
    """`samples` are values by the value of the `label`; without a label there is one at most."""

    name: str
    kind: str
    help: str
    samples: Mapping[str, float]
    label: str = ""


def exposition(standing: Standing) -> str:
    """The text for `--prom`; what is not known has no sample."""
    return "".join(f"{line}\n" for metric in _metrics(standing) if metric.samples for line in _lines(metric))


def _metrics(standing: Standing) -> Iterator[_Metric]:
    states = {
        "delivered": len(standing.delivered),
        "failed": len(standing.failed),
        "error": len(standing.errors),
        "running": len(standing.running),
        "left": max(0, len(standing.left) - len(standing.running)),
    }
    longest = max((model.seconds for model in standing.running), default=0.0)
    yield _Metric("models", "gauge", "Models of the round by what has become of them.", states, "state")
    yield _Metric("failures", "gauge", "Models that ended with a fault, by its code.", standing.codes, "code")
    yield _Metric("cpu_seconds_total", "counter", "CPU time of the models that have ended.", {"": standing.cpu_s})
    yield _Metric("longest_running_seconds", "gauge", "For how long the model runs that runs longest.", {"": longest})
    rate, end, deadline = standing.per_minute, standing.estimated_s, standing.deadline_s
    yield _Metric("models_per_minute", "gauge", "Models that end in a minute.", _known(rate))
    yield _Metric("estimated_end_seconds", "gauge", "Time until no model is left, at this rate.", _known(end))
    yield _Metric("deadline_seconds", "gauge", "Time until the deadline; negative when it is over.", _known(deadline))
    yield _Metric("number", "gauge", "The number of the round.", _known(standing.schedule.number))


def _known(value: float | None) -> dict[str, float]:
    return {} if value is None else {"": value}


def _lines(metric: _Metric) -> Iterator[str]:
    name = f"{PREFIX}_{metric.name}"
    yield f"# HELP {name} {metric.help}"
    yield f"# TYPE {name} {metric.kind}"
    for label, value in sorted(metric.samples.items()):
        labels = f'{{{metric.label}="{_escaped(label)}"}}' if metric.label else ""
        yield f"{name}{labels} {value:.15g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
