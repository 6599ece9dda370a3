"""ganinv generate into a folder that holds seeds already: one setting, and a sheet of them all."""

import numpy as np
import pytest
import torch

from ganinv.generators.load import load_generator
from ganinv.inversion.latent_files import read_drawn, save_latent
from helpers.commands import cli
from helpers.pictures import picture, write_photo
from helpers.toys import build_toy, save_toy


@pytest.fixture
def draw(toy_path, tmp_path):
    """A function that draws seeds of the toy into tmp_path/G; it returns the exit status."""

    def call(seeds, *words, generator=toy_path):
        base = ["generate", "--seeds", seeds, "--generator", generator, "--out", tmp_path / "G"]
        return cli(*base, "--device", "cpu", *words)

    return call


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_refused(tmp_path, capsys, says, call):
    before = contents(tmp_path / "G")
    assert call() == 2
    error = capsys.readouterr().err
    assert says in error and "name another folder by --out" in error, error
    assert contents(tmp_path / "G") == before


def test_a_latent_says_how_it_was_drawn(draw, toy_path, tmp_path):
    assert draw("3", "--truncation", "0.7") == 0
    maker, drawn = read_drawn(tmp_path / "G" / "seed0003.safetensors")
    assert drawn == {"seed": 3, "truncation": 0.7, "label": None}
    assert maker == load_generator(toy_path).sha256


def test_another_truncation_is_refused_and_the_same_goes_on(draw, tmp_path, capsys):
    assert draw("0-1", "--truncation", "0.7") == 0
    says = "seed0000.safetensors was drawn with truncation 0.7, not 1.0"
    assert_refused(tmp_path, capsys, says, lambda: draw("0"))
    assert_refused(tmp_path, capsys, says, lambda: draw("5"))  # none is replaced: a mixture
    assert draw("0,5", "--truncation", "0.7") == 0


def test_another_generator_is_refused(draw, tmp_path, capsys):
    assert draw("0") == 0
    other = save_toy(tmp_path / "other.safetensors", build_toy(5).state_dict())
    says = "seed0000.safetensors was drawn by another generator"
    assert_refused(tmp_path, capsys, says, lambda: draw("1", generator=other))


def test_files_that_are_not_of_generate_stay(draw, toy_path, tmp_path, capsys):
    write_photo(tmp_path / "G" / "seed0000.png")
    assert_refused(tmp_path, capsys, "seed0000.png is there, without", lambda: draw("0-1"))
    assert draw("1") == 0
    toy = load_generator(toy_path)
    save_latent(tmp_path / "G" / "seed0002.safetensors", torch.zeros(8, 32), toy)
    says = "seed0002.safetensors does not say how it was drawn"
    assert_refused(tmp_path, capsys, says, lambda: draw("1"))


def test_another_contact_sheet_stays(draw, tmp_path, capsys):
    write_photo(tmp_path / "G" / "contact_sheet.jpg")
    says = "contact_sheet.jpg is there, and shows something else"
    assert_refused(tmp_path, capsys, says, lambda: draw("0"))


def test_the_sheet_shows_all_seeds_of_the_folder(draw, tmp_path):
    for seeds in ("2", "11", "0"):
        assert draw(seeds) == 0
    sheet = picture(tmp_path / "G" / "contact_sheet.jpg").astype(float)
    assert sheet.shape == (32 + 28, 3 * 32, 3)
    for place, seed in enumerate((0, 2, 11)):
        shown = sheet[28:, 32 * place : 32 * place + 32].mean(2).ravel()  # as JPEG leaves it
        grey = [picture(tmp_path / "G" / f"seed{n:04d}.png").mean(2).ravel() for n in (0, 2, 11)]
        likeness = [np.corrcoef(shown, x)[0, 1] for x in grey]
        assert (0, 2, 11)[int(np.argmax(likeness))] == seed
    write_photo(tmp_path / "G" / "seed0002.png", size=(20, 30))  # changed since
    (tmp_path / "G" / "seed0011.png").write_bytes(b"")
    assert draw("0") == 0
    assert picture(tmp_path / "G" / "contact_sheet.jpg").shape == (32 + 28, 32, 3)


def test_a_sheet_that_shows_some_says_so(draw, capsys):
    assert draw("0-1") == 0
    assert "seeds there" not in capsys.readouterr().out
    assert draw("2-200") == 0
    assert "contact_sheet.jpg: 200 of the 201 seeds there" in capsys.readouterr().out
