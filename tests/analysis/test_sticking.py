"""What refinements leave on another face: said as the numbers have it."""

import pytest

from ganinv.analysis.beyond import Edits
from ganinv.analysis.sticking import tell_sticking


def made(changes, keeps=None, images=4):
    """Edits of refinements: {name: (at t = 0, at t = 1)}, and their correlations."""
    rows = [
        dict(
            image=f"i{k}",
            experiment=name,
            correlation=(keeps or {}).get(name, 0.5),
            sticks=[before + 0.001 * k, 0.2, after],
        )
        for name, (before, after) in changes.items()
        for k in range(images)
    ]
    return Edits(rows, {})


CHANGES = {"Features 16": (0.1, 0.3), "Features 64": (0.1, 0.4), "Weights": (0.1, 0.07)}


def test_what_sticks_and_what_does_not_are_told_apart():
    text = tell_sticking(made(CHANGES), CHANGES)
    stick, rest = text.split("stick: they do more to another face")
    assert "Features 16 (0.102 → 0.300) and Features 64 (0.102 → 0.400) " in stick
    assert "Weights (0.102 → 0.070) do less to another face than to their own" in rest


def test_a_refinement_that_the_correlation_puts_first_wrongly_is_named():
    text = tell_sticking(made(CHANGES, {"Features 64": 0.9}), CHANGES)
    assert "puts Features 64 first (0.900)" in text and "the first is Weights" in text
    assert "leaves 0.400 on another face" in text
    assert "correlation" not in tell_sticking(made(CHANGES, {"Weights": 0.9}), CHANGES)


def test_the_opposite_is_said_where_the_numbers_are_opposite():
    text = tell_sticking(made({"Weights": (0.1, 0.3), "Both": (0.1, 0.1)}), ["Weights", "Both"])
    assert "Weights (0.102 → 0.300) stick" in text


@pytest.mark.parametrize("images", [1, 2])
def test_few_images_say_nothing(images):
    assert tell_sticking(made(CHANGES, images=images), CHANGES) == ""
