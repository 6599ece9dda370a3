"""An encoder's codes laid onto the rows of a generator, its own or its teacher's student."""

import math

import pytest
import torch

from ganinv.generators.mobile_stylegan import MobileStyleGAN
from ganinv.inversion.starts import fit_rows
from helpers.networks import random_stylegan2


def student(blocks, width=6):
    """A narrow MobileStyleGAN; seven blocks are the FFHQ student's."""
    return MobileStyleGAN(channels=[8] * (blocks + 1), z_dim=4, w_dim=width, mapping_layers=1)


def numbered(rows, width=6):
    """Codes (rows, width), each of which is its own number."""
    return torch.arange(rows, dtype=torch.float32)[:, None].expand(-1, width)


@pytest.mark.parametrize("rows", [1, 8])
def test_as_many_codes_as_rows_pass_as_they_are(rows):
    generator = random_stylegan2()  # 8 rows of width 20
    codes = torch.randn(rows, 20)
    assert fit_rows(codes, generator) is codes


def test_an_encoders_18_codes_are_laid_onto_the_students_23_rows_by_resolution():
    laid = fit_rows(numbered(18), student(7))
    assert laid.shape == (23, 6)
    rows = [
        0,  # 4x4: the first convolution
        1,
        2,
        3,  # 8x8: first convolution, second convolution, image head
        3,
        4,
        5,  # 16x16
        5,
        6,
        7,  # 32x32
        7,
        8,
        9,  # 64x64
        9,
        10,
        11,  # 128x128
        11,
        12,
        13,  # 256x256
        13,
        14,
        15,  # 512x512
        17,  # 1024x1024: the last image head
    ]
    assert torch.equal(laid[:, 0], torch.tensor(rows, dtype=torch.float32))


@pytest.mark.parametrize("blocks", [1, 3, 4, 5, 6, 7])
def test_a_students_row_takes_the_code_of_the_same_layer_of_its_teacher(blocks):
    generator = student(blocks)
    levels = int(math.log2(generator.resolution)) - 2
    assert levels == blocks + 1
    teacher = {("conv1", 0): 0} | {("head", level): 2 * level + 1 for level in range(levels + 1)}
    for level in range(1, levels + 1):  # StyleGAN2's own layout, see `StyleGAN2`
        teacher |= {("conv0", level): 2 * level - 1, ("conv1", level): 2 * level}
    places = {0: ("conv1", 0), generator.num_ws - 1: ("head", levels)}
    for i in range(blocks):
        parts = ("conv0", "conv1", "head")
        places |= {1 + 3 * i + k: (part, i + 1) for k, part in enumerate(parts)}
    laid = fit_rows(numbered(2 * levels + 2), generator)
    assert sorted(places) == list(range(generator.num_ws))
    for row, place in places.items():
        assert laid[row, 0] == teacher[place]


def test_one_w_laid_onto_the_rows_is_the_image_of_w():
    generator = student(3)
    w = torch.randn(6, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        in_w = generator.synthesis(generator.broadcast(w[None]))
        laid = fit_rows(w.expand(10, -1), generator).expand(generator.num_ws, -1)
        assert torch.equal(generator.synthesis(laid[None]), in_w)
        assert not torch.equal(generator.synthesis(laid[None] + 1), in_w)


@pytest.mark.parametrize("rows", [0, 2, 10, 17, 19, 22, 24])
def test_codes_for_another_student_are_refused_with_both_numbers(rows):
    with pytest.raises(ValueError, match=rf"{rows} codes.*takes 23 \(or its teacher's 18\)"):
        fit_rows(numbered(rows), student(7))


def test_codes_of_another_width_are_refused_with_both_numbers():
    for rows in (1, 18, 23):
        with pytest.raises(ValueError, match="width 7.*width 6"):
            fit_rows(numbered(rows, 7), student(7))


def test_stylegan2_has_no_teacher():
    with pytest.raises(ValueError, match="10 codes of width 20.*takes 8 of width 20"):
        fit_rows(numbered(10, 20), random_stylegan2())
