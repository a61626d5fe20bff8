"""Models that turn on their own process while they are loaded: whatever comes of it, it is not the runtime's fault."""

import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd

from tests.harness import PredictTestCase, Run

RUNS_AT_A_TIME = 2
# What they do, by what it is.
DEEDS = {
    "no_memory": "import resource; resource.setrlimit(resource.RLIMIT_DATA, (0, 0))",
    "no_address_space": "import resource; resource.setrlimit(resource.RLIMIT_AS, (0, 0))",
    "no_files": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))",
    "no_stack": "import sys; sys.setrecursionlimit(70)",
    "no_descriptors": "import os; os.closerange(0, 1000)",
    "no_builtins": "import builtins; vars(builtins).clear()",
    "no_json": "import json; json.dumps = json.loads = None",
    "no_channel": (
        "import gc, socket\ngc.unfreeze()\nfor each in gc.get_objects():\n"
        "    if isinstance(each, socket.socket):\n        each.shutdown(socket.SHUT_RDWR)"
    ),
    "other_process_id": "import os; os.getpid = lambda: 1",
    "raising_audit_hook": "import sys; sys.addaudithook(lambda *_: 1 / 0)",
    "raising_trace": "import sys; sys.settrace(lambda *_: 1 / 0)",
    "raising_exception": (
        "class Odd(Exception):\n    def __getattribute__(self, name):\n        raise ValueError(name)\nraise Odd"
    ),
    "fault_of_the_runtime": (
        "import sys; faults = sys.modules['numerai_predict.faults']\n"
        "raise faults.Fault(faults.Code.UPLOAD_FAILED, 'not ours')"
    ),
    "alarms": (
        "import signal; signal.signal(signal.SIGALRM, lambda *_: 1 / 0)\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)"
    ),
}


class Deed:
    """Executes the code when it is unpickled."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (self.code,)


def model_of(code: str) -> Any:
    def predict(live_features: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"prediction": live_features.iloc[:, 1].rank(pct=True)})

    vars(predict)["deed"] = Deed(code)
    return predict


class HostileLoadingTest(unittest.TestCase):
    def test_model_that_turns_on_its_process_succeeds_or_fails_and_is_no_error(self) -> None:
        with ThreadPoolExecutor(RUNS_AT_A_TIME) as pool:
            for deed, run in zip(DEEDS, pool.map(self.run_of, DEEDS.values()), strict=True):
                with self.subTest(deed):
                    self.assertIn((run.status, run.report["status"]), {(0, "success"), (1, "failed")}, run.stderr)
                    self.assertEqual(run.status == 0, len(run.csvs) == 1)

    def run_of(self, code: str) -> Run:
        case = PredictTestCase()
        case.setUp()
        try:
            return case.predict(case.pickle(model_of(code)), "--time_limit", "20")
        finally:
            case.doCleanups()


if __name__ == "__main__":
    unittest.main()
