"""Latents of seeds, labels, names of files, the sheet."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ganinv.editing.export import teacher_latent
from ganinv.editing.pictures import check_class, contact_sheet, draw_latent, file_names
from ganinv.editing.seeds import parse_seeds, seed_word
from ganinv.editing.sources import Code, fit_code
from ganinv.errors import BadArgumentsError
from ganinv.generators.mobile_stylegan import MobileStyleGAN
from helpers.networks import random_stylegan2


def test_seeds_as_people_write_them():
    assert parse_seeds("0-3") == [0, 1, 2, 3]
    assert parse_seeds(" 7, 1,5-6 ,6") == [7, 1, 5, 6]
    assert parse_seeds("4294967295") == [2**32 - 1]
    assert [seed_word(seed) for seed in (7, 12345)] == ["seed0007", "seed12345"]


def test_a_label_chooses_the_class():
    generator = random_stylegan2(c_dim=3, c_embed=5)
    z = torch.from_numpy(np.random.RandomState(9).randn(1, 16)).float()
    drawn = [draw_latent(generator, 9, label=label) for label in range(3)]
    for label, latent in enumerate(drawn):
        assert torch.allclose(latent, generator.mapping(z, torch.eye(3)[label : label + 1])[0])
    assert not torch.allclose(drawn[0], drawn[1])
    for label in (None, 3):
        with pytest.raises(BadArgumentsError, match="--label.*0 to 2|has 3 classes, 0 to 2"):
            check_class(generator, label)
    check_class(generator, 2)


def test_truncation_at_0_is_the_mean():
    generator = random_stylegan2()
    latent = draw_latent(generator, 1, truncation=0.0)
    assert torch.allclose(latent, generator.w_avg.expand(8, -1), atol=1e-6)


def codes(*names):
    return [Code(name, torch.zeros(8, 32), Path(name)) for name in names]


def test_names_are_told_apart():
    assert file_names(codes("a", "b", "a", "A", "a-2")) == ["a", "b", "a-2", "A-3", "a-2-2"]
    assert file_names(codes("a-2", "a", "a")) == ["a-2", "a", "a-3"]
    assert file_names(codes("X.json", "x.json"), ("x.json",)) == ["X.json-2", "x.json-3"]


def test_the_sheet_has_rows_of_eight():
    pictures = [np.full((16, 16, 3), 10 * i, np.uint8) for i in range(10)]
    sheet = contact_sheet(pictures, [str(i) for i in range(10)])
    assert sheet.shape == (2 * (16 + 28), 8 * 16, 3)
    assert (sheet[28:44, 7 * 16 :] == 70).all() and (sheet[44 + 28 :, 16:32] == 90).all()
    assert (sheet[44 + 28 :, 32:] == 255).all()


def test_the_students_w_is_its_teachers_and_comes_back():
    student = MobileStyleGAN(channels=[8] * 8, z_dim=4, w_dim=6, mapping_layers=1)
    w = torch.randn(1, 6)
    rows = teacher_latent(w.expand(23, -1), student)
    assert torch.equal(rows, w.expand(18, -1))
    back = fit_code(Code("x", rows, Path("x")), student)
    assert torch.equal(back.latent, w.expand(23, -1))
    assert teacher_latent(torch.randn(23, 6), student) is None
    assert teacher_latent(w.expand(8, -1), random_stylegan2()) is None
