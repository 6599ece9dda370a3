"""Names of images and of directions, looked up without torch: what is found, and what is said."""

import json
import unicodedata

import pytest

from ganinv import load_generator
from ganinv.editing.names import (
    ARRAYS,
    LATENT,
    check_directions,
    find_image,
    find_one_source,
    find_source,
)
from ganinv.editing.sources import find_one
from ganinv.errors import BadArgumentsError, ParamsError, WeightsError, printable
from ganinv.files import write_json
from ganinv.inversion import latent_files
from ganinv.weights.readers.arrays import READERS
from helpers.codes import write_code, write_run

ODD = "Jürgen & Söhne"
IMAGES = {"Jürgen_Söhne-fb2511": f"{ODD}.jpg", "anna": "anna.png", "ben-2": "Ben 2.JPG"}


@pytest.fixture(scope="module")
def made(toy_path, tmp_path_factory):
    """A run of `IMAGES`, {id: photograph}. Not to be changed."""
    folder = tmp_path_factory.mktemp("names") / "run"
    run = write_run(folder, load_generator(toy_path), toy_path, dict.fromkeys(IMAGES, "none"))
    for name, photo in IMAGES.items():
        write_json(run / name / "record.json", {"psnr": 20.0, "title": photo})
    return run


def refused(call, *arguments, error=BadArgumentsError, **more):
    with pytest.raises(error) as caught:
        call(*arguments, **more)
    assert str(caught.value) == printable(caught.value)
    return str(caught.value)


def test_what_is_known_of_files_is_what_others_know():
    assert latent_files.LATENT == LATENT
    assert {*ARRAYS} == READERS.keys()


# --- images ---


@pytest.mark.parametrize("image, photo", IMAGES.items())
def test_an_image_is_known_by_its_id_and_by_its_photograph(made, image, photo):
    stem = photo.rpartition(".")[0]
    for name in (image, photo, stem, stem.upper(), unicodedata.normalize("NFD", photo)):
        assert find_image(made, name) == image
        assert find_one(name, made) == (image, made / image / LATENT)
    assert find_one_source(f"far/away/{photo}", made) == made / image
    assert find_source(made / stem) == made / image


def test_a_photograph_that_lies_here_is_its_image(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{ODD}.jpg").write_bytes(b"x")
    assert find_one_source(f"{ODD}.jpg", made) == made / "Jürgen_Söhne-fb2511"
    (tmp_path / "mine").mkdir()  # a path, where no image of the run has that name
    assert "no finished image" in refused(find_one_source, "mine", made)
    (tmp_path / "anna").mkdir()
    assert find_one_source("anna", made) == made / "anna"


def test_the_source_of_a_crop_is_the_photograph_s_name_too(made, loaded, tmp_path):
    run = write_run(tmp_path / "run", loaded, tmp_path / "toy", {"x-face1": "none"})
    crop = {"source": "/photos/two of us.jpg"}
    write_json(run / "x-face1" / "record.json", {"title": "x.jpg, face 1", "crop": crop})
    for name in ("two of us.jpg", "two of us", "x.jpg, face 1"):
        assert find_image(run, name) == "x-face1"
    write_code(run / "x-face2", loaded)
    write_json(run / "x-face2" / "record.json", {"title": "x.jpg, face 2", "crop": crop})
    said = refused(find_image, run, "two of us")
    assert "several images two of us" in said and "x-face1, x-face2" in said
    assert find_image(run, "x.jpg, face 2") == "x-face2"


@pytest.fixture
def loaded(toy_path):
    return load_generator(toy_path)


@pytest.mark.parametrize(
    "name, near",
    [("ana", "anna"), ("ben", "ben-2"), ("juergen_soehne-fb2511", "Jürgen_Söhne-fb2511")],
)
def test_a_name_that_is_none_gets_the_nearest_and_the_list(made, name, near):
    for said in (refused(find_image, made, name), refused(find_source, made / name)):
        assert f"did you mean {near}" in said and f"it holds {', '.join(sorted(IMAGES))}" in said


def test_failed_images_and_damaged_records_are_no_names(made, loaded, tmp_path):
    run = write_run(tmp_path / "run", loaded, tmp_path / "toy", {"good": "none", "bad": "none"})
    write_json(run / "bad" / "record.json", {"failed": "no face", "title": "me.jpg"})
    for text in ("[", "[]", '{"title": 5, "crop": 7}', json.dumps({"crop": {"source": [1]}})):
        (run / "good" / "record.json").write_text(text)
        assert "holds" in refused(find_image, run, "me")
    assert find_image(run, "bad") == "bad"  # a latent by its own folder


def test_a_search_that_ended_early_and_kept_a_latent_has_a_name(loaded, tmp_path):
    run = write_run(tmp_path / "run", loaded, tmp_path / "toy", {"early": "none"})
    record = {"failed": "interrupted", "best_step": 5, "title": "me.jpg"}
    write_json(run / "early" / "record.json", record)
    assert find_image(run, "me.jpg") == "early" and find_source(run / "me") == run / "early"
    said = refused(find_source, run)
    assert "the search of early ended early" in said and f"{run / 'early'} has what it" in said


def test_an_empty_run_and_none_are_told_apart(tmp_path):
    (tmp_path / "empty").mkdir()
    assert "no finished image" in refused(find_source, tmp_path / "empty")
    assert "no finished image" in refused(find_image, tmp_path / "empty", "a")
    for path in (tmp_path / "absent", tmp_path / "absent" / "a", tmp_path / "empty" / "a"):
        assert "there is no" in refused(find_source, path)
    assert "cannot be read" in refused(find_source, tmp_path / ("x" * 5000))


# --- directions ---


def test_a_named_direction_is_checked_for_the_generator_it_is_of(made):
    for name in ("smile", "Smile", " yaw "):
        check_directions([name])
    said = refused(check_directions, ["smile", "smlie"], error=ParamsError)
    assert "no direction named 'smlie'; did you mean smile?" in said
    assert "smile" in refused(check_directions, ["x-y"], error=ParamsError)
    check_directions(["smlie"], source=made)  # the toy has none, which is said once it is loaded


@pytest.mark.parametrize(
    "name, said",
    [
        ("sefa:x", "sefa:0"),
        ("PCA:", "pca:0"),
        ("s:1", "s:LAYER:CHANNEL"),
        ("absent.npy", "no file absent.npy"),
        ("absent.npz:age", "no file absent.npz"),
    ],
)
def test_a_direction_of_another_kind_is_read(name, said, made):
    for source in (None, made):
        assert said in refused(check_directions, [name], source=source, error=ParamsError)


def test_what_may_be_a_direction_passes(tmp_path, made):
    (tmp_path / "age.npy").write_bytes(b"x")
    names = ["sefa:0", "PCA:99999", "S:1:2", str(tmp_path / "age.npy"), f"{tmp_path}/age.npy:x"]
    check_directions(names, "coarse,9", source=made)


def test_layers_and_the_generator_are_checked_too():
    assert "coarse" in refused(check_directions, [], "corse", error=ParamsError)
    said = refused(check_directions, [], generator="ffhq-stdent", error=WeightsError)
    assert "did you mean ffhq-student" in said
