"""The program of the model's process. It is executed as a file, as nothing of ours may be on its `sys.path` later."""

import gc
import sys
from pathlib import Path

# What is imported stays, and the collector would go through all of it again and again (main.start_collecting).
gc.disable()

# This folder, which Python puts there for a program, would let a pickle find our modules as its own.
sys.path[0] = str(Path(__file__).resolve().parents[2])

from numerai_predict.child.main import main  # noqa: E402

main()
