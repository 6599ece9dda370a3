"""Verdicts on codes of two runs, image by image."""

import pytest

from ganinv.analysis.codes import Study


def study(naive, indomain):
    """The distances to W of two runs' codes."""
    runs = {"Naive": naive, "In-domain": indomain}
    return Study([dict(experiment=n, distance=x) for n, xs in runs.items() for x in xs], [])


@pytest.mark.parametrize(
    ("naive", "indomain", "word", "held"),
    [
        ([3.0, 3.1, 3.2], [1.0, 1.0, 1.2], "confirmed", 3),
        ([1.0, 1.0, 1.2], [3.0, 3.1, 3.2], "refuted", 0),
        ([3.0, 3.1, 3.2], [1.0, 3.2, 3.1], "not decided", 2),
        ([3.0, 3.1], [1.0, 1.0], "not decided", 2),
    ],
)
def test_the_second_run_is_judged_to_lie_below_the_first(naive, indomain, word, held):
    verdict = study(naive, indomain).verdict("distance", "nearer")
    assert (verdict.word, verdict.held, verdict.total) == (word, held, len(naive))


def test_details_say_means_and_the_interval():
    few = study([3.0, 3.0], [1.0, 2.0]).verdict("distance", "nearer")
    assert few.detail == (  # 12.71 by the standard error of 0.5
        "It held on 2 of 2 images, and two images decide nothing: "
        "mean 3 → 1.5, change -1.5, 95% interval -7.85 to +4.85."
    )
