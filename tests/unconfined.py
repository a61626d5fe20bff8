"""predict.py without the confinement, not even its imports: what `make bench` holds the cost of it against."""

import dataclasses
import gc
import sys
import types
from pathlib import Path
from typing import Any

gc.disable()  # As predict.py and the child's own program do.
CHILD = "--child"
sys.path[0] = str(Path(__file__).resolve().parent.parent)
stand_ins: dict[str, dict[str, Any]] = {
    "hide_parent": {"hide": lambda secrets: ""},
    "confine": {"confine": lambda terms, reaper: {}, "explain_network_errors": lambda attempts: None},
}
for name, functions in stand_ins.items():
    module = sys.modules[f"numerai_predict.sandbox.{name}"] = types.ModuleType(name)
    vars(module).update(functions)

if sys.argv[1] == CHILD:
    from numerai_predict.child.main import main

    del sys.argv[1]
    main()

from numerai_predict import cli  # noqa: E402
from numerai_predict.sandbox import ExecLauncher  # noqa: E402


def run() -> int:
    """What predict.main does, but that the model's process is this program too."""
    args = cli.parse_or_exit(None)
    with cli.session(args) as context:
        launcher = ExecLauncher([sys.executable, __file__, CHILD])
        return cli.conclude(args, cli.carry_out(args, dataclasses.replace(context, launcher=launcher)))


gc.enable()
cli.enter(run)
