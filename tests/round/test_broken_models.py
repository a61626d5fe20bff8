"""Every broken model in one round, by one worker: what each row of outcomes.py promises of a run of its own."""

import re
import unittest
from collections.abc import Callable
from functools import cache

from tests.outcomes import ROWS as LIVE_ROWS
from tests.outcomes import Delivered, Fault, Warned
from tests.round.broken_models import ROWS, Ended, run_round

# A crash, or what hangs, is run once more, as it may be the fork's fault.
MOST_EXECUTED = 25


@cache
def ended() -> Ended:
    """The one round that all tests look at."""
    return run_round([*ROWS])


class RoundTest(unittest.TestCase):
    def test_worker_ends_well_and_every_model_has_an_outcome(self) -> None:
        self.assertEqual(0, ended().status, ended().log)
        self.assertEqual(set(ROWS), set(ended().outcomes))

    def test_nothing_is_left_of_the_models(self) -> None:
        self.assertEqual([], ended().left)

    def test_template_survives_all_of_them(self) -> None:
        self.assertNotIn("is started again", ended().log)

    def test_models_are_forked_unless_they_crash_or_hang(self) -> None:
        launches = {name: outcome["runtime"]["launch"] for name, outcome in ended().outcomes.items()}
        executed = {name: launch["reason"] for name, launch in launches.items() if launch["how"] != "fork"}
        self.assertLess(len(executed), MOST_EXECUTED)
        self.assertLessEqual(set(executed.values()), {"in a fork it crashed", "in a fork it hung"})


class OutcomesTest(unittest.TestCase):
    """A test for each row."""


def fails(name: str, row: Fault) -> Callable[[OutcomesTest], None]:
    def test(case: OutcomesTest) -> None:
        outcome = ended().outcomes[name]
        fault = outcome["fault"] or {}
        self_said = (outcome["status"], fault.get("code"))
        case.assertEqual((row.code.blame.status, row.code.label), self_said, fault)
        case.assertRegex(fault["message"], re.compile(row.says, re.DOTALL))
        case.assertRegex(fault["hint"], row.hint)
        case.assertNotIn(name, ended().csvs)

    return test


def delivers(name: str, row: Delivered | Warned) -> Callable[[OutcomesTest], None]:
    def test(case: OutcomesTest) -> None:
        outcome = ended().outcomes[name]
        case.assertEqual(("success", None), (outcome["status"], outcome["fault"]))
        warned = {warning["code"] for warning in outcome["predictions"]["warnings"]}
        if isinstance(row, Warned):
            case.assertIn(row.code.label, warned)
        else:
            case.assertIn(len(ended().csvs[name].splitlines()) - 1, (LIVE_ROWS, LIVE_ROWS + 1))

    return test


for _name, _row in ROWS.items():
    if isinstance(_row, Fault):
        setattr(OutcomesTest, f"test_{_name}_fails_with_{_row.code.label}", fails(_name, _row))
    else:
        setattr(OutcomesTest, f"test_{_name}_delivers_predictions", delivers(_name, _row))


if __name__ == "__main__":
    unittest.main()
