"""The run report: everything that is known of a run, as JSON with fixed fields (run_report.schema.json)."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from numerai_predict.child import Answer
from numerai_predict.faults import Code, Fault
from numerai_predict.files import write_through, write_whole
from numerai_predict.report.sections import (
    DataSection,
    DeliverySection,
    FaultSection,
    ModelSection,
    PredictionsSection,
    RuntimeSection,
    UsageSection,
)

SCHEMA = 1


@dataclass
class RunReport:
    """What is known of a run so far. `data` is by the names that the model's process asks for; `predictions` and
    `usage` are None until the model has ended.
    """

    schema: int = SCHEMA
    status: str = "success"
    fault: FaultSection | None = None
    runtime: RuntimeSection = field(default_factory=RuntimeSection.of_this_process)
    model: ModelSection = field(default_factory=ModelSection)
    data: dict[str, DataSection] = field(default_factory=dict)
    predictions: PredictionsSection | None = None
    usage: UsageSection | None = None
    delivery: DeliverySection = field(default_factory=DeliverySection)

    def note_fault(self, fault: Fault) -> None:
        """Make the run one that ended with `fault`."""
        self.status = fault.code.blame.status
        self.fault = FaultSection.of(fault)

    @property
    def exit_status(self) -> int:
        """What the process that ran the model exits with."""
        return Code[self.fault.code.upper()].blame.exit_status if self.fault else 0

    def note_answer(self, answer: Answer | None) -> None:
        """Take in what a model that has ended answered; None if it did not."""
        self.predictions = PredictionsSection.of(answer)
        if answer is None:
            return
        self.model.parameters = answer.parameters
        for name, shape in answer.data.items():
            if name in self.data:  # The model can claim to have read what it was never given.
                self.data[name].shape = shape

    def as_json(self) -> dict[str, Any]:
        """The report as plain data; what is not known is left out of its section."""
        model = self.model.as_json()
        if self.predictions is not None:  # What the model takes is known then, or never will be.
            model["parameters"] = self.model.parameters
        return {
            "schema": self.schema,
            "status": self.status,
            "fault": asdict(self.fault) if self.fault else None,
            "runtime": self.runtime.as_json(),
            "model": model,
            "data": {name: section.as_json() for name, section in self.data.items()},
            "predictions": self.predictions.as_json() if self.predictions else {},
            "usage": self.usage.as_json() if self.usage else {},
            "delivery": self.delivery.as_json(),
        }

    def write(self, path: Path) -> None:
        """Write the whole report, or nothing: a reader never sees half of it. Raises OSError."""
        content = json.dumps(self.as_json(), indent=2, allow_nan=False).encode() + b"\n"  # ASCII: safe on a terminal.
        if path.exists() and not path.is_file():
            write_through(content, path)  # A device or a pipe: /dev/stderr.
        else:
            write_whole(content, path.resolve())


def schema() -> dict[str, Any]:
    """The JSON Schema that every report is valid under."""
    found: dict[str, Any] = json.loads(Path(__file__).with_name("run_report.schema.json").read_bytes())
    return found
