"""The study on edits: what is run, along which directions, and what attributes are counted in."""

import json

import pytest
import torch

from ganinv import load_generator
from ganinv.analysis import editing
from ganinv.analysis.editing import EditingParams
from ganinv.editing.named import save_named
from ganinv.errors import ParamsError, UnknownNameError
from ganinv.inversion.latent_files import load_latent
from ganinv.paths import project_root
from helpers.edited import Blind, Colours, quick_study
from helpers.networks import random_stylegan2


@pytest.fixture(scope="module")
def planned(toy_path, make_photo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("editing")
    return quick_study(toy_path, [make_photo(folder / "a.png")], folder / "out")


@pytest.fixture(scope="module")
def made(planned):
    return editing.make_all(planned)


def test_every_kind_is_a_run_of_its_own(made):
    experiments, sentences = made
    names = ["W", "W+ short", "W+ long", "W+ short + features", "W+ short + weights"]
    assert [e.name for e in experiments] == names
    assert [e.params.steps for e in experiments] == [1, 2, 3, 0, 0]
    assert [e.params.space for e in experiments] == ["w", *["w+"] * 4]
    assert [list(e.images) for e in experiments] == [["a"]] * 5
    assert len({e.folder for e in experiments}) == 5


def test_kinds_of_an_encoder_are_left_out_without_one(made):
    assert [text.split(" is left out")[0] for text in made[1]] == ["Encoder", "In-domain"]


def test_refined_ones_begin_from_the_short_code(made):
    _, short, long, *refined = made[0]
    codes = [load_latent(e.folder / "a" / "latent.safetensors")[0] for e in (short, *refined)]
    assert all(torch.equal(code, codes[0]) for code in codes[1:])
    other, _ = load_latent(long.folder / "a" / "latent.safetensors")
    assert not torch.equal(codes[0], other)


def test_features_are_moved_at_the_largest_resolution_where_theirs_is_not_there(planned, toy):
    runs, _ = editing.plan(planned.replace(refine_resolution=64), toy)
    assert runs["W+ short + features"].refine_resolution == max(toy.feature_shapes())


def test_what_began_the_codes_and_what_refines_them_stay_apart(planned, toy):
    own = planned.replace(init_spread=0.5, refine="weights", refine_lr=0.03, refine_locality=0.1)
    runs, _ = editing.plan(own, toy)
    short, features, weights = (runs[f"W+ short{x}"] for x in ("", " + features", " + weights"))
    assert (short.init_spread, features.init_spread, weights.init_spread) == (0.5, 0, 0)
    assert (short.refine_locality, features.refine_locality) == (0, 0)
    assert (weights.refine_locality, features.refine_lr) == (0.1, 0.03)
    assert weights.refine_lr == pytest.approx(0.03 * 3e-4 / 0.09)


def test_a_class_leaves_the_encoders_code_as_it_is(planned):
    with_classes = random_stylegan2(c_dim=3, c_embed=5)
    runs, sentences = editing.plan(planned.replace(label=1), with_classes)
    assert runs["W+ long"].label == 1 and runs["W+ short + features"].label is None
    assert [text.split(" is left out")[0] for text in sentences] == ["Encoder", "In-domain"]


def test_a_gan_without_w_is_planned_in_z(dcgan, dcgan_path, make_photo, tmp_path):
    photo = make_photo(tmp_path / "a.png")
    params = quick_study(dcgan_path, [photo], tmp_path / "out", space="z")
    runs, sentences = editing.plan(params, dcgan)
    assert list(runs) == ["Z short", "Z long", "Z short + features", "Z short + weights"]
    assert [text.split(" is left out")[0] for text in sentences] == ["W", "Encoder", "In-domain"]
    with pytest.raises(ParamsError, match="it offers z"):
        editing.plan(params.replace(space="w+"), dcgan)


def test_the_full_study_is_judged_by_what_no_loss_holds():
    params = EditingParams.load(project_root() / "params" / "editing.yaml")
    assert (params.steps, params.long_steps) == (100, 600) and len(params.directions) == 5
    assert params.images == ["sample:portrait-050"]  # eight are published: make evidence
    assert "lpips_alex" not in params.loss and "lpips_alex" not in params.refine_loss


def test_the_notebooks_parameters_are_the_studys_made_quick():
    path = project_root() / "notebooks" / "08_what_the_code_is_for.ipynb"
    (cell,) = [
        c
        for c in json.loads(path.read_text())["cells"]
        if "parameters" in c["metadata"].get("tags", [])
    ]
    values = {}
    exec("".join(cell["source"]), values)
    quick = EditingParams.collect(values, values["file"], values["more"])
    full = EditingParams.load(values["file"])
    changed = {name for name in EditingParams.model_fields if "steps" in name}
    changed |= {"images", "directions", "strengths", "draws", "log_every", "snapshot_every"}
    assert quick.model_dump(exclude=changed) == full.model_dump(exclude=changed)
    assert all(getattr(quick, name) < 10 for name in changed if "steps" in name)


@pytest.mark.parametrize("strengths", [[], [0.0], [float("nan"), 1.0], [float("inf")]])
def test_strengths_that_move_nothing_are_refused(strengths):
    with pytest.raises(ParamsError, match="finite numbers"):
        EditingParams.make({"strengths": strengths})


def test_attributes_without_a_direction_are_left_out(toy_path, root):
    toy = load_generator(toy_path)
    rows = {"smile": (torch.ones(toy.w_dim), "all", "the mouth's width")}
    save_named(root / "checkpoints" / "directions_toy.safetensors", rows, toy, {})
    found, sentences = editing.choose_directions(toy, ["yaw", "smile", "pca:1"])
    assert [d.name for d in found] == ["smile", "pca:1"]
    assert sentences == ["toy has no named direction for yaw."]


def test_components_take_the_place_of_directions_that_are_not_there(toy, root):
    found, sentences = editing.choose_directions(toy, ["yaw", "smile"])
    assert [d.name for d in found] == ["pca:0", "pca:1"] and len(sentences) == 2
    with pytest.raises(UnknownNameError):
        editing.choose_directions(toy, ["smlie"])


def test_deviations_are_those_of_the_card(toy, root, monkeypatch):
    monkeypatch.setattr(toy, "sha256", "f" * 64, raising=False)
    card = {"sha256": toy.sha256, "samples": 9, "deviations": {"smile": 0.5, "gone": 2.0}}
    rows = {"smile": (torch.ones(toy.w_dim), "all", "the mouth's width")}
    save_named(root / "checkpoints" / "directions_toy.safetensors", rows, toy, card)
    found, whence = editing.attribute_deviations(toy, 2, look=Blind)
    assert found == {"smile": 0.5} and whence.startswith("over the 9 faces")


def test_deviations_are_measured_on_drawn_faces_without_a_card(toy, root):
    found, whence = editing.attribute_deviations(toy, 40, look=Colours)
    rng = torch.Generator().manual_seed(7)
    ws = toy.mapping(torch.randn(400, toy.z_dim, generator=rng), None, 0.8)
    with torch.no_grad():
        red = ((toy.synthesis(ws).clamp(-1, 1) + 1) / 2)[:, 0].mean((1, 2))
    assert found["smile"] == pytest.approx(red.std().item(), rel=0.35)  # of 40 other draws
    assert whence == "over 40 drawn faces"


def test_pictures_without_faces_have_no_attributes(toy, root):
    found, whence = editing.attribute_deviations(toy, 2, look=Blind)
    assert found == {}
    assert "cannot be measured: 0 of 2" in editing.describe_deviations(found, whence)
