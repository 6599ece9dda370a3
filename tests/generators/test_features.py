"""Offsets to features, and the synthesis network in two parts."""

import pytest
import torch

from helpers.networks import ARCHITECTURES, assert_close, random_stylegan2, random_ws
from helpers.toys import build_dcgan, build_toy

BUILDERS = {
    **{name: lambda name=name: random_stylegan2(architecture=name) for name in ARCHITECTURES},
    "student": build_toy,
    "dcgan": build_dcgan,
}
SHAPES = {
    "student": {4: (32, 4, 4), 8: (32, 8, 8), 16: (16, 16, 16)},
    "dcgan": {4: (16, 4, 4), 8: (8, 8, 8), 16: (4, 16, 16)},
    **dict.fromkeys(ARCHITECTURES, {4: (24, 4, 4), 8: (16, 8, 8), 16: (12, 16, 16)}),
}


@pytest.fixture(scope="module", params=BUILDERS)
def named(request):
    return request.param, BUILDERS[request.param]()


def draw(shape, count=1, scale=1.0, seed=7):
    rng = torch.Generator().manual_seed(seed)
    return scale * torch.randn(count, *shape, generator=rng)


def test_shapes_are_those_of_the_levels(named):
    name, generator = named
    assert generator.feature_shapes() == SHAPES[name]


def test_offset_of_zero_changes_no_bit(named):
    _, generator = named
    ws = random_ws(generator, 2)
    zeros = {r: torch.zeros(1, *shape) for r, shape in generator.feature_shapes().items()}
    assert torch.equal(generator.synthesis(ws, features=zeros), generator.synthesis(ws))
    assert torch.equal(generator.synthesis(ws, features={}), generator.synthesis(ws))


def test_offset_is_added_to_what_leaves_the_level(named):
    """By a hook on the module that computes it, where one does."""
    name, generator = named
    if name == "dcgan":
        pytest.skip("a level of it is no module of its own")
    ws = random_ws(generator, 2)
    for index, (r, shape) in enumerate(generator.feature_shapes().items()):
        blocks = [generator.first, *generator.blocks] if name == "student" else generator.blocks
        offset = draw(shape)

        def add(module, inputs, output, offset=offset):
            if isinstance(output, tuple):
                return output[0] + offset, output[1]
            return output + offset

        hook = blocks[index].register_forward_hook(add)
        wanted = generator.synthesis(ws)
        hook.remove()
        got = generator.synthesis(ws, features={r: offset})
        assert_close(got, wanted, 1e-6)
        assert (got - generator.synthesis(ws)).abs().max() > 1e-3


def test_each_image_of_a_batch_may_have_its_own_offset(named):
    _, generator = named
    ws = random_ws(generator, 2)
    r, shape = list(generator.feature_shapes().items())[1]
    offset = draw(shape, 2)
    both = generator.synthesis(ws, features={r: offset})
    for i in range(2):
        alone = generator.synthesis(ws[i : i + 1], features={r: offset[i : i + 1]})
        assert_close(both[i : i + 1], alone, 1e-5)


def test_tail_of_the_head_is_the_whole(named):
    _, generator = named
    ws = random_ws(generator, 2)
    shapes = generator.feature_shapes()
    for r, shape in shapes.items():
        flow = generator.head(ws, r)
        assert tuple(flow.features.shape[1:]) == shape
        assert torch.equal(generator.tail(flow, ws, r), generator.synthesis(ws))
        above = {s: draw(shapes[s], seed=s) for s in shapes if s >= r}
        got = generator.tail(flow, ws, r, features=above)
        assert torch.equal(got, generator.synthesis(ws, features=above))


def test_tail_takes_the_noise_of_its_layers(named):
    _, generator = named
    maps = {name: x + 0.3 for name, x in generator.noise_maps().items()}
    if not maps:
        pytest.skip("it has no noise")
    ws = random_ws(generator, 1)
    flow = generator.head(ws, 8, maps)
    assert torch.equal(generator.tail(flow, ws, 8, maps), generator.synthesis(ws, maps))
    assert not torch.equal(generator.tail(flow, ws, 8), generator.synthesis(ws, maps))


def test_gradient_of_an_offset_matches_finite_differences(named):
    _, generator = named
    generator = generator.double()
    try:
        generator.prepare()
        ws = random_ws(generator, 1).double()
        for r in (4, 16):
            offset = draw(generator.feature_shapes()[r], scale=0.1).double().requires_grad_(True)
            flow = generator.head(ws, r)
            direction = draw(generator.feature_shapes()[r], seed=3).double()

            def value(offset, r=r, flow=flow, ws=ws):
                return generator.tail(flow, ws, r, features={r: offset}).square().sum()

            (gradient,) = torch.autograd.grad(value(offset), offset)
            (whole,) = torch.autograd.grad(
                generator.synthesis(ws, features={r: offset}).square().sum(), offset
            )
            step = 1e-6
            with torch.no_grad():
                ahead, back = value(offset + step * direction), value(offset - step * direction)
            wanted = (ahead - back) / (2 * step)
            assert (gradient * direction).sum().item() == pytest.approx(wanted.item(), rel=1e-4)
            assert torch.allclose(gradient, whole)
    finally:
        generator.float()
        generator.prepare()


def test_offsets_that_do_not_fit_are_refused(named):
    _, generator = named
    ws = random_ws(generator, 2)
    shape = generator.feature_shapes()[8]
    with pytest.raises(ValueError, match="no features at 32; there are 4, 8, 16"):
        generator.synthesis(ws, features={32: draw(shape)})
    with pytest.raises(ValueError, match="no features at 7"):
        generator.head(ws, 7)
    for wrong in (draw(shape, 3), draw(shape)[0], draw(shape)[..., :4]):
        with pytest.raises(ValueError, match="the features at 8 are"):
            generator.synthesis(ws, features={8: wrong})
    low = draw(generator.feature_shapes()[4])
    with pytest.raises(ValueError, match="below the tail, which starts at 8"):
        generator.tail(generator.head(ws, 8), ws, 8, features={4: low})


def test_synthesis_parameters_are_all_but_those_of_the_mapping(named):
    """Their gradients flow, and none of another weight moves an image."""
    _, generator = named
    weights = generator.synthesis_parameters()
    ws = random_ws(generator, 1)
    generator.requires_grad_(True)
    try:
        generator.synthesis(ws).square().sum().backward()
        moving = {name for name, p in generator.named_parameters() if p.grad is not None}
    finally:
        generator.zero_grad()
        generator.requires_grad_(False)
    assert moving == set(weights)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_gradient_of_a_weight_matches_finite_differences(architecture):
    generator = random_stylegan2(architecture=architecture).double()
    generator.prepare()
    ws = random_ws(generator, 1).double()
    rng = torch.Generator().manual_seed(3)
    for weight in generator.synthesis_parameters().values():
        direction = torch.randn(weight.shape, generator=rng, dtype=torch.float64)
        weight.requires_grad_(True)
        (gradient,) = torch.autograd.grad(generator.synthesis(ws).square().sum(), weight)
        weight.requires_grad_(False)
        ends = []
        for step in (1e-6, -1e-6):
            moved = weight.detach().clone()
            weight.add_(step * direction)
            generator.prepare()
            ends.append(generator.synthesis(ws).square().sum())
            weight.copy_(moved)
        generator.prepare()
        wanted = ((ends[0] - ends[1]) / 2e-6).item()
        assert (gradient * direction).sum().item() == pytest.approx(wanted, rel=1e-3, abs=1e-4)
