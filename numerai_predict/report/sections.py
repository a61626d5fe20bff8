"""The sections of the run report. A section grows with the run; its parts are known as a whole or not at all."""

import os
import platform
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from numerai_predict.child import Answer, PredictionStats, Problem, Shape
from numerai_predict.diagnosis import too_slow_for_one_cpu
from numerai_predict.faults import Fault
from numerai_predict.inspection import Difference, Findings, Module, PickleFacts
from numerai_predict.sandbox import PROMISES, Limits, Outcome


def git_ref() -> str:
    """The commit that the image was built from; empty outside an image."""
    return os.environ.get("GIT_REF", "")


@dataclass(frozen=True)
class FaultSection:
    """The failure that ended the run; `code` is the label of a faults.Code."""

    code: str
    message: str
    hint: str
    trace: str

    @classmethod
    def of(cls, fault: Fault) -> "FaultSection":
        """The section for this fault."""
        return cls(fault.code.label, fault.message, fault.hint, fault.trace)


@dataclass(frozen=True)
class BrokenPromise:
    """A promise about the model that does not hold on this machine, by its name in PROMISES, and why."""

    promise: str
    reason: str


@dataclass(frozen=True)
class ConfinementPart:
    """Which promises about the model hold on this machine, and which do not."""

    kept: list[str]
    broken: list[BrokenPromise]

    @classmethod
    def of(cls, outcome: Outcome, exposed: str) -> "ConfinementPart | None":
        """The part for this outcome, None if the model ended before it was confined; `exposed` says why the secrets
        of the runtime could not be hidden (empty: they are).
        """
        if outcome.broken is None:
            return None
        broken = {**outcome.broken, **({"secrets": exposed} if exposed else {})}
        return cls(
            kept=[promise for promise in PROMISES if promise not in broken],
            broken=[BrokenPromise(promise, reason) for promise, reason in broken.items()],
        )


@dataclass(frozen=True)
class LaunchPart:
    """How the model's process came to be in a round: `how` is "fork" (of a template) or "exec", with the reason."""

    how: str
    reason: str = ""


@dataclass
class RuntimeSection:
    """Which runtime this is, what it can promise about the model, and in a round how the model was started."""

    python: str
    git_ref: str
    platform: str
    confinement: ConfinementPart | None = None
    launch: LaunchPart | None = None

    @classmethod
    def of_this_process(cls) -> "RuntimeSection":
        """The section for the Python, image and machine that this process runs on."""
        return cls(platform.python_version(), git_ref(), _platform())

    def as_json(self) -> dict[str, Any]:
        """The section as plain data, without what is not known."""
        return _known(asdict(self))


def _platform() -> str:
    """platform.platform(terse=True), which on Linux starts a program (uname -p) whose answer it does not need."""
    if sys.platform != "linux":
        return platform.platform(terse=True)
    system, libc = os.uname(), "".join(platform.libc_ver())
    return "-".join([system.sysname, system.release, system.machine, *(["with", libc] if libc else [])])


@dataclass(frozen=True)
class FilePart:
    """What the model file is: its size, and the pickle's protocol and compression where they are known."""

    bytes: int
    protocol: int | None
    compression: str | None

    @classmethod
    def of(cls, facts: PickleFacts) -> "FilePart":
        """The part for a file that was looked at."""
        return cls(facts.bytes, facts.protocol, facts.compression)


@dataclass(frozen=True)
class CallablePart:
    """What the pickle holds: its kind ("function", "instance", …; empty: unknown), its name, and its parameters."""

    kind: str
    name: str
    signature: list[str] | None


