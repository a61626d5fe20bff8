"""The run report: everything that is known of a run, as JSON with fixed fields."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from numerai_predict.faults import Fault

SCHEMA = 1


@dataclass
class RunReport:
    """What is known of a run so far; fields that the run did not reach stay empty."""

    schema: int = SCHEMA
    status: str = "success"
    fault: dict[str, str] | None = None
    runtime: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    predictions: dict[str, Any] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    delivery: dict[str, Any] = field(default_factory=dict)

    def note_fault(self, fault: Fault) -> None:
        """Make the run one that ended with `fault`."""
        self.status = fault.code.blame.status
        self.fault = {
            "code": fault.code.label,
            "message": fault.message,
            "hint": fault.hint,
            "trace": fault.trace,
        }

    def write(self, path: Path) -> None:
        """Write the whole report, or nothing: a reader never sees half of it. Raises OSError."""
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n"
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8", errors="backslashreplace")  # A device or a pipe: /dev/stderr.
            return
        path = path.resolve()
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
