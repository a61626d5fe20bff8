"""The program of the model's process, and of the template that such processes are forked from in a round. It is
executed as a file, as nothing of ours may be on its `sys.path` later.
"""

import gc
import sys
from pathlib import Path

# What is imported stays, and the collector would go through all of it again and again (main.start_collecting).
gc.disable()

# This folder, which Python puts there for a program, would let a pickle find our modules as its own.
sys.path[0] = str(Path(__file__).resolve().parents[2])

if sys.argv[1] == "template":
    import json

    from numerai_predict.child.template import run_template

    run_template(**json.loads(sys.argv[2]))
else:
    from numerai_predict.child.main import main

    main()
