"""What all tests share: seeded Hypothesis, and the real data where they are."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "coordnet",
    derandomize=True,  # the same examples in every run
    deadline=None,  # the first call compiles
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("coordnet")

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _path(*parts):
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"the data are not here: {'/'.join(parts)}")
    return path


@pytest.fixture(scope="session")
def shared():
    """Return the path of a file of the real data, or skip the test where it is absent."""
    return _path
