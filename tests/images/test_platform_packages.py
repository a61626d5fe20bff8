"""Models that need the platform's packages, or a container with certain flags, in the image.

Needs nothing but Python and a Docker engine. The models have the container's network, and must not get at it.
"""

import unittest
from typing import ClassVar

from tests.images.engine import MOST_TESTED, VERSION
from tests.images.test_confinement import ModelRuns, add_tests
from tests.outcomes import PLATFORM, Delivered, Fault


class PlatformPackagesTest(ModelRuns):
    flags = ()
    models = tuple(PLATFORM)
    rows: ClassVar[dict[str, Fault | Delivered]] = PLATFORM


add_tests(PlatformPackagesTest)


def load_tests(loader: unittest.TestLoader, _tests: unittest.TestSuite, _pattern: str | None) -> unittest.TestSuite:
    """Nothing of the image but its packages and its container differs here: one version is enough."""
    return unittest.TestSuite([loader.loadTestsFromTestCase(PlatformPackagesTest)] if VERSION == MOST_TESTED else [])


if __name__ == "__main__":
    unittest.main()
