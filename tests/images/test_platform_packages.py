"""Models that need the platform's packages, or a container with certain flags, in the image.

Needs nothing but Python and a Docker engine. The models have the container's network, and must not get at it.
"""

import json
import re
import unittest
from typing import ClassVar

from tests.images.engine import MOST_TESTED, TESTS, VERSION
from tests.images.test_confinement import ModelRuns, add_tests
from tests.outcomes import PLATFORM, Delivered, Fault


class PlatformPackagesTest(ModelRuns):
    flags = ()
    models = tuple(PLATFORM)
    rows: ClassVar[dict[str, Fault | Delivered]] = PLATFORM

    def test_examples_of_the_page_are_what_runs_say(self) -> None:
        for example in json.loads((TESTS / "fault_examples.json").read_text()).values():
            if example["of"] in PLATFORM:
                fault = self.results[example["of"]].result().report["fault"]
                said = {name: fault[name] for name in ("code", "message", "hint")}
                self.assertEqual(without_numbers(example), without_numbers({"of": example["of"], **said}))


def without_numbers(said: dict[str, str]) -> dict[str, str]:
    """The texts without what may differ from run to run."""
    return {name: re.sub(r"\d[\d.,]*", "#", text) for name, text in said.items()}


add_tests(PlatformPackagesTest)


def load_tests(loader: unittest.TestLoader, _tests: unittest.TestSuite, _pattern: str | None) -> unittest.TestSuite:
    """Nothing of the image but its packages and its container differs here: one version is enough."""
    return unittest.TestSuite([loader.loadTestsFromTestCase(PlatformPackagesTest)] if VERSION == MOST_TESTED else [])


if __name__ == "__main__":
    unittest.main()
