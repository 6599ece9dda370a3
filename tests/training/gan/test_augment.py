"""DiffAugment: what its changes do, by what law, and that gradients pass through them."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from ganinv.errors import ParamsError
from ganinv.training.gan.augment import (
    CHANGES,
    augment,
    change_colours,
    cut_out,
    read_changes,
    shift,
)
from ganinv.training.gan.settings import GanParams
from ganinv.training.gan.step import gan_step
from helpers.tensors import noise, seeded

ALL = tuple(CHANGES)


def test_without_changes_images_stay_and_nothing_is_drawn():
    images, rng = noise(0), seeded()
    before = rng.get_state()
    assert augment(images, (), rng) is images
    assert torch.equal(rng.get_state(), before)


@pytest.mark.parametrize("names", [*((name,) for name in ALL), ALL], ids=str)
def test_gradients_are_those_of_finite_differences(names):
    """Also the second ones, which a gradient penalty needs."""
    images = noise(1, n=2, size=8).double().requires_grad_()

    def changed(x):
        return augment(x, names, seeded(5)).square()

    assert torch.autograd.gradcheck(changed, (images,))
    assert torch.autograd.gradgradcheck(changed, (images,))


@pytest.mark.parametrize("names", [*((name,) for name in ALL), ALL], ids=str)
def test_changes_keep_shape_and_type_and_come_from_the_generator_given(names):
    images = noise(2, n=6, size=16)
    torch.manual_seed(1)
    first = augment(images, names, seeded(3))
    torch.manual_seed(2)
    assert torch.equal(augment(images, names, seeded(3)), first)
    assert not torch.equal(augment(images, names, seeded(4)), first)
    assert (first.shape, first.dtype) == (images.shape, images.dtype)
    same = augment(images[:1].expand(6, -1, -1, -1), names, seeded(3))
    assert all(not torch.equal(same[0], other) for other in same[1:])  # each image its own


def test_shifts_are_uniform_up_to_an_eighth_and_zeros_come_in():
    size, count = 32, 8100
    image = torch.zeros(1, 1, size, size)
    image[..., 16, 16] = 1
    moved = shift(image.expand(count, 1, -1, -1), seeded())
    assert moved.sum() == count  # a point inside stays inside
    flat = moved.flatten(1).argmax(1)
    down, right = (flat // size - 16).numpy(), (flat % size - 16).numpy()
    for steps in (down, right):
        found, counts = np.unique(steps, return_counts=True)
        assert found.tolist() == list(range(-4, 5))
        assert stats.chisquare(counts).pvalue > 1e-3
    assert abs(np.corrcoef(down, right)[0, 1]) < 0.05
    white = shift(torch.ones(500, 1, size, size), seeded(1))
    assert set(white.unique().tolist()) == {0.0, 1.0}
    sides = white[:, 0].amax(1).sum(1) * white[:, 0].amax(2).sum(1)
    assert torch.equal(white.sum((1, 2, 3)), sides)  # what is left is one rectangle
    assert white.sum((1, 2, 3)).min() == (size - 4) ** 2


def test_a_square_of_half_the_side_is_cut_out_wherever_its_centre_lies():
    size, count = 16, 5780
    cut = cut_out(torch.ones(count, 2, size, size), seeded())
    assert torch.equal(cut[:, 0], cut[:, 1])
    holes = cut[:, 0] == 0
    rows, columns = holes.any(2).sum(1), holes.any(1).sum(1)
    assert torch.equal(holes.sum((1, 2)), rows * columns)
    assert rows.max() == columns.max() == 8 and rows.min() == columns.min() == 4
    whole = (rows == 8).double().mean()  # of the 17 centres, 4 at each end cut less
    assert whole.item() == pytest.approx(9 / 17, abs=0.03)
    _, counts = np.unique(holes.any(2).double().argmax(1).numpy(), return_counts=True)
    assert counts[0] / count == pytest.approx(5 / 17, abs=0.03)  # begins at the edge, or before


def test_colours_change_by_the_papers_bounds():
    count = 4000
    flat = change_colours(torch.zeros(count, 3, 4, 4), seeded())
    assert torch.allclose(flat.std((1, 2, 3)), torch.zeros(count), atol=1e-6)
    added = flat.mean((1, 2, 3)).double().numpy()
    assert stats.kstest(added, stats.uniform(-0.5, 1).cdf).pvalue > 1e-3
    coloured = torch.tensor([0.3, 0.0, -0.3])[None, :, None, None].expand(count, 3, 4, 4)
    changed = change_colours(coloured, seeded(1))
    distance = ((changed[:, 0] - changed[:, 2]).mean((1, 2)) / 0.6).double().numpy()
    wanted = np.random.default_rng(0).uniform(0, 2, 10**5)
    wanted *= np.random.default_rng(1).uniform(0.5, 1.5, 10**5)  # saturation times contrast
    assert stats.ks_2samp(distance, wanted).pvalue > 1e-3
    grey = torch.tensor([0.5, -0.5]).repeat(8)[None, None].expand(count, 3, 16, -1)
    contrast = change_colours(grey, seeded(2)).std((1, 2, 3)) / grey[0].std()
    assert stats.kstest(contrast.double().numpy(), stats.uniform(0.5, 1).cdf).pvalue > 1e-3


class Seen(nn.Module):
    """A discriminator that keeps the images that it scores."""

    def __init__(self):
        super().__init__()
        self.weight, self.calls = nn.Parameter(torch.ones(1)), []

    def forward(self, images):
        self.calls.append(images.detach())
        return self.weight * images.mean((1, 2, 3))


class Same(nn.Module):
    """A generator that draws one image, whatever z."""

    def __init__(self, image):
        super().__init__()
        self.image = nn.Parameter(image)

    def forward(self, z):
        return self.image.expand(len(z), -1, -1, -1)


@pytest.mark.parametrize("objective", ["hinge", "wgan-gp"])
def test_real_and_drawn_images_are_changed_by_one_law_and_never_alike(objective):
    image = noise(7, n=1, size=16)
    nets, count = (Same(image.clone()), Seen()), 1500
    gan_step(
        *nets,
        [torch.optim.SGD(net.parameters(), lr=0.01) for net in nets],
        lambda: image.expand(count, -1, -1, -1),
        lambda: torch.zeros(count, 1),
        objective=objective,
        rng=seeded(),
        changes=ALL,
    )
    seen = nets[1].calls
    real, fake, last = seen[0], seen[1], seen[-1]
    assert all(not torch.equal(x, image.expand_as(x)) for x in seen)
    assert not torch.equal(real, fake) and not torch.equal(fake, last)
    for statistic in (torch.mean, torch.std, torch.amax):
        a, b, c = (statistic(x, (1, 2, 3)).double().numpy() for x in (real, fake, last))
        assert stats.ks_2samp(a, b).pvalue > 1e-3
        assert stats.ks_2samp(a, c).pvalue > 1e-3
    assert not torch.equal(nets[0].image, image)  # a gradient came to it


@pytest.mark.parametrize("text", ["", "colour", "color,color", "color,none", "color;cutout"])
def test_other_changes_are_refused_by_name(text):
    with pytest.raises(ParamsError, match="diff_augment.*color, translation, cutout"):
        GanParams.make({"diff_augment": text})


def test_changes_are_read_in_their_order():
    assert read_changes("none") == ()
    assert read_changes("cutout, color") == ("cutout", "color")
    assert GanParams.make({"diff_augment": "cutout, color"}).diff_augment == "cutout,color"
    assert GanParams().diff_augment == "none"
