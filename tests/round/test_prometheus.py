"""What Prometheus reads of a round, read with Prometheus' own parser."""

import math
import re
import unittest

from prometheus_client.parser import text_string_to_metric_families

from numerai_predict.round.prometheus import exposition
from numerai_predict.round.standing import ModelEnd, RunningModel
from tests.round.test_progress import ENDS, standing

# The kinds of a sample by its name and labels.
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: str) -> Samples:
    families = list(text_string_to_metric_families(text))
    return {(s.name, tuple(s.labels.items())): s.value for family in families for s in family.samples}


class ExpositionTest(unittest.TestCase):
    def test_states_failures_and_times_are_samples(self) -> None:
        running = (RunningModel("left0", "w", 75.0), RunningModel("left1", "w", 5.0))
        found = samples(exposition(standing(*ENDS, left=6, running=running, per_minute=12.0, deadline_s=-2.5)))
        states = {"delivered": 2, "failed": 3, "error": 1, "running": 2, "left": 4}
        for state, count in states.items():
            self.assertEqual(count, found["numerai_round_models", (("state", state),)], state)
        for code, count in {"nan_predictions": 2, "model_raised": 1, "model_not_found": 1}.items():
            self.assertEqual(count, found["numerai_round_failures", (("code", code),)], code)
        for name, value in {
            "cpu_seconds_total": 73,
            "longest_running_seconds": 75,
            "models_per_minute": 12,
            "estimated_end_seconds": 30,
            "deadline_seconds": -2.5,
        }.items():
            self.assertEqual(value, found[f"numerai_round_{name}", ()], name)

    def test_what_is_not_known_has_no_sample(self) -> None:
        names = set(re.findall(r"^# TYPE (\w+)", exposition(standing(left=1)), re.MULTILINE))
        known = {"models", "cpu_seconds_total", "longest_running_seconds"}
        self.assertEqual({f"numerai_round_{name}" for name in known}, names)

    def test_every_metric_has_a_help_and_a_kind(self) -> None:
        for family in text_string_to_metric_families(exposition(standing(*ENDS))):
            with self.subTest(family.name):
                self.assertTrue(family.documentation.endswith("."))
                self.assertEqual("counter" if family.name.endswith("cpu_seconds") else "gauge", family.type)

    def test_label_of_any_text_is_escaped(self) -> None:
        code = 'a"b\\c\nd'
        found = samples(exposition(standing(ModelEnd("m", "failed", code))))
        self.assertEqual(1, found["numerai_round_failures", (("code", code),)])

    def test_numbers_are_finite(self) -> None:
        self.assertTrue(all(map(math.isfinite, samples(exposition(standing(*ENDS, left=3))).values())))


if __name__ == "__main__":
    unittest.main()