@dataclass(frozen=True)
class InspectionPart:
    """What was found in the pickle, and what is to be expected of it: problems that end a run, warnings of what may."""

    python: list[str]
    writer: str
    modules: list[Module]
    differences: list[Difference]
    complete: bool
    cloudpickle: str | None
    protocol: int | None
    callable: CallablePart
    problems: list[Problem]
    warnings: list[str]

    @classmethod
    def of(cls, findings: Findings, problems: list[Fault]) -> "InspectionPart":
        """The part for these findings, of which `problems` are to be expected."""
        from numerai_predict.inspection import doubts

        is_cloudpickle = "cloudpickle " in findings.writer
        return cls(
            python=findings.python,
            writer=findings.writer,
            modules=findings.modules,
            differences=findings.differences,
            complete=findings.complete,
            cloudpickle=findings.writer.removeprefix("cloudpickle ") if is_cloudpickle else None,
            protocol=findings.protocol,
            callable=CallablePart(findings.kind, findings.name, findings.parameters),
            problems=[Problem(fault.code.label, fault.message, fault.hint) for fault in problems],
            warnings=doubts(findings),
        )


@dataclass
class ModelSection:
    """The model: where it is, what its file is, what was found in it, and how many DataFrames it takes."""

    path: str | None = None
    sha256: str | None = None
    file: FilePart | None = None
    inspection: InspectionPart | None = None
    parameters: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The section as plain data without `parameters`; what inspection found goes before what the file seemed."""
        return {
            **_known({"path": self.path}),
            **(asdict(self.file) if self.file else {}),
            **(asdict(self.inspection) if self.inspection else {}),
            **_known({"sha256": self.sha256}),
        }


@dataclass
class DataSection:
    """One data file: what was asked for, the local file, and its shape once the model's process has read it."""

    source: str
    path: str
    downloaded: bool
    shape: Shape | None = None

    @classmethod
    def of(cls, source: str, path: Path) -> "DataSection":
        """The section for a file that was asked for as `source` and lies at `path`."""
        return cls(source, str(path), downloaded=str(path) != source)

    def as_json(self) -> dict[str, Any]:
        """The section as plain data; rows and columns are beside the rest."""
        fields = asdict(self)
        return {**fields, **shape} if (shape := fields.pop("shape")) else fields


@dataclass(frozen=True)
class PredictionsSection:
    """What the checks said of the predictions, and their statistics if there are any."""

    stats: PredictionStats | None = None
    failures: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, answer: Answer | None) -> "PredictionsSection":
        """The section for a model that has ended, with an answer or without."""
        if answer is None:
            return cls()
        return cls(answer.predictions, answer.failures, answer.warnings, [*answer.notices, *answer.remarks])

    def as_json(self) -> dict[str, Any]:
        """The section as plain data; the statistics are beside the rest."""
        fields = asdict(self)
        return {**(fields.pop("stats") or {}), **fields}


@dataclass(frozen=True)
class LimitsPart:
    """What the model might use; None is no limit."""

    wall_s: float | None
    memory_bytes: int | None

    @classmethod
    def of(cls, limits: Limits) -> "LimitsPart":
        """The part for these limits."""
        return cls(limits.wall_s, limits.memory_bytes)


@dataclass(frozen=True)
class UsageSection:
    """What the model's process used, the seconds of each phase, and a warning if it was too slow for the platform."""

    wall_s: float
    cpu_s: float
    peak_memory_bytes: int
    limits: LimitsPart
    phases: dict[str, float]
    warning: str | None = None

    @classmethod
    def of(cls, outcome: Outcome) -> "UsageSection":
        """The section for this outcome."""
        return cls(
            wall_s=outcome.wall_s,
            cpu_s=outcome.cpu_s,
            peak_memory_bytes=outcome.peak_memory_bytes,
            limits=LimitsPart.of(outcome.limits),
            phases={**outcome.phases, "fetching": outcome.waited_s},
            warning=too_slow_for_one_cpu(outcome),
        )

    def as_json(self) -> dict[str, Any]:
        """The section as plain data, without a warning if there is none."""
        return _known(asdict(self))


@dataclass(frozen=True)
class SavedPart:
    """The file that holds the predictions."""

    path: str
    bytes: int


@dataclass
class DeliverySection:
    """Where the predictions have gone so far."""

    saved: SavedPart | None = None
    uploaded_to: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The section as plain data, without what has not been done."""
        return {**(asdict(self.saved) if self.saved else {}), **_known({"uploaded_to": self.uploaded_to})}


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
