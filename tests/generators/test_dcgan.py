"""DCGAN's two networks: shapes, statistics, spectral norm; its files."""

import math

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from ganinv import load_generator
from ganinv.compute.render import make_renderer
from ganinv.errors import WeightsError
from ganinv.generators.base import freeze
from ganinv.generators.dcgan import DCGAN, DCGANDiscriminator, channels
from ganinv.weights.store import save_weights

SIZES = dict(resolution=16, width=4, z_dim=12)


def build(network, seed=0, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return network(**options)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def written(path, generator, **config):
    description = {"architecture": "dcgan", "config": SIZES | config}
    save_weights(path, generator.state_dict(), description)
    return path


# --- the generator ------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", [8, 16, 64, 128])
def test_generator_renders_z_at_its_resolution(resolution):
    generator = freeze(build(DCGAN, resolution=resolution, width=4, z_dim=12))
    z = normal(3, 12)
    ws = generator.mapping(z)
    assert torch.equal(ws, z[:, None])
    images = generator.synthesis(ws)
    assert images.shape == (3, 3, resolution, resolution)
    assert images.abs().max() < 1
    assert torch.equal(images, generator(z))
    alone = torch.cat([generator(row[None]) for row in z])
    assert torch.allclose(images, alone, atol=1e-6)


@pytest.mark.parametrize("resolution", [0, 4, 12, 48])
@pytest.mark.parametrize("network", [DCGAN, DCGANDiscriminator])
def test_only_powers_of_two_are_resolutions(network, resolution):
    with pytest.raises(ValueError, match=f"power of two, 8 or more; got {resolution}"):
        network(resolution=resolution)


def test_widths_are_those_of_the_paper():
    """Figure 1 has 1024 to 128 channels, twice the 64 that the default has."""
    assert channels(64, 128) == [1024, 512, 256, 128]
    assert channels(8, 64) == [64]
    assert channels(256, 64) == [512, 512, 512, 256, 128, 64]
    weights = [layer.weight for layer in DCGAN(width=64).up]
    assert [tuple(w.shape) for w in weights] == [
        (512, 256, 4, 4),
        (256, 128, 4, 4),
        (128, 64, 4, 4),
        (64, 3, 4, 4),
    ]


def test_networks_start_as_the_paper_says():
    for network in (build(DCGAN), build(DCGANDiscriminator)):
        kinds = nn.Linear, nn.Conv2d, nn.ConvTranspose2d
        layers = [layer for layer in network.modules() if isinstance(layer, kinds)]
        for layer in layers:
            assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
            assert abs(layer.weight.mean().item()) < 0.002
            assert layer.bias is None or not layer.bias.any()


def test_spread_of_the_latent_is_known():
    """E |z|^2 of a standard normal z is the number of its entries."""
    generator = build(DCGAN, **SIZES)
    assert not generator.styled and not generator.w_avg.any()
    assert generator.w_std.item() == pytest.approx(math.sqrt(12))
    z = normal(20_000, 12)
    assert z.square().sum(1).mean().sqrt().item() == pytest.approx(math.sqrt(12), rel=0.01)
    assert torch.allclose(generator.mapping(z, truncation=0.5)[:, 0], z / 2)


def test_what_does_not_fit_is_refused():
    generator = build(DCGAN, **SIZES)
    with pytest.raises(ValueError, match=r"takes \(N, 1, 12\)"):
        generator.synthesis(normal(1, 2, 12))
    with pytest.raises(ValueError, match="noise must be"):
        generator.synthesis(normal(1, 1, 12), noise="loud")
    with pytest.raises(ValueError, match="no class labels"):
        generator.mapping(normal(1, 12), c=torch.ones(1, 1))
    assert generator.noise_maps() == {} and generator.style_matrices() == []


def test_training_mode_takes_the_batchs_statistics_and_eval_the_stored_ones():
    generator, z = build(DCGAN, **SIZES), normal(64, 12)
    before = [norm.running_mean.clone() for norm in generator.norms]
    for _ in range(100):
        trained = generator(z)
    moved = [norm.running_mean for norm in generator.norms]
    assert all((a - b).abs().max() > 1e-4 for a, b in zip(before, moved, strict=True))
    with torch.no_grad():
        assert torch.allclose(generator.eval()(z), trained, atol=0.01)
        assert not torch.allclose(generator.train()(z[:2]), trained[:2], atol=0.01)


# --- the discriminator --------------------------------------------------------------------------


@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
@pytest.mark.parametrize("resolution", [8, 32])
def test_discriminator_scores_images_in_their_order(resolution, norm, spectral):
    net = build(DCGANDiscriminator, resolution=resolution, width=4, norm=norm, spectral=spectral)
    images = normal(5, 3, resolution, resolution).requires_grad_()
    scores = net(images)
    assert scores.shape == (5,) and scores.dtype == torch.float32
    (gradient,) = torch.autograd.grad(scores[3], images)
    touched = gradient.flatten(1).any(1).tolist()
    assert touched == [norm == "batch" and resolution > 8 or i == 3 for i in range(5)]
    net.eval()
    alone = torch.cat([net(image[None]) for image in images])
    assert torch.allclose(net(images), alone, atol=1e-5)


def test_layer_norm_is_that_of_each_whole_image():
    net = build(DCGANDiscriminator, resolution=32, width=4, norm="layer")
    x = normal(3, 8, 4, 4) * 5 + 2
    wanted = nn.functional.layer_norm(x, (8, 4, 4))
    assert torch.allclose(net.norms[1](x), wanted, atol=1e-5)


def largest(network):
    """The largest singular value of each weight, as the parametrization lays it out."""
    layers = [*network.down, network.score]
    return [torch.linalg.svdvals(layer.weight.detach().flatten(1))[0].item() for layer in layers]


def test_spectral_norm_brings_the_largest_singular_value_to_1():
    net = build(DCGANDiscriminator, resolution=32, width=8, norm="none", spectral=True)
    assert all(is_parametrized(layer, "weight") for layer in (*net.down, net.score))
    images = normal(2, 3, 32, 32)
    for _ in range(100):  # each forward pass in training mode is one power iteration
        net(images)
    assert largest(net.eval()) == pytest.approx([1] * 4, abs=1e-3)
    plain = build(DCGANDiscriminator, resolution=32, width=8, norm="none")
    assert max(largest(plain)) < 0.9


def test_spectral_norm_makes_the_weights_scale_no_matter_but_not_their_gradient():
    net = build(DCGANDiscriminator, resolution=16, width=4, norm="none", spectral=True).eval()
    images, before = normal(4, 3, 16, 16), None
    for scale in (1, 7):
        for layer in (*net.down, net.score):
            layer.parametrizations.weight.original.data.mul_(scale)
        scores = net(images)
        assert before is None or torch.allclose(scores, before, atol=1e-6)
        before = scores
    net.train()(images).sum().backward()
    weight = net.down[0].parametrizations.weight.original
    slope = (weight.grad * weight).sum().item()  # along the weight itself nothing changes
    assert abs(slope) < 0.02 * weight.grad.norm().item() * weight.norm().item()


# --- bf16, channels last, files -----------------------------------------------------------------


def test_both_run_in_bf16_and_channels_last():
    generator, net = build(DCGAN, **SIZES), build(DCGANDiscriminator, resolution=16, width=4)
    z, last = normal(8, 12), dict(memory_format=torch.channels_last)
    wanted = generator(z), net(generator(z))
    generator, net = generator.to(**last), net.to(**last)
    with torch.autocast("cpu", torch.bfloat16):
        images = generator(z)
        scores = net(images)
    assert images.dtype == scores.dtype == torch.float32
    assert images.is_contiguous(**last)
    assert (images - wanted[0]).abs().max() < 0.05
    assert (scores - wanted[1]).abs().max() < 0.1
    scores.sum().backward()
    assert all(p.grad.isfinite().all() for p in generator.parameters())
    render, _ = make_renderer(freeze(generator), "bf16", "off", print)
    assert render(normal(1, 1, 12)).dtype == torch.float32


def test_a_written_generator_comes_back_frozen_with_its_statistics(tmp_path):
    generator, z = build(DCGAN, seed=1, **SIZES), normal(4, 12)
    generator(normal(64, 12, seed=2))  # moves the statistics
    path = written(tmp_path / "small.safetensors", generator)
    loaded = load_generator(path)
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    assert (loaded.name, loaded.resolution, loaded.num_ws) == ("small", 16, 1)
    assert (loaded.z_dim, loaded.w_dim, len(loaded.sha256)) == (12, 12, 64)
    assert torch.equal(loaded(z), generator.eval()(z))
    assert torch.equal(loaded.norms[0].running_var, generator.norms[0].running_var)


def test_a_file_that_does_not_fit_its_description_is_refused(tmp_path):
    path = written(tmp_path / "small.safetensors", build(DCGAN, **SIZES), width=8)
    with pytest.raises(WeightsError, match="does not fit its own description"):
        load_generator(path)
    path = written(tmp_path / "odd.safetensors", build(DCGAN, **SIZES), resolution=20)
    with pytest.raises(WeightsError, match="power of two"):
        load_generator(path)
