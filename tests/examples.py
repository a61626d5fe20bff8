"""How many examples a property test is given, which are the same everywhere: what passes here does not fail there."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis.configuration import set_hypothesis_home_dir

# It keeps what it has read of our sources, and this folder may not be written to.
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")


def examples(count: int) -> settings:
    """The settings of a test of so many examples, none of which is timed or kept."""
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
