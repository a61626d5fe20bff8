"""What must hold of every simulated round, whatever it costs."""

import logging
import unittest

from hypothesis import given
from hypothesis import strategies as st

from numerai_predict.round.manifest import Row
from tests.examples import examples
from tests.round.simulation import (
    CONTAINERS,
    IMPORTS_S,
    MIX,
    NATIVE,
    RESTART_S,
    WARM,
    WARM_S3,
    Ended,
    Model,
    Rules,
    Simulation,
    Way,
    mix_with,
    models_of,
)

FREE = Way(ready_s=0, adds_s=0)
ALL = Rules()
SEEDS = range(4)


def models_that_take(*seconds: float) -> list[Model]:
    """Models that took the same in the last round."""
    return [Model(Row(f"m{number}", "model.pkl", cpu_s=taken), taken) for number, taken in enumerate(seconds)]


def mean_end(rules: Rules, workers: int = 8) -> float:
    """Seconds until the last outcome, in the mean of some small rounds."""
    ends = [Simulation(models_of(MIX, 300, seed), workers, WARM, rules, seed).run().last_s for seed in SEEDS]
    return sum(ends) / len(ends)


class SimulationTest(unittest.TestCase):
    def setUp(self) -> None:
        # Workers that end are the subject here, and no news.
        logger = logging.getLogger("numerai_predict.round")
        before = logger.level
        logger.setLevel(logging.ERROR)
        self.addCleanup(logger.setLevel, before)

    def run_all(self, models: list[Model], workers: int, way: Way, rules: Rules = ALL, seed: int = 0) -> Ended:
        """Run the round; every model must have its outcome."""
        ended = Simulation(models, workers, way, rules, seed).run()
        self.assertEqual({model.row.id for model in models}, ended.outcomes)
        return ended

    def test_one_core_takes_all_that_the_models_take(self) -> None:
        models = models_that_take(1, 2, 600)
        self.assertAlmostEqual(WARM.ready_s + 603 + 3 * WARM.adds_s, self.run_all(models, 1, WARM).last_s)

    def test_a_library_is_imported_by_each_model_or_once_by_each_worker(self) -> None:
        models = [Model(Row(name, "model.pkl"), 1, "torch") for name in "abcdefgh"]
        for way, times in ((CONTAINERS, 8), (WARM, 2)):
            with self.subTest(way=way):
                expected = 8 * (1 + way.adds_s) + times * IMPORTS_S["torch"]
                self.assertAlmostEqual(expected, self.run_all(models, 2, way).worked_s)

    @given(seed=st.integers(0, 1000), workers=st.integers(1, 12), life_s=st.sampled_from([100.0, 400.0, float("inf")]))
    @examples(15)
    def test_work_is_what_the_models_take_whoever_runs_them_and_dies(
        self, seed: int, workers: int, life_s: float
    ) -> None:
        models = models_of(mix_with(0.01), 100, seed)
        for rules in (Rules(life_s=life_s), Rules(stealing=False, longest_first=False, life_s=life_s)):
            ended = self.run_all(models, workers, NATIVE, rules, seed)
            imports = sum(IMPORTS_S[model.library] for model in models if model.library)
            own = sum(model.own_s + NATIVE.adds_s for model in models if model.row.id not in ended.given_up)
            given_up = [model for model in models if model.row.id in ended.given_up and model.library]
            imports -= sum(IMPORTS_S[model.library] for model in given_up if model.library)
            self.assertAlmostEqual(own + imports, ended.worked_s - ended.for_nothing_s)

    @given(seconds=st.lists(st.floats(0.1, 600), min_size=1, max_size=40), workers=st.integers(1, 8))
    @examples(40)
    def test_one_more_core_makes_no_round_longer_than_by_its_longest_model(
        self, seconds: list[float], workers: int
    ) -> None:
        models = models_that_take(*seconds)
        few, more = (self.run_all(models, count, FREE).last_s for count in (workers, workers + 1))
        self.assertLessEqual(more, few + max(seconds))

    @given(seconds=st.lists(st.floats(0.1, 600), min_size=1, max_size=40), workers=st.integers(1, 8))
    @examples(40)
    def test_round_ends_at_most_a_model_after_its_work_is_spread_evenly(
        self, seconds: list[float], workers: int
    ) -> None:
        last_s = self.run_all(models_that_take(*seconds), workers, FREE).last_s
        self.assertGreaterEqual(last_s, max(*seconds, sum(seconds) / workers) - 1e-6)
        self.assertLessEqual(last_s, sum(seconds) / workers + max(seconds) + 1e-6)

    def test_longest_first_and_stealing_are_no_slower_in_the_mean(self) -> None:
        best = mean_end(ALL)
        self.assertLess(best, mean_end(Rules(longest_first=False)))
        self.assertLess(best, mean_end(Rules(stealing=False)))

    def test_deaths_cost_time_and_no_outcome(self) -> None:
        models = models_of(MIX, 500, 0)
        calm, deadly = (self.run_all(models, 4, WARM, Rules(life_s=life_s)) for life_s in (float("inf"), 300))
        self.assertEqual((0, 0), (calm.deaths, calm.for_nothing_s))
        self.assertGreater(deadly.deaths, 1)
        self.assertGreater(deadly.for_nothing_s, 0)
        self.assertGreater(deadly.last_s, calm.last_s)

    def test_model_that_outlives_two_workers_is_given_up_and_the_others_are_not(self) -> None:
        models = models_that_take(100_000, *[1.0] * 20)
        ended = self.run_all(models, 3, WARM, Rules(life_s=600))
        self.assertEqual({"m0"}, ended.given_up)
        self.assertLess(ended.for_nothing_s, 5 * 600)

    def test_model_of_a_dead_worker_waits_for_its_next_life_or_for_the_lease(self) -> None:
        # The only worker finds its own claim at once; it starts again when it has died, and has to become ready.
        ended = self.run_all(models_that_take(1000), 1, WARM, Rules(life_s=1500), seed=3)
        self.assertEqual(1, ended.deaths)
        self.assertAlmostEqual(ended.for_nothing_s + 2 * WARM.ready_s + RESTART_S + 1000 + WARM.adds_s, ended.last_s)

    def test_requests_to_the_store_take_the_time_of_workers(self) -> None:
        models = models_that_take(*[0.1] * 50)
        folder, s3 = (self.run_all(models, 1, way).last_s for way in (WARM, WARM_S3))
        self.assertGreater(s3 - folder, 50 * 7 * 0.99 * WARM_S3.request_s)
        self.assertLess(s3 - folder, 50 * 9 * WARM_S3.request_s)


class MixTest(unittest.TestCase):
    def test_shares_make_a_whole(self) -> None:
        for share in (0, 0.002, 0.01):
            self.assertAlmostEqual(1, sum(share for share, _, _ in mix_with(share)))

    def test_round_has_as_many_models_of_a_kind_as_the_mix_says(self) -> None:
        models = models_of(mix_with(0.01), 1000, 0)
        self.assertEqual(1000, len(models))
        self.assertEqual([600, 20, 10], [sum(model.own_s == seconds for model in models) for seconds in (0.1, 60, 600)])
        self.assertEqual([20, 20], [sum(model.library == name for model in models) for name in IMPORTS_S])

    def test_same_seed_makes_the_same_round(self) -> None:
        self.assertEqual(models_of(MIX, 100, 1), models_of(MIX, 100, 1))
        self.assertNotEqual(models_of(MIX, 100, 1), models_of(MIX, 100, 2))


if __name__ == "__main__":
    unittest.main()
