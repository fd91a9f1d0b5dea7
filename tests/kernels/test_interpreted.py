"""The kernels interpreted: what compiles to the right numbers is right as Python, too.

Numba neither checks bounds nor raises where an integer overflows; Python does both.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
# The tests of the kernels, and of the counts, chances and scores that are made with them
PLACES = (
    "kernels", "blocks", "graphs/test_co_action.py", "graphs/test_co_timing.py",
    "inference/test_attainable.py", "inference/test_edge_tests.py", "inference/test_group_test.py",
    "inference/test_membership.py", "inference/test_pair_chances.py",
    "inference/test_staying_pairs.py", "scores",
    "graphs/test_weights.py", "recipes/test_against_naive.py", "robustness/test_suggestion.py",
)  # fmt: skip
CHOSEN = "kernels or oracle or any_log or example or bound or by_hand or exact or in_full or naive"


def test_interpreted_kernels_pass_the_same_tests():
    """With fewer examples of each: the profile "interpreted" of conftest.py."""
    ran = subprocess.run(
        [
            sys.executable, "-W", "ignore::RuntimeWarning", "-m", "pytest", "-vv",
            "-p", "no:cacheprovider", "-p", "no:xdist", "--ignore", __file__, *PLACES, "-k", CHOSEN,
        ],
        cwd=TESTS, env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-4_000:] + ran.stderr[-2_000:]
    passed = re.findall(r"^(?:tests/)?(\S+?)::.* PASSED", ran.stdout, re.MULTILINE)
    for place in PLACES:
        assert any(path.startswith(place) for path in passed), place
