"""The run report and what a person reads of it."""

from typing import TYPE_CHECKING

from numerai_predict.on_demand import on_demand

if TYPE_CHECKING:
    from numerai_predict.report.inspection_text import describe_inspection
    from numerai_predict.report.reproduction import folders_around, image_name, reproduce_command
    from numerai_predict.report.run_report import RunReport, schema
    from numerai_predict.report.sections import (
        ConfinementPart,
        DataSection,
        DeliverySection,
        FaultSection,
        FilePart,
        InspectionPart,
        LaunchPart,
        ModelSection,
        PredictionsSection,
        RuntimeSection,
        SavedPart,
        UsageSection,
    )
    from numerai_predict.report.summary import explain, summarize

__all__ = [
    "ConfinementPart",
    "DataSection",
    "DeliverySection",
    "FaultSection",
    "FilePart",
    "InspectionPart",
    "LaunchPart",
    "ModelSection",
    "PredictionsSection",
    "RunReport",
    "RuntimeSection",
    "SavedPart",
    "UsageSection",
    "describe_inspection",
    "explain",
    "folders_around",
    "image_name",
    "reproduce_command",
    "schema",
    "summarize",
]

__getattr__ = on_demand(
    __name__,
    {
        "inspection_text": "describe_inspection",
        "reproduction": "folders_around image_name reproduce_command",
        "run_report": "RunReport schema",
        "sections": (
            "ConfinementPart DataSection DeliverySection FaultSection FilePart InspectionPart LaunchPart ModelSection "
            "PredictionsSection RuntimeSection SavedPart UsageSection"
        ),
        "summary": "explain summarize",
    },
)
