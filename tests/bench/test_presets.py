"""The published recipes as presets."""

import pytest
import yaml

from ganinv.bench.quality import find_recipe
from ganinv.paths import project_root

PRESETS = sorted((project_root() / "params" / "presets").glob("*.yaml"))


def test_the_presets_are_the_ones_promised():
    assert [path.stem for path in PRESETS] == [
        "anycost-lbfgs",
        "ganinverter-wplus",
        "idinvert",
        "nvidia-w",
        "pti-pivot",
        "pti",
        "rosinality-wplus",
    ]


# space, steps, lr, schedule, noise injected, noise maps: as their code has them
PUBLISHED = {
    "nvidia-w": ("w", 1000, 0.1, "ramp", 0.05, "dropped"),
    "rosinality-wplus": ("w+", 1000, 0.1, "ramp", 0.05, "optimized"),
    "ganinverter-wplus": ("w+", 1000, 0.1, "ramp", 0.05, "optimized"),
    "pti-pivot": ("w", 450, 0.01, "ramp", 0.05, "dropped"),
    "idinvert": ("w+", 100, 0.01, "constant", 0.0, "stored"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_presets_have_the_published_schedules(name):
    params = find_recipe(name).params
    assert PUBLISHED[name] == (
        params.space,
        params.steps,
        params.lr,
        params.lr_schedule,
        params.noise_injection,
        params.noise_maps,
    )
    assert params.optimizer == "adam" and params.loss_resolution == 256
    assert params.noise_regularizer == 1e5 and params.coordinates == "w"


def test_the_other_presets_losses():
    assert find_recipe("idinvert").params.loss == {"l2": 1.0, "vgg": 5e-5, "domain": 2.0}
    anycost = find_recipe("anycost-lbfgs").params
    assert anycost.loss == {"lpips_vgg": 1.0, "l2_full": 1.0}
    assert (anycost.optimizer, anycost.lr, anycost.line_search) == ("lbfgs", 1.0, 10)


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_preset_names_only_what_it_is_about(path):
    given = yaml.safe_load(path.read_text())
    assert not given.keys() & {"generator", "images", "out", "device", "seed"}


def test_pti_is_its_pivot_and_then_its_tuning():
    """Its settings: 350 steps at 3e-4, L2 and LPIPS-alex at full size, until LPIPS is 0.06."""
    pti, pivot = (find_recipe(name).params.model_dump() for name in ("pti", "pti-pivot"))
    changed = {name: value for name, value in pti.items() if pivot[name] != value}
    assert changed == {
        "refine": "weights",
        "refine_steps": 350,
        "refine_lr": 3e-4,
        "refine_lr_schedule": "constant",
        "refine_loss": {"l2_full": 1.0, "lpips_alex": 1.0},
        "refine_loss_resolution": 1024,
        "refine_stop": 0.06,
    }
