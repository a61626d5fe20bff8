"""predict.py without the confinement, not even its imports: what `make bench` holds the cost of it against."""

import sys
import types
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
stand_ins: dict[str, dict[str, Any]] = {
    "secrecy": {"hide": lambda secrets: ""},
    "confinement": {"confine": lambda terms: {}, "explain_network_errors": lambda hosts: None},
}
for name, functions in stand_ins.items():
    module = sys.modules[f"numerai_predict.{name}"] = types.ModuleType(name)
    vars(module).update(functions)

import numerai_predict  # noqa: E402

vars(numerai_predict).update({name: sys.modules[f"numerai_predict.{name}"] for name in stand_ins})

# Compiled anew each time, as a program is, and with this file in its place, so that the child is this program too.
program = (ROOT / "predict.py").read_text()
exec(compile(program, ROOT / "predict.py", "exec"), {"__name__": "__main__", "__file__": __file__})
