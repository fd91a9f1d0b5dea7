"""What all tests share: seeded Hypothesis, the real data where they are, the longest test first."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "thorough",  # before a release: --hypothesis-profile thorough
    derandomize=True,  # the same examples in every run
    deadline=None,  # the first call compiles
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("compiled", settings.get_profile("thorough"), max_examples=60)
# For kernels that are not compiled. With the explicit examples of the tests, these reach every
# branch of the kernels that 100 reach.
settings.register_profile("interpreted", settings.get_profile("thorough"), max_examples=25)
if "PYTEST_XDIST_WORKER" in os.environ:  # as many processes as processors: one thread each
    os.environ.setdefault("COORDNET_THREADS", "1")
INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"
settings.load_profile("interpreted" if INTERPRETED else "compiled")


def pytest_collection_modifyitems(items):
    """Begin with the longest test, so that several processes end at about the same time."""
    items.sort(key=lambda item: item.path.name != "test_interpreted.py")


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
