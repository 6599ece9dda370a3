"""Sets and folders that no GAN is trained on."""

import pytest

from ganinv.errors import ParamsError
from helpers.gans import train_on


def test_images_that_are_all_the_same_are_refused(make_photo, tmp_path):
    for number in range(9):
        make_photo(tmp_path / "same" / f"{number}.png", seed=0)
    with pytest.raises(ParamsError, match="are the same"):
        train_on(tmp_path / "same", tmp_path / "run")


def test_a_run_inside_the_folder_of_its_images_is_refused(make_photo, tmp_path):
    for number in range(9):
        make_photo(tmp_path / "set" / f"{number}.png", seed=number)
    with pytest.raises(ParamsError, match="lies in the folder of the images"):
        train_on(tmp_path / "set", tmp_path / "set" / "run")
