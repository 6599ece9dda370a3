"""Tuned weights as generator files."""

import shutil

import numpy as np
import pytest
import torch

from ganinv import load_generator
from ganinv.errors import BadArgumentsError, WeightsError
from ganinv.files import sha256_file
from ganinv.images.pixels import to_uint8
from ganinv.inversion.latent_files import load_latent, load_noise
from ganinv.inversion.refinement import load_refinement, render_refined, save_refinement
from ganinv.runs.tuned import write_tuned
from ganinv.weights.convert import convert_checkpoint
from ganinv.weights.store import read_weights
from helpers.checks import strict_json
from helpers.pictures import picture
from helpers.refined import refined_run
from helpers.toys import build_toy, save_toy

NOISE = dict(noise_maps="optimized", refine_lr=0.01)  # a rate that shows in few steps


@pytest.fixture(scope="module")
def runs(toy_path, make_photo, tmp_path_factory):
    """A refined run for each kind of refinement, by it. Not to be changed."""
    return {
        kind: refined_run(toy_path, make_photo, tmp_path_factory.mktemp(kind), kind, **changes)
        for kind, changes in (("weights", NOISE), ("both", {}), ("features", {}))
    }


@pytest.fixture
def image(runs, toy_path, tmp_path):
    """A copy of an image's folder in a run refined by weights, which a test may damage."""
    (tmp_path / "params.yaml").write_text(f"generator: {toy_path}\n")
    return shutil.copytree(runs["weights"] / "a", tmp_path / "a")


def rendered(generator, image):
    """What a generator renders of an image's latent, with its noise maps."""
    latent = load_latent(image / "latent.safetensors")[0]
    noise = {k: x for k, x in load_noise(image / "latent.safetensors").items()} or "const"
    with torch.no_grad():
        return generator.synthesis(latent[None], noise)[0]


def test_it_renders_the_reconstruction(runs, tmp_path):
    for name in "ab":
        image = runs["weights"] / name
        tuned = load_generator(write_tuned(image, tmp_path / f"{name}.safetensors"))
        pixels = to_uint8(rendered(tuned, image)).astype(int)
        assert np.abs(pixels - picture(image / "reconstruction.png")).max() <= 1
        assert np.abs(pixels - picture(image / "code.png")).max() > 8


def test_it_renders_what_the_refinement_does(runs, toy, tmp_path):
    image = runs["weights"] / "a"
    tuned = load_generator(write_tuned(image, tmp_path / "t.safetensors"))
    latent = load_latent(image / "latent.safetensors")[0]
    noise = load_noise(image / "latent.safetensors")
    assert noise
    refinement = load_refinement(image / "refinement.safetensors")[0]
    wanted = render_refined(toy, latent, noise, refinement)
    assert (rendered(tuned, image) - wanted).abs().max() < 1e-5


def test_all_but_the_synthesis_is_the_originals(runs, toy_path, toy, tmp_path):
    path = write_tuned(runs["weights"] / "a", tmp_path / "t.safetensors")
    (about, tuned), (wanted, original) = read_weights(path), read_weights(toy_path)
    assert about == wanted and tuned.keys() == original.keys()
    moved = {name for name in tuned if not torch.equal(tuned[name], original[name])}
    assert moved and moved <= toy.synthesis_parameters().keys()
    assert {"w_avg", "w_std"} <= tuned.keys()
    z = torch.randn(3, toy.z_dim, generator=torch.Generator().manual_seed(0))
    assert torch.equal(load_generator(path).mapping(z), toy.mapping(z))


def test_its_description_says_what_it_was_tuned_from(runs, toy_path, tmp_path):
    path = write_tuned(runs["weights"] / "a", tmp_path / "new" / "t.safetensors")
    note = strict_json(path.with_suffix(".json"))
    assert note["source"] == "toy, tuned to a" and note["source_sha256"] == sha256_file(toy_path)
    assert note["sha256"] == sha256_file(path) and note["size"] == path.stat().st_size


