"""An inspected model for a person: what it is, what it needs, and whether it can be expected to run."""

from collections.abc import Iterator
from typing import TextIO

from numerai_predict.inspection import THIS_PYTHON
from numerai_predict.report.run_report import RunReport
from numerai_predict.report.sections import CallablePart, InspectionPart, ModelSection
from numerai_predict.visible import visible

GOOD, BAD, DOUBT, NEUTRAL = range(4)
SIGNS = ("✓", "✗", "!", "")
WORDS = ("ok", "x", "?", "")
SHOWN_DIGITS = 12

Row = tuple[int, str, str]


def describe_inspection(report: RunReport, stream: TextIO) -> str:
    """The model of a report in aligned rows, with signs instead of words on a terminal that has them."""
    marks = SIGNS if stream.isatty() and _can_show(SIGNS, stream) else WORDS
    model = report.model
    inspection = model.inspection
    rows = [(NEUTRAL, "file", _file(model)), *(_inspection_rows(inspection) if inspection else ())]
    if report.fault and not (inspection and inspection.problems):
        rows.append((BAD, "problem", report.fault.message))
    width = max(len(label) for _, label, _ in rows)
    runs = "cannot" if any(mark == BAD for mark, _, _ in rows) else "can"
    lines = [f"{model.path or 'The model'}: {runs} be expected to run here, under Python {THIS_PYTHON}"]
    lines += [f"  {marks[mark]:<2} {label:<{width}}  {text}".rstrip() for mark, label, text in rows]
    return "\n".join(_visible(line, stream) for line in lines)


def _inspection_rows(found: InspectionPart) -> Iterator[Row]:
    codes = {problem.code for problem in found.problems}
    pythons = f", Python {' or '.join(found.python)}" if found.python else ", no code in it"
    yield BAD if "python_version_mismatch" in codes else GOOD, "written by", f"{found.writer}{pythons}"
    if kind := found.callable.kind:
        wrong = codes & {"not_callable", "wrong_signature"}
        yield BAD if wrong else GOOD, "model", f"{kind} {_signature(found.callable)}"
    present = [module for module in found.modules if module.status == "present"]
    if present:
        yield GOOD, "modules", ", ".join(f"{module.name} {module.version or ''}".rstrip() for module in present)
    for problem in found.problems:
        yield BAD, "problem", problem.message
        yield NEUTRAL, "", problem.hint
    for warning in found.warnings:
        yield DOUBT, "warning", warning


def _file(model: ModelSection) -> str:
    parts = []
    if file := model.file:
        protocol = model.inspection.protocol if model.inspection else file.protocol
        parts.append(f"{file.bytes:,} bytes")
        parts += [f"protocol {protocol}"] if protocol is not None else []
        parts += [f"compressed ({file.compression})"] if file.compression else []
    if model.sha256:
        parts.append(f"SHA-256 {model.sha256[:SHOWN_DIGITS]}…")
    return ", ".join(parts)


def _signature(model: CallablePart) -> str:
    return model.name if model.signature is None else f"{model.name}({', '.join(model.signature)})"


def _can_show(texts: tuple[str, ...], stream: TextIO) -> bool:
    try:
        "".join(texts).encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _visible(line: str, stream: TextIO) -> str:
    encoding = stream.encoding or "ascii"
    return visible(line).encode(encoding, "backslashreplace").decode(encoding)
