"""Whatever a model says for its process ends in status 0 or 1, with a report, and is cheap; `make fuzz` tries more."""

import unittest

from hypothesis import HealthCheck, Phase, given, settings

from tests.answer_fuzz import LARGE, Words, conversations, play, rest

# The same examples everywhere: what passes here does not fail there.
few = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


class AnswerTest(unittest.TestCase):
    def test_honest_conversation_is_a_success(self) -> None:
        played = play(rest())
        self.assertEqual(("success", []), (played.code, played.wrong))

    @few
    @given(conversations())
    def test_changed_conversation_is_no_fault_of_ours(self, said: list[Words]) -> None:
        self.assertEqual([], play(said).wrong)

    def test_largest_answers_take_little_memory_and_seconds(self) -> None:
        for name in ("good rows", "empty fields", "an answer of small things"):
            with self.subTest(name):
                played = play(LARGE[name])
                self.assertEqual(("bad_handover", []), (played.code, played.wrong))
                self.assertLess(played.cpu_s, 5)


if __name__ == "__main__":
    unittest.main()
