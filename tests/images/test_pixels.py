"""Tensors and 8 bits: levels, clamping, rounding, and means over boxes."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganinv.images.pixels import box_resize, from_pil, from_uint8, quantize, to_pil, to_uint8
from helpers.image_files import random_picture


def test_every_8_bit_level_survives_the_tensor():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = np.stack([levels, levels[::-1], levels.T], -1)
    tensor = from_pil(Image.fromarray(picture))
    assert tensor.shape == (3, 16, 16) and tensor.dtype == torch.float32
    assert tensor[0, 0, 0] == -1 and tensor[0, -1, -1] == 1
    assert np.array_equal(to_uint8(tensor), picture)
    assert np.array_equal(np.asarray(to_pil(tensor)), picture)
    assert torch.equal(quantize(tensor), tensor)


def tensors(elements):
    shape = st.tuples(st.just(3), st.integers(1, 5), st.integers(1, 5))
    return shape.flatmap(
        lambda s: st.lists(elements, min_size=math.prod(s), max_size=math.prod(s)).map(
            lambda values: torch.tensor(values, dtype=torch.float32).reshape(s)
        )
    )


@settings(deadline=None, max_examples=60)
@given(tensors(st.floats(-1.5, 1.5, width=32)))
def test_quantizing_is_rounding_to_the_nearest_level(image):
    once = quantize(image)
    assert once.shape == image.shape and once.dtype == torch.float32
    assert torch.equal(quantize(once), once)
    assert (once - image.clamp(-1, 1)).abs().max() <= 0.5 / 127.5 + 1e-6
    assert np.array_equal(to_uint8(once), to_uint8(image))
    assert torch.equal(from_pil(to_pil(image)), once)


def test_to_uint8_clamps_what_lies_outside():
    image = torch.tensor([-9.0, -1.0, 0.999, 1.0, 9.0, math.inf])[None, None].expand(3, 1, 6)
    assert to_uint8(image)[0, :, 0].tolist() == [0, 0, 255, 255, 255, 255]


def test_to_uint8_takes_tensors_in_a_graph_and_of_half_precision():
    image = torch.zeros(3, 2, 2, requires_grad=True)
    assert to_uint8(image).max() == 128
    assert to_uint8(torch.ones(3, 2, 2, dtype=torch.bfloat16)).min() == 255


def layout(x):
    """The dimensions of a tensor from the outermost in memory to the innermost."""
    return sorted(range(x.ndim), key=lambda d: -x.stride()[d])


@pytest.mark.parametrize("batch", [(), (2,), (2, 4)])
def test_any_batch_becomes_tensors_and_comes_back(batch):
    pixels = np.stack([random_picture(seed=k) for k in range(math.prod(batch))])
    pixels = pixels.reshape(*batch, 32, 48, 3)
    images = from_uint8(pixels)
    assert images.shape == (*batch, 3, 32, 48) and images.dtype == torch.float32
    assert np.array_equal(to_uint8(images), pixels)
    assert torch.equal(quantize(images), images)
    for index in np.ndindex(batch):
        assert torch.equal(images[index], from_pil(Image.fromarray(pixels[index])))


def test_layout_in_memory_stays():
    pixels = np.stack([random_picture(seed=k) for k in range(2)])
    images = from_uint8(pixels)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert layout(from_pil(Image.fromarray(pixels[0]))) == [1, 2, 0]
    assert quantize(images).stride() == images.stride()
    assert quantize(images.contiguous()).is_contiguous()
    assert to_uint8(images).flags.c_contiguous


def test_what_is_not_a_number_stays_so():
    image = torch.tensor([math.nan, 0.0, 2.0])[None, None].expand(3, 1, 3)
    assert quantize(image)[0, 0].isnan().tolist() == [True, False, False]


# --- box_resize ---


def block_means(images, size):
    """Means over blocks of size x size by numpy alone, of (N, 3, H, H)."""
    n, c, height, _ = images.shape
    factor = height // size
    return images.numpy().reshape(n, c, size, factor, size, factor).mean((3, 5))


@pytest.mark.parametrize("height, size", [(64, 64), (64, 32), (64, 16), (60, 20), (48, 8), (9, 1)])
def test_whole_factors_are_block_means(height, size):
    images = torch.rand(2, 3, height, height, generator=torch.Generator().manual_seed(0)) * 2 - 1
    found = box_resize(images, size)
    assert found.shape == (2, 3, size, size)
    assert np.abs(found.numpy() - block_means(images, size)).max() < 1e-6


def test_smaller_images_are_left_as_they_are():
    images = torch.rand(1, 3, 16, 16)
    assert torch.equal(box_resize(images, 32), images)


@pytest.mark.parametrize("height, size", [(48, 36), (50, 32), (33, 16)])
def test_other_factors_average_the_pixels_that_each_box_touches(height, size):
    images = torch.rand(1, 3, height, height, generator=torch.Generator().manual_seed(1))
    found = box_resize(images, size).numpy()
    spans = [
        slice(i * height // size, math.ceil((i + 1) * height / size)) for i in range(size)
    ]  # of rows, and of columns
    expected = [[images[0, :, rows, columns].mean((1, 2)) for columns in spans] for rows in spans]
    expected = np.array([[cell.numpy() for cell in row] for row in expected]).transpose(2, 0, 1)
    assert np.abs(found[0] - expected).max() < 1e-6


def test_the_gradient_of_a_block_mean_is_shared_evenly():
    images = torch.zeros(1, 3, 8, 8, requires_grad=True)
    box_resize(images, 2).sum().backward()
    assert torch.allclose(images.grad, torch.full_like(images, 1 / 16))
