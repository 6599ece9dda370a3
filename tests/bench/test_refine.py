"""The benchmark of the refinement's step: what is measured, and what is reported."""

import json

import pytest

from ganinv.bench.refine import bench_refine
from ganinv.errors import ParamsError
from helpers.processes import call_here


def test_a_refinement_is_measured_beside_the_search(tmp_path):
    out, said = tmp_path / "refine.json", []
    result = bench_refine(
        resolutions=(8, 16),
        steps=3,
        resolution=32,
        compiled="off",
        out=out,
        say=said.append,
        isolate=call_here,
    )
    assert json.loads(out.read_text()) == result
    search, *refined = result["rows"]
    assert (search["seconds_share"], search["memory_share"]) == (1, 1)
    assert [row["stage"] for row in refined] == [
        "config-f, features at 8",
        "config-f, features at 16",
    ]
    for row in result["rows"]:
        assert len(row["all_seconds"]) == 3 and row["seconds"] > 0 and row["peak_mb"] > 0
        assert row["seconds_share"] == row["seconds"] / search["seconds"]
        assert (row["resolution"], row["compile"]) == (32, "off")
    assert len(said) == 6


def test_a_resolution_that_the_generator_lacks_is_refused_before_anything_is_timed():
    def isolate(*call):
        raise AssertionError("timed")

    with pytest.raises(ParamsError, match="no features at 64 pixels; set it to one of 4, 8, 16"):
        bench_refine(resolutions=(8, 64), resolution=32, say=str, isolate=isolate)
