"""Starts in a class of a generator that has classes."""

import pytest
import torch

import ganinv
from ganinv.errors import ParamsError
from ganinv.generators.base import measure_w
from ganinv.inversion.latent_files import load_latent
from ganinv.inversion.params import SearchParams
from ganinv.inversion.starts import check_start, mean_of_class
from ganinv.seeds import image_rng
from ganinv.weights.store import save_weights
from helpers.commands import cli
from helpers.latents import BLACK, start
from helpers.networks import SMALL, random_stylegan2
from helpers.searches import QUICK

CLASSES = dict(c_dim=3, c_embed=5)


@pytest.fixture(scope="module")
def conditional():
    """A generator of three classes, its W measured over all of them."""
    generator = random_stylegan2(**CLASSES)
    generator.name = "three"
    measure_w(generator)
    return generator


def one_hot(label, count=1):
    return torch.nn.functional.one_hot(torch.full((count,), label), 3).float()


@pytest.mark.parametrize("label", [0, 1, 2])
def test_the_mean_is_that_of_the_class(conditional, label):
    z = torch.randn(20_000, 16, generator=torch.Generator().manual_seed(9))
    drawn = conditional.mapping(z, one_hot(label, len(z)))[:, 0]
    latent = start(conditional, "w", label=label)
    assert (latent - drawn.mean(0)).norm() < 0.05 * conditional.w_std
    assert (latent - conditional.w_avg).norm() > 0.1 * conditional.w_std
    assert torch.equal(start(conditional, "w+", label=label), latent.expand(8, -1))


def test_the_mean_of_all_is_that_of_the_classes(conditional):
    means = torch.cat([mean_of_class(conditional, label) for label in range(3)])
    assert (means.mean(0) - conditional.w_avg).norm() < 0.05 * conditional.w_std
    assert torch.equal(start(conditional, "w"), conditional.w_avg[None])


@pytest.mark.parametrize("label", [0, 1, 2])
def test_a_random_start_is_a_draw_of_the_class(conditional, label):
    z = torch.randn(1, 16, generator=image_rng(0, "a"))
    wanted = conditional.mapping(z, one_hot(label))[0]
    assert torch.equal(start(conditional, "w+", "random", label=label), wanted)


@pytest.mark.parametrize("label", [3, 1000])
def test_a_class_that_is_not_there_is_refused(conditional, label):
    with pytest.raises(ValueError, match=f"three has 3 classes, 0 to 2; got {label}"):
        start(conditional, "w", label=label)
    with pytest.raises(ValueError, match="0 to 2"):
        check_start(SearchParams.make(dict(label=label)), conditional, None)


def test_a_generator_without_classes_refuses_one(toy, toy_path, make_photo, tmp_path, capsys):
    with pytest.raises(ValueError, match="toy has no classes; leave it out"):
        ganinv.invert(toy, BLACK, label=0, **QUICK)
    photo = make_photo(tmp_path / "me.png")
    sets = ["--set", f"generator={toy_path}", "--set", "label=0", "--out", tmp_path / "run"]
    assert cli("invert", photo, "--no-align", *sets) != 0
    assert "toy has no classes" in capsys.readouterr().err and not (tmp_path / "run").exists()


@pytest.mark.parametrize("label", [-1, 1.5, "cat", True, [0]])
def test_what_is_no_class_is_refused(label):
    with pytest.raises(ParamsError, match="label"):
        SearchParams.make(dict(label=label))


@pytest.mark.parametrize("init", ["encoder", "latent.safetensors", "runs/mine"])
def test_a_start_of_its_own_class_takes_no_label(init):
    with pytest.raises(ParamsError, match="label chooses the class .* mean_w or random"):
        SearchParams.make(dict(label=0, init=init))


def test_a_run_begins_in_the_class_that_is_set(conditional, make_photo, tmp_path):
    photo, path = make_photo(tmp_path / "me.png"), tmp_path / "three.safetensors"
    described = dict(architecture="stylegan2", config=SMALL | CLASSES)
    save_weights(path, conditional.state_dict(), described)
    quick = [f"{name}={value}" for name, value in QUICK.items() if name != "steps"]
    sets = [x for one in (*quick, f"generator={path}", "steps=0") for x in ("--set", one)]
    latents = []
    for label in (0, 2):
        out = tmp_path / f"run{label}"
        own = ["--set", f"label={label}", "--out", out, "--device", "cpu"]
        assert cli("invert", photo, "--no-align", *sets, *own) == 0
        latents.append(load_latent(out / "me" / "latent.safetensors")[0])
        assert torch.allclose(latents[-1][:1], mean_of_class(conditional, label).float(), atol=1e-5)
    assert not torch.equal(*latents)
