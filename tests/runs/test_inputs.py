"""Files, folders and samples as images to invert, each with an id of its own."""

import numpy as np
import pytest

from ganinv.errors import ParamsError
from ganinv.runs.experiment import run_experiment
from ganinv.runs.inputs import find_photos
from ganinv.runs.verify import verify
from ganinv.widgets.edit import EditWidget
from helpers.checks import strict_json
from helpers.commands import cli
from helpers.pictures import picture

# --- names ---


@pytest.mark.parametrize(
    "name",
    [
        '"><img src=x onerror=alert(1)>.png',
        "$x^2$.png",
        "été à Paris.png",
        "..png.png",
        "-rf.png",
        "metrics.json.png",
        "a\nb.png",
        "x" * 200 + ".png",
    ],
)
def test_hostile_names_make_one_plain_folder(toy_params, make_photo, tmp_path, silent, name):
    photo = make_photo(tmp_path / "photos" / name)
    run = run_experiment(toy_params([photo], steps=1, snapshot_every=0), say=silent)
    assert run.failed == {}
    (entry,) = strict_json(tmp_path / "run" / "metrics.json")["images"].items()
    identifier, values = entry
    assert values["title"] == name
    assert (tmp_path / "run" / identifier / "panel.png").is_file()
    assert not set(identifier) & set('<>"/\\$\n ') and not identifier.startswith((".", "-"))
    assert {p.name for p in tmp_path.iterdir()} == {"photos", "run"}
    assert verify(tmp_path / "run", say=silent) == {}


def test_files_of_one_name_in_two_folders(toy_params, make_photo, tmp_path, silent):
    for seed, folder in enumerate(("one", "two")):
        make_photo(tmp_path / folder / "me.png", seed)
    run = run_experiment(toy_params([tmp_path / "one", tmp_path / "two"]), say=silent)
    assert len(run.results["images"]) == 2 and run.failed == {}
    targets = [picture(tmp_path / "run" / name / "target.png") for name in run.results["images"]]
    assert not np.array_equal(*targets)


def test_no_image_has_the_name_of_what_is_written_beside_images(
    toy_params, make_photo, tmp_path, silent
):
    run = run_experiment(toy_params([make_photo(tmp_path / "me.png")]), say=silent).out
    EditWidget(run / "me").save_button.click()
    assert cli("export", run) == 0
    assert cli("edit", run, "--direction", "pca:0", "--strength", "1", "--out", run) == 0
    beside = {path.name for path in run.iterdir()} - {"me"}
    assert {"edits", "exported", "edits.json", "metrics.json", "index.html"} <= beside
    taken = [make_photo(tmp_path / "in" / f"{name}.png", i) for i, name in enumerate(beside)]
    assert not {photo.id for photo in find_photos(taken, align=False)} & beside


def test_file_of_the_same_name_beside_it_changes_no_result(
    toy_params, make_photo, tmp_path, silent
):
    for seed, folder in enumerate(("one", "two")):
        make_photo(tmp_path / folder / "me.png", seed)
    latents = []
    for out, inputs in {"alone": ["one"], "both": ["one", "two"]}.items():
        params = toy_params([tmp_path / x for x in inputs], out=str(tmp_path / out), init="random")
        first = next(iter(run_experiment(params, say=silent).results["images"]))
        latents.append((tmp_path / out / first / "latent.safetensors").read_bytes())
    assert latents[0] == latents[1]


def test_files_of_one_stem(make_photo, tmp_path):
    for name in ("me.png", "me.jpg", "ME.bmp"):
        make_photo(tmp_path / name)
    found = find_photos([tmp_path], align=False)
    assert len({photo.id.lower() for photo in found}) == 3  # folders that ignore case, too


def test_file_given_twice_is_done_once(photos, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "photos")
    found = find_photos([photos[0], tmp_path / "photos", link, str(photos[0])], align=True)
    assert [photo.id for photo in found] == ["a", "b"]


def test_results_inside_an_input_folder_are_no_inputs(toy_params, photos, tmp_path, silent):
    folder = photos[0].parent
    params = toy_params([folder], out=str(folder / "results"))
    first = run_experiment(params, say=silent)
    again = run_experiment(params, say=silent)
    assert set(first.results["images"]) == set(again.results["images"]) == {"a", "b"}


# --- refused before anything runs ---


def test_input_that_does_not_exist_is_refused(toy_params, tmp_path):
    with pytest.raises(ParamsError, match="absent"):
        run_experiment(toy_params([tmp_path / "absent.png"]))
    assert not (tmp_path / "run").exists()


def test_folder_without_images_is_refused(toy_params, tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(ParamsError, match="no images"):
        run_experiment(toy_params([tmp_path / "photos"]))
