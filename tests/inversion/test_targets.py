"""What `invert` takes as its image."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ganinv
from ganinv.errors import GaninvError
from ganinv.images.pixels import to_pil, to_uint8
from ganinv.paths import samples_folder
from helpers.checks import assert_same_bits
from helpers.searches import QUICK, quick_params, search
from helpers.toys import rendering_by

FACE = samples_folder() / "astronaut.png"


@pytest.fixture(scope="module")
def plain(toy, toy_images):
    return search(toy, toy_images[0][0])


@pytest.mark.parametrize(
    "form",
    [
        to_uint8,
        lambda x: torch.from_numpy(to_uint8(x)).permute(2, 0, 1),
        to_pil,
        lambda x: to_pil(x).convert("RGBA"),
        lambda x: x.numpy(),
        lambda x: x.double(),
        lambda x: x.clone().requires_grad_(),
    ],
    ids=["array", "tensor", "PIL", "RGBA", "floats", "double", "grad"],
)
def test_every_form_of_an_image_gives_the_same_search(toy, toy_images, plain, form):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = search(toy, form(toy_images[0][0]))
    assert_same_bits(run, plain)
    assert torch.equal(run.target, plain.target)


@pytest.mark.parametrize("form", [str, Path])
def test_a_file_is_aligned_as_the_command_line_does(toy, form):
    wanted = search(toy, ganinv.load_image(FACE, 32, align=True))
    assert_same_bits(search(toy, form(FACE)), wanted)


def test_a_runs_parameters_say_whether_to_align(toy):
    params = quick_params("toy", [], "out", images=["a"])  # align: false
    run = ganinv.invert(toy, FACE, params)
    assert torch.equal(run.target, search(toy, ganinv.load_image(FACE, 32), steps=0).target)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda x: (x + 1) * 127.5, r"\[-1, 1\] is wanted.*0 to 255"),
        (lambda x: x.where(x > x.min(), torch.nan), "NaN"),
        (lambda x: x[None], r"\(3, 32, 32\)"),
        (lambda x: x.permute(1, 2, 0).numpy(), r"transpose\(2, 0, 1\)"),
        (lambda x: x.int(), "uint8"),
        (lambda x: "absent.jpg", "absent.jpg"),
        (lambda x: Image.new("RGB", (64, 64)), "no face found"),
        (lambda x: np.zeros((64, 64, 3), np.uint8), "no face found"),
    ],
)
def test_what_would_be_inverted_wrongly_is_refused(toy, toy_images, spoil, says):
    with pytest.raises(ValueError, match=says) as caught:
        search(toy, spoil(toy_images[0][0]))
    assert isinstance(caught.value, GaninvError)


def test_the_unit_range_is_warned_of_at_the_callers_line(toy, toy_images):
    with pytest.warns(UserWarning, match=r"x \* 2 - 1") as caught:
        ganinv.invert(toy, toy_images[0][0].clamp(-1, 1) / 2 + 0.5, **QUICK)
    assert [str(warning.filename) for warning in caught] == [__file__]


def test_a_generator_that_renders_nothing_but_nan_ends_with_a_reason(toy, toy_images):
    broken = rendering_by(toy, lambda ws, **options: toy.synthesis(ws, **options) * torch.nan)
    run = search(broken, toy_images[0][0])
    assert "nan at step 1" in run.stopped
    assert all(np.isnan(value) for value in run.metrics.values())
