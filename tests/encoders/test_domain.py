"""The domain-guided encoder: its codes by another computation, its gradient, its file."""

import hashlib
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from ganinv.encoders.domain import DomainEncoder, domain_config
from ganinv.encoders.load import load_encoder
from ganinv.errors import WeightsError
from ganinv.losses.lpips import load_lpips
from ganinv.training.checkpoint import copy_tensors
from ganinv.weights.find import ensure
from ganinv.weights.store import read_weights, save_weights
from helpers.toys import TOY_CONFIG

SMALL = dict(resolution=32, num_ws=8, w_dim=32, view=32, grid=2)  # as the toy's
OTHER = dict(resolution=64, num_ws=5, w_dim=12, view=64, grid=4, channels=6, hidden=10)


def noise(seed, n=2, size=32):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def build(**config):
    """An encoder with its trunk and with random weights where a new one has zeros."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(4)
        encoder = DomainEncoder(**config)
        encoder.w_avg.normal_()
        nn.init.normal_(encoder.offsets.weight, std=0.1)
        nn.init.normal_(encoder.offsets.bias, std=0.1)
    return encoder.attach_trunk()


@pytest.fixture
def encoder():
    return build(**SMALL)


def vgg_levels(images):
    """VGG16's relu2_2, relu3_3, relu4_3 and relu5_3, from the weights' file, in float64."""
    state = load_file(ensure("lpips-vgg"))
    shift = torch.tensor([-0.030, -0.088, -0.188]).double()
    scale = torch.tensor([0.458, 0.448, 0.450]).double()
    x = (images.double() - shift[:, None, None]) / scale[:, None, None]
    levels, layer = [], 0
    for depth in (2, 2, 3, 3, 3):
        x = F.max_pool2d(x, 2) if levels else x
        for _ in range(depth):
            weight, bias = state[f"conv.{layer}.weight"], state[f"conv.{layer}.bias"]
            x = F.conv2d(x, weight.double(), bias.double(), padding=1).relu()
            layer += 1
        levels.append(x)
    return levels[1:]


def codes_by_hand(encoder, images):
    """(w, offsets) of images of `view` pixels: every layer a matrix product, in float64."""
    state = {name: x.double() for name, x in encoder.head().items()}
    features = []
    for i, level in enumerate(vgg_levels(images)):
        n, c, size, _ = level.shape
        box = size // encoder.grid
        means = level.reshape(n, c, encoder.grid, box, encoder.grid, box).mean((3, 5))
        weight, bias = state[f"reduce.{i}.weight"][:, :, 0, 0], state[f"reduce.{i}.bias"]
        reduced = torch.einsum("oc,nchw->nohw", weight, means) + bias[:, None, None]
        features.append(reduced.reshape(n, -1))
    features = torch.cat(features, 1)
    w = features @ state["base.weight"].T + state["base.bias"] + state["w_avg"]
    hidden = features @ state["hidden.weight"].T + state["hidden.bias"]
    hidden = hidden * (1 + torch.erf(hidden / 2**0.5)) / 2
    offsets = hidden @ state["offsets.weight"].T + state["offsets.bias"]
    return w, offsets.reshape(len(images), encoder.num_ws, encoder.w_dim)


# --- the codes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [SMALL, OTHER], ids=["small", "other"])
def test_codes_are_those_of_another_computation(config):
    encoder, images = build(**config), noise(0, n=3, size=config["view"])
    w, offsets = codes_by_hand(encoder, images)
    wanted = w[:, None] + offsets
    with torch.no_grad():
        codes = encoder(images)
    assert codes.shape == (3, config["num_ws"], config["w_dim"])
    assert codes.dtype == torch.float32
    assert (codes - wanted).abs().max() < 1e-4 * wanted.abs().max()
    assert (codes[0] - codes[1]).abs().max() > 1e-2  # the image matters


@torch.no_grad()
def test_w_and_offsets_are_told_apart(encoder):
    images = noise(1)
    w, offsets = encoder.codes(encoder.gather(encoder.see(images)))
    wanted_w, wanted_offsets = codes_by_hand(encoder, images)
    assert w.shape == (2, 1, 32) and offsets.shape == (2, 8, 32)
    assert torch.allclose(w[:, 0].double(), wanted_w, atol=1e-4)
    assert torch.allclose(offsets.double(), wanted_offsets, atol=1e-4)


@torch.no_grad()
def test_a_new_encoder_has_one_code_for_all_rows():
    codes = DomainEncoder(**SMALL).attach_trunk()(noise(0))
    assert torch.equal(codes, codes[:, :1].expand_as(codes))
    assert (codes[0] - codes[1]).abs().max() > 1e-4


@torch.no_grad()
def test_a_new_encoder_with_a_zero_base_gives_the_mean():
    encoder = DomainEncoder(**SMALL).attach_trunk()
    nn.init.zeros_(encoder.base.weight)
    nn.init.zeros_(encoder.base.bias)
    encoder.w_avg.copy_(torch.arange(32) / 7)
    assert torch.equal(encoder(noise(0)), encoder.w_avg.expand(2, 8, 32))


@torch.no_grad()
def test_the_same_images_give_the_same_codes(encoder):
    before = torch.get_rng_state()
    assert torch.equal(encoder(noise(0)), encoder(noise(0)))
    assert torch.equal(torch.get_rng_state(), before)


@torch.no_grad()
def test_images_of_a_batch_do_not_touch_each_other(encoder):
    together = encoder(noise(0, n=3))
    alone = torch.cat([encoder(image[None]) for image in noise(0, n=3)])
    assert torch.allclose(together, alone, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("factor", [2, 3, 8])
def test_larger_images_are_seen_as_their_box_mean(encoder, factor):
    images = noise(3, size=32 * factor)
    means = images.reshape(2, 3, 32, factor, 32, factor).mean((3, 5))
    assert torch.allclose(encoder(images), encoder(means), atol=1e-5)
    means[..., 16, 16] += 0.5
    assert not torch.allclose(encoder(images), encoder(means), atol=1e-4)


@torch.no_grad()
def test_a_view_may_be_smaller_than_the_resolution():
    encoder, images = build(**SMALL | {"resolution": 64}), noise(4, size=64)
    means = images.reshape(2, 3, 32, 2, 32, 2).mean((3, 5))
    assert torch.allclose(encoder(images), build(**SMALL)(means), atol=1e-5)


@pytest.mark.parametrize(("resolution", "size"), [(32, 31), (32, 16), (64, 32)])
def test_images_that_are_too_small_are_refused(resolution, size):
    encoder = build(**SMALL | {"resolution": resolution})
    with pytest.raises(ValueError, match=f"{resolution}x{resolution} or larger; got {size}x{size}"):
        encoder(torch.zeros(1, 3, size, size))


def test_images_that_are_not_square_are_refused():
    with pytest.raises(ValueError, match="square images.*got 64x32"):
        build(**SMALL)(torch.zeros(1, 3, 32, 64))


# --- unlocking ----------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("unlocked", [0, 1, 5, 8])
def test_locked_rows_have_no_offset_and_w_is_never_locked(encoder, unlocked):
    features = encoder.gather(encoder.see(noise(0)))
    free_w, free_offsets = encoder.codes(features)
    encoder.unlocked = unlocked
    w, offsets = encoder.codes(features)
    assert torch.equal(w, free_w)
    assert torch.equal(offsets[:, :unlocked], free_offsets[:, :unlocked])
    assert not offsets[:, unlocked:].any()
    assert free_offsets.abs().amin((0, 2)).min() > 0 and w.abs().max() > 0.1


def test_locked_rows_learn_nothing_and_the_others_do(encoder):
    encoder.unlocked = 3
    encoder(noise(0)).square().sum().backward()
    gradient = encoder.offsets.weight.grad.view(8, 32, -1)
    assert gradient[:3].abs().amax((1, 2)).min() > 0 and not gradient[3:].any()
    assert encoder.base.weight.grad.abs().max() > 0


# --- gradients ----------------------------------------------------------------------------------


def test_gradient_to_the_image_matches_finite_differences(encoder):
    encoder.double()
    rng = torch.Generator().manual_seed(6)
    weights = torch.randn(1, 8, 32, generator=rng).double()
    x = noise(5, n=1).double().requires_grad_()
    (gradient,) = torch.autograd.grad((encoder(x) * weights).sum(), x)
    assert gradient.abs().amax((0, 1)).gt(0).all()  # every pixel counts
    for _ in range(3):
        direction = torch.randn(x.shape, generator=rng).double()
        with torch.no_grad():
            ends = [(encoder(x + step * direction) * weights).sum() for step in (1e-7, -1e-7)]
        wanted = ((ends[0] - ends[1]) / 2e-7).item()
        assert (gradient * direction).sum().item() == pytest.approx(wanted, rel=1e-4)


def test_double_leaves_the_shared_lpips_alone(encoder):
    encoder.double()
    shared = load_lpips("vgg", torch.device("cpu"))
    assert all(x.dtype == torch.float32 for x in shared.state_dict().values())


def test_trunk_is_lpips_vgg_and_frozen(encoder):
    state = load_file(ensure("lpips-vgg"))
    convs = [m for m in encoder.trunk.backbone.modules() if isinstance(m, nn.Conv2d)]
    assert len(convs) == 13 and len(state) == 26
    encoder(noise(0).requires_grad_()).square().sum().backward()
    for i, conv in enumerate(convs):
        assert torch.equal(conv.weight, state[f"conv.{i}.weight"])
        assert torch.equal(conv.bias, state[f"conv.{i}.bias"])
    assert all(not p.requires_grad and p.grad is None for p in encoder.trunk.parameters())
    own = dict(encoder.named_parameters())
    trained = {name for name in own if not name.startswith("trunk.")}
    assert all(own[name].grad is not None for name in trained)
    assert trained == encoder.head().keys() - {"w_avg"}


# --- what is stored -----------------------------------------------------------------------------


def test_head_is_all_but_the_trunk(encoder):
    linear = {f"{name}.{x}" for name in ("base", "hidden", "offsets") for x in ("weight", "bias")}
    reduce = {f"reduce.{i}.{x}" for i in range(4) for x in ("weight", "bias")}
    assert encoder.head().keys() == {"w_avg"} | linear | reduce
    assert DomainEncoder(**SMALL).head().keys() == encoder.head().keys()  # no trunk yet
    assert any(name.startswith("trunk.") for name in encoder.state_dict())


def test_a_published_head_is_16_mb_at_most():
    with torch.device("meta"):
        head = DomainEncoder(resolution=256, num_ws=23, w_dim=512).head()
    assert sum(2 * x.numel() for x in head.values()) <= 16e6


@pytest.mark.parametrize(
    ("resolution", "seen", "view", "grid"),
    [(1024, 256, 128, 8), (256, 256, 128, 8), (64, 64, 64, 4), (32, 32, 32, 2)],
)
def test_sizes_follow_the_generator(resolution, seen, view, grid):
    generator = SimpleNamespace(resolution=resolution, num_ws=7, w_dim=48)
    config = domain_config(generator)
    assert config == dict(resolution=seen, num_ws=7, w_dim=48, view=view, grid=grid)
    assert domain_config(generator, channels=3) == config | {"channels": 3}


def test_an_encoder_of_the_toys_sizes_renders(toy):
    config = domain_config(toy)
    assert (config["num_ws"], config["w_dim"]) == (toy.num_ws, TOY_CONFIG["w_dim"])
    with torch.no_grad():
        assert toy.synthesis(build(**config)(noise(0))).shape == (2, 3, 32, 32)


@pytest.fixture
def saved(encoder, tmp_path):
    """The encoder as a file in half precision."""
    path = tmp_path / "mine.safetensors"
    description = {"architecture": "domain", "config": SMALL}
    save_weights(path, copy_tensors(encoder.head(), torch.float16), description)
    return path


def test_file_gives_the_encoder_back(encoder, saved):
    before = torch.get_rng_state()
    loaded = load_encoder(saved)
    assert torch.equal(torch.get_rng_state(), before)
    assert (loaded.resolution, loaded.num_ws, loaded.w_dim, loaded.unlocked) == (32, 8, 32, 8)
    assert loaded.name == "mine"
    assert loaded.sha256 == hashlib.sha256(saved.read_bytes()).hexdigest()
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    for name, x in loaded.head().items():
        assert x.dtype == torch.float32
        assert torch.equal(x, encoder.head()[name].half().float()), name
    with torch.no_grad():
        codes, wanted = loaded(noise(0)), encoder(noise(0))
    assert codes.dtype == torch.float32
    assert (codes - wanted).abs().max() < 5e-3 * wanted.abs().max()


def rewrite(path, state=None, **changes):
    """Write the file again, with tensors changed (None drops one) or another description."""
    description, tensors = read_weights(path)
    tensors |= state or {}
    description = {k: v for k, v in (description | changes).items() if v is not None}
    save_weights(path, {k: v for k, v in tensors.items() if v is not None}, description)


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        ({"base.bias": None}, {}),
        ({"w_avg": None}, {}),
        ({"stray": torch.zeros(1)}, {}),
        ({"base.bias": torch.zeros(31)}, {}),
        ({"base.bias": torch.zeros(32, dtype=torch.int32)}, {}),
        ({}, {"config": SMALL | {"num_ws": 9}}),
        ({}, {"config": SMALL | {"grid": 4}}),
        ({}, {"config": SMALL | {"colour": 1}}),
        ({}, {"config": {"resolution": 32}}),
        ({}, {"config": SMALL | {"w_dim": "32"}}),
        ({}, {"config": None}),
        ({}, {"config": [1]}),
    ],
    ids=str,
)
def test_a_file_that_does_not_fit_its_description_is_refused(saved, state, changes):
    rewrite(saved, state, **changes)
    with pytest.raises(WeightsError, match=r"mine\.safetensors does not fit its own description"):
        load_encoder(saved)


@pytest.mark.parametrize("architecture", [None, "mobile_stylegan", "domain2"])
def test_a_file_that_holds_something_else_is_refused(saved, architecture):
    rewrite(saved, architecture=architecture)
    with pytest.raises(WeightsError, match="holds no encoder"):
        load_encoder(saved)


@pytest.mark.parametrize("kept", [0, 5, 1000, -1])
def test_a_damaged_file_is_refused(saved, kept):
    saved.write_bytes(saved.read_bytes()[:kept])
    with pytest.raises(WeightsError, match=r"mine\.safetensors"):
        load_encoder(saved)
