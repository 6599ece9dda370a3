"""The parameters of a GAN's training."""

import math
import subprocess
import sys

import pytest

from ganinv.core_yaml import read_yaml
from ganinv.errors import ParamsError
from ganinv.losses.adversarial import OBJECTIVES
from ganinv.paths import project_root
from ganinv.training.encoder.settings import EncoderParams
from ganinv.training.gan.settings import GanParams


@pytest.mark.parametrize(
    "fault",
    [
        {"steps": -1},
        {"batch": 1},
        {"resolution": 48},
        {"resolution": 4},
        {"width": 0},
        {"z_dim": 0},
        {"objective": "vanilla"},
        {"spectral_norm": "on"},
        {"gp_weight": -1.0},
        {"critic_steps": 0},
        {"lr_generator": 0.0},
        {"lr_discriminator": math.inf},
        {"beta1": 1.0},
        {"beta2": -0.1},
        {"ema": -1.0},
        {"flip": "no"},
        {"measure_count": -1},
        {"grid": 1},
        {"measure_count": 7},
        {"patience": -1},
        {"patience": 1, "measure_count": 0},
        {"align": "faces"},
        {"measure_count": 8, "resolution": 8},
        {"seed": -1},
        {"device": "tpu"},
        {"precision": "half"},
        {"save_every": 0},
        {"lr": 0.1},
    ],
    ids=str,
)
def test_a_value_that_cannot_be_used_is_refused_by_its_name(fault):
    with pytest.raises(ParamsError, match=next(iter(fault))):
        GanParams.make(fault)


def test_every_objective_can_be_asked_for():
    for name in OBJECTIVES:
        assert GanParams.make({"objective": name}).objective == name
    with pytest.raises(ParamsError) as error:
        GanParams.make({"objective": "?"})
    assert all(f"'{name}'" in str(error.value) for name in OBJECTIVES)


def test_published_parameters_are_one_per_objective_and_those_of_the_papers():
    files = sorted((project_root() / "params").glob("gan_*.yaml"))
    found = {path.stem: GanParams.load(path) for path in files}
    portraits = found.pop("gan_congress"), found.pop("gan_objectives")
    for params in portraits:  # few images, that are no crops yet
        assert params.images == "congress" and params.align and params.flip
        assert params.diff_augment == "color,translation,cutout" and params.steps >= 8000
    assert portraits[0].patience > 0
    assert {params.objective for params in found.values()} == OBJECTIVES.keys()
    files = [path for path in files if path.stem in found]
    assert len({params.out for params in found.values()}) == len(files)
    for path, params in zip(files, found.values(), strict=True):
        assert params.model_dump() == GanParams().model_dump() | read_yaml(path)
        assert params.images == "faces" and params.seed == 0
    wgan = found["gan_wgan_gp"]  # algorithm 1 of arXiv 1704.00028
    assert (wgan.gp_weight, wgan.critic_steps, wgan.lr_discriminator) == (10, 5, 1e-4)
    assert (wgan.beta1, wgan.beta2) == (0, 0.9)
    assert found["gan_hinge_sn"].spectral_norm and not wgan.spectral_norm


def test_every_field_of_a_training_is_described():
    for model in (GanParams, EncoderParams):
        assert all(field.description for field in model.model_fields.values())


@pytest.mark.parametrize(
    "model",
    [
        "ganinv.training.gan.settings:GanParams",
        "ganinv.training.encoder.settings:EncoderParams",
    ],
)
def test_parameters_are_read_without_torch(model):
    """A wrong value is told in under a second; torch alone takes longer to import."""
    module, name = model.split(":")
    code = (
        f"import sys; from {module} import {name}; {name}.make({{}}); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_normalization_follows_the_objective():
    norms = {name: GanParams.make({"objective": name}).norm for name in OBJECTIVES}
    assert norms.pop("wgan-gp") == "layer" and set(norms.values()) == {"batch"}
    for name in OBJECTIVES:
        chosen = {"objective": name, "spectral_norm": True}
        assert GanParams.make(chosen).norm == "none"
