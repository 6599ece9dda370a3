"""The way between two inverted faces."""

import pytest
import torch

from ganinv.widgets.edit import EditWidget
from ganinv.widgets.morph import MorphWidget
from ganinv.widgets.pair import find_faces
from helpers.faces import ANOTHER, SAME, apart, pixels, shown
from helpers.refinements import AT, smooth_offset


@pytest.fixture
def out(tmp_path):
    return tmp_path / "quickstart"


def test_the_ends_are_the_faces_and_the_middle_lies_on_the_line(named_toy, written, out):
    (_, a), (_, b) = written("ann", seed=1), written("bob", seed=2)
    widget = MorphWidget(out)
    assert [name for name, _ in widget.pair.first.options] == ["results/ann", "results/bob"]
    faces = {}
    for share in (0.0, 0.25, 1.0):
        widget.share.value = share
        faces[share] = shown(widget.face)
        line = (1 - share) * a + share * b
        assert apart(faces[share], pixels(named_toy.synthesis(line[None])[0])) < SAME
    assert apart(faces[0.0], faces[1.0]) > ANOTHER


def test_a_folder_of_the_home_is_found(written, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder, _ = written("ann", seed=1)
    written("bob", seed=2)
    assert MorphWidget("~/quickstart").pair.is_whole
    widget = EditWidget(f"~/quickstart/results/{folder.name}")
    assert widget.message.value == "" and widget.face in widget.children


def test_another_choice_shows_another_face(named_toy, written, out):
    latents = [written(name, seed=k)[1] for k, name in enumerate(("ann", "bob", "cat"))]
    widget = MorphWidget(out)
    widget.share.value = 1.0
    widget.pair.second.value = widget.pair.second.options[2][1]
    assert apart(shown(widget.face), pixels(named_toy.synthesis(latents[2][None])[0])) < SAME


def test_fewer_than_two_faces_are_told_and_looked_for_again(written, out):
    widget = MorphWidget(out)
    assert "two inverted faces" in widget.pair.message.value
    assert "none" in widget.pair.message.value
    written("ann", seed=1)
    widget.pair.look_button.click()
    assert "holds one" in widget.pair.message.value and widget.face not in widget.children
    written("bob", seed=2)
    widget.pair.look_button.click()
    assert widget.message.value == "" and widget.face.value and widget.face in widget.children


def test_choices_stay_when_looked_for_again(written, out):
    written("bob", seed=1), written("cat", seed=2)
    widget = MorphWidget(out)
    written("ann", seed=3)
    widget.look()
    assert [path.parent.name for path in widget.pair.paths] == ["bob", "cat"]


def test_only_finished_images_are_faces(written, out):
    written("ann"), written("bob", run="quickstart/results-1")
    written("bad", record={"failed": "no face"})
    written("ann-1", run="quickstart/results/edits")
    assert list(find_faces(out)) == ["results/ann", "results-1/bob"]
    assert list(find_faces(out / "results")) == ["ann"]
    assert find_faces(out / "nowhere") == {}


@pytest.mark.parametrize("kind", ["features", "weights"])
def test_a_refined_face_is_shown_refined(named_toy, written, out, kind):
    weights = named_toy.synthesis_parameters()
    weight = next(iter(weights))
    refinement = {
        "features": {f"features.{AT}": smooth_offset(named_toy, 1.0)},
        "weights": {f"weights.{weight}": torch.full_like(weights[weight], 0.3)},
    }
    _, latent = written("ann", seed=1, refinement=refinement[kind])
    written("bob", seed=2)
    plain = pixels(named_toy.synthesis(latent[None])[0])
    widget = MorphWidget(out)
    widget.share.value = 0.0
    assert apart(shown(widget.face), plain) > SAME


def test_noise_maps_of_another_generator_are_told(written, out):
    written("ann", seed=1, noise={"elsewhere": torch.zeros(1, 1, 4, 4)}), written("bob", seed=2)
    assert "noise" in MorphWidget(out).message.value


def test_damaged_files_are_told_in_a_sentence(named_toy, written, out):
    refinement = {f"features.{AT}": smooth_offset(named_toy, 0.5)}
    folder, _ = written("ann", refinement=refinement)
    written("bob", seed=2), written("cat", seed=3)
    (folder / "refinement.safetensors").write_bytes(b"half a fi")
    widget = MorphWidget(out)
    assert "refinement.safetensors is not a whole" in widget.message.value
    widget.share.value = 0.0  # still says so, and renders nothing
    assert "refinement" in widget.message.value
    widget.pair.first.value = widget.pair.second.value
    assert "follows itself" in widget.message.value
    widget.pair.second.value = next(
        path for name, path in widget.pair.second.options if "cat" in name
    )
    assert widget.message.value == "" and widget.face.value
