"""predict.py without the confinement, not even its imports: what `make bench` holds the cost of it against."""

import sys
import types
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
stand_ins: dict[str, dict[str, Any]] = {
    "secrecy": {"hide": lambda secrets: ""},
    "confinement": {"confine": lambda terms: {}, "explain_network_errors": lambda hosts: None},
}
for name, functions in stand_ins.items():
    module = sys.modules[f"numerai_predict.{name}"] = types.ModuleType(name)
    vars(module).update(functions)

import numerai_predict  # noqa: E402

vars(numerai_predict).update({name: sys.modules[f"numerai_predict.{name}"] for name in stand_ins})

import predict  # noqa: E402

predict.__file__ = __file__  # So that the child is this program too.
if sys.argv[1:] == [predict.CHILD_MODE]:
    predict.run_model()
predict.leave(predict.main(predict.parse_args()))
