"""What a model meets in its process when it is loaded and called: the platform's interpreter, and little of ours."""

import ast
import gc
import subprocess
import sys
from typing import Any

import pandas as pd

from tests.harness import LIVE, PredictTestCase, Run

# What the runtime imports of the standard library besides what reading the live data needs.
OURS = {"concurrent", "faulthandler", "resource", "shlex"}
# For the other process.
ROOMS_OF_THE_RUNTIME = ("cli", "diagnosis", "report", "runner", "transfer")
STATE_OF_THE_COLLECTOR = "gc.isenabled(), gc.get_threshold(), gc.get_debug()"


class Deed:
    """Executes the code when it is unpickled."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (self.code,)


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    print(f"CALLED {gc.isenabled(), gc.get_threshold(), gc.get_debug()}")
    return pd.DataFrame({"prediction": live_features.iloc[:, 1].rank(pct=True)})


class InterpreterTest(PredictTestCase):
    def run_with(self, deed: str) -> Run:
        """A model that does it while it is loaded, and prints the state of the collector when it is called."""
        self.addCleanup(vars(predict).pop, "deed")
        vars(predict)["deed"] = Deed(deed)
        run = self.predict(self.pickle(predict))
        self.assertEqual(0, run.status, run.stderr)
        return run

    def printed(self, run: Run, sign: str) -> Any:
        lines = [line for line in (run.stdout + run.stderr).splitlines() if sign in line]
        self.assertEqual(1, len(lines), run.stderr)
        return ast.literal_eval(lines[0].partition(sign)[2].strip())

    def state_elsewhere(self) -> Any:
        """That of the collector in an interpreter that nobody has changed."""
        done = subprocess.run(
            [sys.executable, "-c", f"import gc; print(({STATE_OF_THE_COLLECTOR}))"], capture_output=True, check=True
        )
        return ast.literal_eval(done.stdout.decode())

    def test_collector_is_as_in_any_interpreter_when_the_model_is_loaded_and_when_it_is_called(self) -> None:
        run = self.run_with(f"import gc; print(f'LOADED {{({STATE_OF_THE_COLLECTOR})}}')")
        self.assertEqual(self.state_elsewhere(), self.printed(run, "LOADED"))
        self.assertEqual(self.state_elsewhere(), self.printed(run, "CALLED"))

    def test_collector_that_the_model_has_turned_off_or_set_stays_so(self) -> None:
        run = self.run_with("import gc; gc.disable(); gc.set_threshold(5000, 20, 30)")
        self.assertEqual((False, (5000, 20, 30), 0), self.printed(run, "CALLED"))

    def test_nothing_that_we_import_is_gone_through_by_the_collector(self) -> None:
        run = self.run_with(
            "import gc; print('ROUNDS (%d, %d)' % (gc.get_stats()[2]['collections'], gc.get_freeze_count()))"
        )
        full_rounds, passed_over = self.printed(run, "ROUNDS")
        self.assertEqual(0, full_rounds)
        self.assertGreater(passed_over, 10_000)

    def test_garbage_that_loading_makes_is_collected(self) -> None:
        deed = (
            "class Knot: pass\n"
            "left = []\n"
            "for _ in range(10_000):\n"
            "    knot = Knot(); knot.itself = knot; left.append(__import__('weakref').ref(knot))\n"
            "print('LEFT %d' % sum(knot() is not None for knot in left))"
        )
        self.assertLess(self.printed(self.run_with(deed), "LEFT"), 5_000)

    def test_what_is_imported_before_the_model_is_what_reading_the_data_needs_and_little_more(self) -> None:
        reading = f"import sys, pandas, pyarrow.parquet; pandas.read_parquet({str(LIVE)!r}); print(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", reading], capture_output=True, text=True, check=True)
        needed = {name.partition(".")[0] for name in done.stdout.split()}
        rooms = {f"numerai_predict.{room}" for room in ROOMS_OF_THE_RUNTIME}
        deed = (
            "import sys\n"
            f"besides = {{name.partition('.')[0] for name in sys.modules}} - {needed}\n"
            "besides = sorted(name for name in besides if not name.startswith('_'))\n"
            f"besides += sorted({rooms} & set(sys.modules))\n"
            "print(f'IMPORTED {besides}')"
        )
        imported = self.printed(self.run_with(deed), "IMPORTED")
        self.assertIn("numerai_predict", imported)
        self.assertEqual(set(), set(imported) - OURS - {"numerai_predict"})
