"""How a round stands, for a terminal."""

from numerai_predict.tournament.results import ModelResult, RoundResults
from numerai_predict.visible import visible


def results_text(results: RoundResults) -> str:
    """A line for the round, and one for each model: how it stands, what it took, why it failed or where its CSV is."""
    times = f"{results.opening:%Y-%m-%d %H:%M} to {results.deadline:%Y-%m-%d %H:%M} UTC"
    width = max((len(model.name) for model in results.models), default=0)
    lines = [f"Round {results.number}, {times}", *(_line(model, width) for model in results.models)]
    return "\n".join(map(visible, lines))


def _line(model: ModelResult, width: int) -> str:
    parts = [f"  {model.name:{width}}  {model.state.label:8}"]
    if model.wall_s is not None:
        parts.append(f"{model.wall_s:6.1f} s")
    if model.peak_memory_bytes is not None:
        parts.append(f"{model.peak_memory_bytes / (1 << 20):7,.0f} MiB")
    if model.submitted is not None:
        parts.append(f"read back at {model.submitted:%H:%M} UTC")
    if model.predictions is not None:
        parts.append(str(model.predictions))
    why = f"{model.code}: {model.message}" if model.code else model.message
    return "  ".join([*parts, *([why] if why else []), *([model.hint] if model.hint else [])]).rstrip()
