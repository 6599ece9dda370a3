"""Recipes are called by what they are."""

import pytest

from ganinv.report.recipe_names import readable


@pytest.mark.parametrize(
    ("recipe", "wanted"),
    [
        ("exp03", "W+, LPIPS"),
        ("exp01+coordinates=style+lr=0.05", "W, L2, moved along the styles' axes, rate 0.05"),
        (
            "fast+steps=300+space=w+noise_maps=stored",
            "W+, LPIPS, noise maps too (fast), 300 steps, in W, noise maps as stored",
        ),
        ("exp01+space=w++steps=3", "W, L2, in W+, 3 steps"),
        ("nvidia-w", "NVIDIA's projector, W"),
        ("my/own.yaml+betas=1", "own, betas 1"),
    ],
)
def test_a_recipe_is_called_by_what_it_is(recipe, wanted):
    assert readable(recipe) == wanted
