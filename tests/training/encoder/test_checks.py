"""What an encoder's training checks before anything is loaded or compiled."""

import numpy as np
import pytest

from ganinv.errors import ParamsError, WeightsError
from ganinv.files import write_bytes
from ganinv.images.writing import save_png
from ganinv.training.checks import check_images
from ganinv.training.encoder.checks import check_encoder
from ganinv.training.encoder.train import train_encoder
from helpers.listed_sets import listed_set
from helpers.tensors import quiet


@pytest.fixture
def photos(tmp_path):
    """A folder that holds a photograph, without a face."""
    save_png(tmp_path / "photos" / "a.png", np.zeros((64, 64, 3), np.uint8))
    return tmp_path / "photos"


def test_what_can_be_used_passes(quick, photos, trained):
    check_encoder(quick(photographs=str(photos), start=str(trained / "encoder.safetensors")))
    check_encoder(quick(generator="ffhq-student"))


@pytest.mark.parametrize("name", ["photographs", "start", "generator"])
def test_what_is_not_there_is_told_by_both_entries(quick, tmp_path, name):
    params = quick(**{name: str(tmp_path / "absent" / "file.pt")})
    for check in (check_encoder, lambda params: train_encoder(params, say=quiet)):
        with pytest.raises((ParamsError, WeightsError), match=r"absent/file.pt"):
            check(params)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["start", "generator"])
def test_a_misspelt_name_brings_the_nearest(quick, name):
    with pytest.raises(WeightsError, match="did you mean .*ffhq"):
        check_encoder(quick(**{name: "ffhq-studnt"}))


def test_photographs_are_a_folder_with_images(quick, tmp_path, photos):
    for given, said in ((photos / "a.png", "is a file; name the folder"), (tmp_path, "lies in")):
        with pytest.raises(ParamsError, match=said):
            check_encoder(quick(photographs=str(given)))
    write_bytes(tmp_path / "texts" / "a.txt", b"no image")
    with pytest.raises(ParamsError, match=r"no usable image in .*texts: it holds no .png, .jpg"):
        check_encoder(quick(photographs=str(tmp_path / "texts")))


def test_photographs_may_be_a_named_set_but_for_the_part_that_is_held_out(
    quick, tmp_path, monkeypatch, toy_path
):
    own = {"generator": str(toy_path), "photographs": "set:portraits/train"}
    with listed_set(tmp_path, monkeypatch) as made:
        with pytest.raises(ParamsError, match="not here; run `ganinv data portraits`"):
            check_encoder(quick(**own))
        made.put(made.folder)
        assert len(check_images("photographs", "set:portraits")) == 10
        with pytest.raises(ParamsError, match="set:portraits/study is held out"):
            check_encoder(quick(**own | {"photographs": "set:portraits/study"}))
        with pytest.raises(ParamsError, match="did you mean portraits"):
            check_encoder(quick(**own | {"photographs": "set:portrait"}))


def test_each_of_several_photographs_is_checked(quick, tmp_path, monkeypatch, toy_path, photos):
    good = ["set:portraits/train", str(photos)]
    refused = {
        "set:portraits/study": "study is held out.*train on set:portraits/train",
        str(tmp_path / "nowhere"): "no usable image in .*nowhere: there is no such folder",
        str(tmp_path): "lies in the folder of the photographs",
        "set:portrait": "did you mean portraits",
    }
    with listed_set(tmp_path / "listed", monkeypatch) as made:
        made.put(made.folder)
        assert len(check_images("photographs", *good)) == 11
        for name, said in refused.items():
            for names in ([name, *good], [*good, name]):
                with pytest.raises(ParamsError, match=said):
                    check_encoder(quick(generator=str(toy_path), photographs=names))


def test_a_start_is_not_overwritten_by_what_begins_from_it(quick, trained):
    params = quick(start=str(trained / "encoder.safetensors"), out=str(trained))
    whole = (trained / "encoder.safetensors").read_bytes()
    for fresh in (False, True):
        with pytest.raises(ParamsError, match=r"start: .*encoder.safetensors is what .* overwrite"):
            train_encoder(params, fresh=fresh, say=quiet)
    assert (trained / "encoder.safetensors").read_bytes() == whole


def test_a_start_and_photographs_that_cannot_be_used_are_told_before_compiling(
    quick, tmp_path, toy_path, photos
):
    (photos / "a.png").write_bytes(b"no image")
    for changes, said in (
        ({"photographs": str(photos)}, "no usable image"),
        ({"start": str(toy_path)}, "holds no encoder"),
    ):
        told = []
        with pytest.raises((ParamsError, WeightsError), match=said):
            train_encoder(quick(compile="on", **changes), say=told.append)
        assert not [text for text in told if "compil" in text]
        assert not (tmp_path / "run").exists()