@pytest.mark.usefixtures("root")
def test_a_checkpoint_of_other_code_is_tuned_too(rosinality, tmp_path):
    """Its file brings no spread of W, and its hash is not that of the converted file."""
    original = load_generator(rosinality)
    moved = {f"weights.{n}": 0.05 * x for n, x in original.synthesis_parameters().items()}
    save_refinement(tmp_path / "run" / "a" / "refinement.safetensors", moved, original)
    (tmp_path / "run" / "params.yaml").write_text("generator: ../net.pt\n")
    tuned = load_generator(write_tuned(tmp_path / "run" / "a", tmp_path / "t.safetensors"))
    assert torch.equal(tuned.w_avg, original.w_avg) and torch.equal(tuned.w_std, original.w_std)
    for name, x in original.synthesis_parameters().items():  # up to float16
        assert torch.allclose(tuned.synthesis_parameters()[name], 1.05 * x, rtol=1e-4, atol=1e-6)
    note = strict_json(tmp_path / "t.json")
    assert (note["format"], note["licence"]) == ("rosinality", "not stated in the file")


def test_features_beside_weights_are_left_out_and_said(runs, toy, tmp_path):
    image, said = runs["both"] / "a", []
    path = write_tuned(image, tmp_path / "t.safetensors", say=said.append)
    (text,) = said
    assert "the features at 16 are left out" in text
    refinement = load_refinement(image / "refinement.safetensors")[0]
    weights = {name: x for name, x in refinement.items() if name.startswith("weights.")}
    latent = load_latent(image / "latent.safetensors")[0]
    wanted = render_refined(toy, latent, {}, weights)
    assert (rendered(load_generator(path), image) - wanted).abs().max() < 1e-5


def test_features_alone_are_refused(runs, tmp_path):
    with pytest.raises(BadArgumentsError, match="features only: they belong to one photograph"):
        write_tuned(runs["features"] / "a", tmp_path / "t.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_refined_is_refused(finished, tmp_path):
    for folder, says in (
        (finished[0] / "a", "nothing was refined there"),
        (tmp_path / "absent", "there is no folder"),
    ):
        with pytest.raises(BadArgumentsError, match=says):
            write_tuned(folder, tmp_path / "t.safetensors")


def test_another_generator_is_refused(image, tmp_path):
    other = save_toy(tmp_path / "other.safetensors", build_toy(seed=5).state_dict())
    with pytest.raises(BadArgumentsError, match="other weights than those of other"):
        write_tuned(image, tmp_path / "out" / "t.safetensors", generator=str(other))
    assert not (tmp_path / "out").exists()


def test_a_generator_that_has_gone_is_named_and_may_be_given(image, toy_path, tmp_path):
    params = tmp_path / "params.yaml"
    params.write_text("generator: ./gone.safetensors\n")
    out = tmp_path / "out" / "t.safetensors"
    with pytest.raises(WeightsError, match=r"gone.*name the generator's file by --generator"):
        write_tuned(image, out)
    params.unlink()
    with pytest.raises(BadArgumentsError, match=r"no params\.yaml in it"):
        write_tuned(image, out)
    assert load_generator(write_tuned(image, out, generator=str(toy_path))).name == "t"


def test_places_that_hold_something_else_are_refused(image, toy_path, tmp_path):
    before = toy_path.read_bytes()
    (tmp_path / "d.safetensors").mkdir()
    for place, says in (
        (tmp_path / "t.pkl", "does not end in .safetensors"),
        (image / "refinement.safetensors", "among the files of a run"),
        (tmp_path / "metrics.safetensors", "among the files of a run"),
        (tmp_path / "d.safetensors", "is a folder"),
        (toy_path, "the generator that was refined"),
    ):
        with pytest.raises(BadArgumentsError, match=says):
            write_tuned(image, place, generator=str(toy_path))
    assert toy_path.read_bytes() == before


def test_an_earlier_file_is_replaced(runs, tmp_path):
    out = tmp_path / "t.safetensors"
    first, second = (write_tuned(runs["weights"] / n, out).read_bytes() for n in "ab")
    assert first != second


def test_a_tuned_file_is_converted_to_one_of_the_same_weights(runs, tmp_path):
    out = write_tuned(runs["weights"] / "a", tmp_path / "t.safetensors")
    before = out.read_bytes()
    (other,) = convert_checkpoint(out, tmp_path / "other.safetensors")
    a, b = load_generator(out), load_generator(other)
    ws = a.w_avg.expand(1, a.num_ws, -1)
    assert torch.equal(a.synthesis(ws), b.synthesis(ws))
    out.with_suffix(".json").unlink()
    assert convert_checkpoint(out) == [out]  # described, and left as it is
    assert out.read_bytes() == before and out.with_suffix(".json").is_file()
