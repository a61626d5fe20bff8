"""What a person reads of a pickle that was looked into: what it is, what it needs, and what will come of it."""

from collections.abc import Iterator
from typing import Any, TextIO

from numerai_predict.inspection import THIS_PYTHON, printable
from numerai_predict.report.run_report import RunReport

GOOD, BAD, DOUBT, NEUTRAL = range(4)
SIGNS = ("✓", "✗", "!", "")
WORDS = ("ok", "x", "?", "")
SHOWN_DIGITS = 12

Row = tuple[int, str, str]


def describe_inspection(report: RunReport, stream: TextIO) -> str:
    """The model of a report in aligned rows, with signs instead of words where `stream` is a terminal that has them."""
    marks = SIGNS if stream.isatty() and _can_show(SIGNS, stream) else WORDS
    model = report.model
    rows = list(_rows(model))
    if report.fault and not model.get("problems"):
        rows.append((BAD, "problem", report.fault["message"]))
    width = max(len(label) for _, label, _ in rows)
    runs = "cannot" if any(mark == BAD for mark, _, _ in rows) else "can"
    lines = [f"{model.get('path', 'The model')}: {runs} be expected to run here, under Python {THIS_PYTHON}"]
    lines += [f"  {marks[mark]:<2} {label:<{width}}  {text}".rstrip() for mark, label, text in rows]
    return "\n".join(_visible(line, stream) for line in lines)


def _rows(model: dict[str, Any]) -> Iterator[Row]:
    yield NEUTRAL, "file", _file(model)
    if "writer" not in model:
        return
    codes = {problem["code"] for problem in model["problems"]}
    pythons = f", Python {' or '.join(model['python'])}" if model["python"] else ", no code in it"
    yield BAD if "python_version_mismatch" in codes else GOOD, "written by", f"{model['writer']}{pythons}"
    if kind := model["callable"]["kind"]:
        wrong = codes & {"not_callable", "wrong_signature"}
        yield BAD if wrong else GOOD, "model", f"{kind} {_signature(model['callable'])}"
    present = [module for module in model["modules"] if module["status"] == "present"]
    if present:
        yield GOOD, "modules", ", ".join(f"{module['name']} {module['version'] or ''}".rstrip() for module in present)
    for problem in model["problems"]:
        yield BAD, "problem", problem["message"]
        yield NEUTRAL, "", problem["hint"]
    for warning in model["warnings"]:
        yield DOUBT, "warning", warning


def _file(model: dict[str, Any]) -> str:
    parts = [f"{model['bytes']:,} bytes"] if "bytes" in model else []
    if model.get("protocol") is not None:
        parts.append(f"protocol {model['protocol']}")
    if model.get("compression"):
        parts.append(f"compressed ({model['compression']})")
    if digest := model.get("sha256"):
        parts.append(f"SHA-256 {digest[:SHOWN_DIGITS]}…")
    return ", ".join(parts)


def _signature(model: dict[str, Any]) -> str:
    parameters = model["signature"]
    return str(model["name"]) if parameters is None else f"{model['name']}({', '.join(parameters)})"


def _can_show(texts: tuple[str, ...], stream: TextIO) -> bool:
    try:
        "".join(texts).encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _visible(line: str, stream: TextIO) -> str:
    encoding = stream.encoding or "ascii"
    return printable(line).encode(encoding, "backslashreplace").decode(encoding)
