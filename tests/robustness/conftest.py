"""The log that the tests of this folder run on again and again."""

import pytest
from helpers import log_of, ring_rows


@pytest.fixture(scope="session")
def ring():
    return log_of(ring_rows())
