"""The sliders that edit an inverted face."""

import numpy as np
import pytest
import torch

from ganinv.editing.carry import Rendered
from ganinv.editing.sources import read_code
from ganinv.files import read_json
from ganinv.images.pixels import to_uint8
from ganinv.images.writing import read_png
from ganinv.inversion.latent_files import GeneratorFile, save_latent
from ganinv.measures.codes import WSpread
from ganinv.widgets.edit import EditWidget
from helpers.faces import ANOTHER, SAME, apart, draw_latent, pixels, shown
from helpers.refinements import AT, smooth_offset


def standard_move(generator, w):
    """A direction, as long as W's standard deviation along it, by numpy."""
    unit = w.double().numpy() / np.linalg.norm(w.double().numpy())
    return unit * np.sqrt(unit @ WSpread(generator).covariance.numpy() @ unit)


def test_all_sliders_add_up_and_the_picture_follows(named_toy, planted, written):
    folder, latent = written()
    widget = EditWidget(folder)
    assert list(widget.sliders) == ["smile", "yaw"]
    assert apart(shown(widget.face), pixels(named_toy.synthesis(latent[None])[0])) < SAME

    widget.sliders["smile"].value = 2.5
    widget.sliders["yaw"].value = -2.0
    expected = latent.double().numpy() + 2.5 * standard_move(named_toy, planted["smile"][0])
    expected[:2] -= 2 * standard_move(named_toy, planted["yaw"][0])
    np.testing.assert_allclose(widget.latent().numpy(), expected, atol=1e-5)
    edited = named_toy.synthesis(torch.from_numpy(expected).float()[None])[0]
    assert apart(shown(widget.face), pixels(edited)) < SAME
    assert apart(pixels(edited), pixels(named_toy.synthesis(latent[None])[0])) > ANOTHER


def test_sliders_have_their_range_and_say_what_they_are(planted, written):
    slider = EditWidget(written()[0]).sliders["yaw"]
    assert (slider.min, slider.max, slider.step, slider.value) == (-3.0, 3.0, 0.5, 0.0)
    assert slider.description == "yaw" and slider.tooltip == "where the head turns"
    assert slider.readout


@pytest.mark.parametrize(("live", "while_moving"), [(1e6, True), (0.0, False)])
def test_slow_pictures_wait_until_a_slider_is_let_go(planted, written, live, while_moving):
    widget = EditWidget(written()[0], live=live)
    assert widget.seconds > 0
    assert {s.continuous_update for s in widget.sliders.values()} == {while_moving}


def test_reset_renders_the_inverted_face_once(planted, written):
    widget = EditWidget(written()[0])
    before, pictures = widget.face.value, []
    for slider in widget.sliders.values():
        slider.value = 2.0
    widget.face.observe(lambda change: pictures.append(change["new"]), "value")
    widget.reset_button.click()
    assert pictures == [before]
    assert widget.strengths == {}


def test_without_named_directions_there_are_components_of_w(named_toy, written):
    folder, latent = written()
    widget = EditWidget(folder)
    assert list(widget.sliders) == [f"pca:{k}" for k in range(5)]
    assert "no named directions" in widget.about.value
    values, vectors = np.linalg.eigh(WSpread(named_toy).covariance.numpy())
    widget.sliders["pca:1"].value = 2.0
    move = (widget.latent() - latent)[3].double().numpy()
    assert abs(move @ vectors[:, -2]) == pytest.approx(2 * values[-2] ** 0.5, rel=1e-4)


def test_what_is_saved_is_a_code_again(named_toy, planted, written):
    refinement = {f"features.{AT}": smooth_offset(named_toy, 1.0)}
    folder, _ = written(refinement=refinement)
    widget = EditWidget(folder)
    widget.sliders["smile"].value = 1.5
    widget.save_button.click()
    widget.save_button.click()
    edits = folder.parent / "edits"
    assert sorted(path.name for path in edits.iterdir()) == ["me-1", "me-2"]
    assert "me-2" in widget.message.value

    saved = read_code("me-1", edits / "me-1" / "latent.safetensors")
    assert torch.equal(saved.latent, widget.latent()) and saved.sha256 == named_toy.sha256
    again = to_uint8(Rendered(named_toy, saved)(saved.latent))
    assert np.array_equal(read_png(edits / "me-1" / "edit.png"), again)
    assert apart(again / 127.5 - 1, pixels(named_toy.synthesis(saved.latent[None])[0])) > ANOTHER
    assert read_json(edits / "me-1" / "edit.json") == {"image": "me", "strengths": {"smile": 1.5}}


def test_a_refinement_and_noise_maps_go_along(named_toy, planted, written):
    noise = {name: torch.randn_like(x) for name, x in named_toy.noise_maps().items()}
    weight = next(iter(named_toy.synthesis_parameters()))
    changed = torch.full_like(named_toy.synthesis_parameters()[weight], 0.3)
    folder, latent = written(noise=noise, refinement={f"weights.{weight}": changed})
    face = shown(EditWidget(folder).face)
    code = read_code("me", folder / "latent.safetensors")
    refined = Rendered(named_toy, code)(latent)
    assert apart(face, pixels(refined)) < SAME
    assert apart(pixels(refined), pixels(named_toy.synthesis(latent[None])[0])) > ANOTHER


def break_refinement(folder):
    (folder / "refinement.safetensors").write_bytes(b"half a fi")


def remove_latent(folder):
    (folder / "latent.safetensors").unlink()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [(break_refinement, "refinement.safetensors is not a whole"), (remove_latent, "no latent")],
)
def test_damaged_files_are_told_in_a_sentence(named_toy, written, damage, sentence):
    folder, _ = written(refinement={f"features.{AT}": smooth_offset(named_toy, 0.5)})
    damage(folder)
    widget = EditWidget(folder)
    assert sentence in widget.message.value
    assert widget.children == (widget.message,)


def test_names_in_errors_are_text(tmp_path):
    widget = EditWidget(tmp_path / '"><img src=x onerror=alert(1)>')
    assert "there is no" in widget.message.value
    assert "<img" not in widget.message.value and "&lt;img" in widget.message.value


def test_errors_while_rendering_and_saving_are_told(planted, written):
    folder, _ = written()
    widget = EditWidget(folder)
    (folder.parent / "edits").write_text("a file in the way")
    widget.save()
    assert "cannot be written" in widget.message.value
    widget.sliders["smile"].value = 1.0
    assert widget.message.value == ""


def test_a_latent_of_another_generator_is_told(toy, written):
    folder, _ = written()
    stranger = GeneratorFile("toy", "f" * 64)
    save_latent(folder / "latent.safetensors", draw_latent(toy, 0), stranger)
    assert "whose weights are not those of" in EditWidget(folder).message.value
