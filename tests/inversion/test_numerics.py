"""Results change only together with the number of their numerics."""

import json

import pytest

from ganinv.numerics import NUMERICS
from helpers.numerics import KEPT, SEARCHES, machine, run_all

ADVICE = "results changed: raise NUMERICS, and record tests/data/numerics.json anew"
LAST_BITS = 2e-3  # what other instructions may do to a metric in six steps


@pytest.fixture(scope="module")
def kept():
    return json.loads(KEPT.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def now():
    return run_all()


def test_the_kept_searches_are_of_this_generation(kept):
    assert kept["numerics"] == NUMERICS, "record tests/data/numerics.json anew"
    assert kept["searches"].keys() == SEARCHES.keys()


@pytest.mark.parametrize("name", SEARCHES)
def test_a_tiny_search_comes_out_as_it_did(kept, now, name):
    """To the bit on a machine like the one that kept it, nearly so on any other."""
    if machine() == kept["machine"]:
        assert now[name] == kept["searches"][name], ADVICE
    for part in ("losses", "metrics"):
        assert now[name][part] == pytest.approx(kept["searches"][name][part], rel=LAST_BITS), ADVICE
