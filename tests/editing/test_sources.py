"""Codes to work on: of runs, of folders, of files; whose they are, and what goes along."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ganinv import load_generator
from ganinv.editing.sources import Code, find_latents, find_one, fit_code, load_for, read_code
from ganinv.errors import BadArgumentsError, GaninvError, WeightsError, printable
from ganinv.inversion.latent_files import LATENT, GeneratorFile, save_latent
from ganinv.inversion.refinement import REFINEMENT, save_refinement
from ganinv.runs.record_files import write_record
from helpers.codes import draw_code, refinement_of, write_code, write_run
from helpers.tensors import assert_same
from helpers.toys import save_toy

IMAGES = {"a": "none", "b": "features", "c": "weights"}


@pytest.fixture(scope="module")
def loaded(toy_path):
    return load_generator(toy_path)


@pytest.fixture
def run(loaded, toy_path, tmp_path):
    return write_run(tmp_path / "run", loaded, toy_path, IMAGES)


def codes(source):
    return [read_code(*found) for found in find_latents(source)]


def refused(call, *arguments):
    with pytest.raises(BadArgumentsError) as caught:
        call(*arguments)
    assert str(caught.value) == printable(caught.value)
    return str(caught.value)


# --- what a path names ---


def test_a_run_is_its_finished_images(run, loaded):
    write_code(run / "broken", loaded)
    write_record(run, "broken", {"failed": "no face"})
    (run / "unfinished").mkdir()
    save_latent(run / "unfinished" / LATENT, draw_code(loaded), loaded)  # without a record
    write_record(run, "lost", {"psnr": 20.0})  # without a latent
    (run / "metrics.json").write_text("{}")
    assert find_latents(run) == [(name, run / name / LATENT) for name in IMAGES]


def test_an_image_s_folder_and_its_latent_are_that_image(run):
    for path in (run / "b", run / "b" / LATENT):
        assert find_latents(path) == [("b", run / "b" / LATENT)]
    (run / "b" / LATENT).rename(run / "mine.safetensors")
    assert find_latents(run / "mine.safetensors") == [("mine", run / "mine.safetensors")]


def test_codes_of_a_run_bring_what_belongs_to_them(run, loaded, toy_path):
    for code, (name, by) in zip(codes(run), IMAGES.items(), strict=True):
        assert code.id == name and code.sha256 == loaded.sha256
        assert os.path.samefile(code.generator, toy_path)
        assert_same(code.refinement, refinement_of(loaded, by))
        assert code.noise == {} and code.target is None
        assert load_for([code])[0].sha256 == loaded.sha256
    assert torch.equal(codes(run)[1].latent, draw_code(loaded, 1))


def test_the_way_to_an_image_does_not_matter(run, loaded, monkeypatch):
    """From within its folder, the run's parameters still say whose the code is."""
    monkeypatch.chdir(run / "b")
    for source in (".", LATENT, f"./{LATENT}", "../b"):
        (code,) = codes(source)
        assert code.id == "b" and code.refinement
        assert load_for([code])[0].sha256 == loaded.sha256
    (run / "a" / LATENT).replace(run / "b" / LATENT)
    write_record(run, "b", {"psnr": 20.0})
    for source in (".", LATENT, run / "b"):
        assert codes(source)[0].refinement == {}


def test_the_target_is_the_photograph_beside_a_latent(run):
    (run / "a" / "target.png").write_bytes(b"x")
    assert codes(run / "a")[0].target == run / "a" / "target.png"


@pytest.mark.parametrize("name", ["a b", "-2", "$(x)", "ö", "'\"><img src=x>", "a\n\x1b[2J"])
def test_odd_names_of_images(loaded, toy_path, tmp_path, name):
    run = write_run(tmp_path / "run", loaded, toy_path, {name: "features"})
    (code,) = codes(run)
    assert code.id == name and code.refinement
    assert find_one(name, run) == (name, run / name / LATENT)


def test_what_names_no_latent(tmp_path, run):
    (tmp_path / "empty").mkdir()
    assert "no finished image" in refused(find_latents, tmp_path / "empty")
    assert "there is no" in refused(find_latents, tmp_path / "absent\x1b[2J")
    for name in IMAGES:
        (run / name / LATENT).unlink()
    assert "no finished image" in refused(find_latents, run)


def test_one_latent(run, tmp_path):
    assert find_one("b", run) == ("b", run / "b" / LATENT)
    assert find_one(run / "b") == find_one(run / "b" / LATENT) == ("b", run / "b" / LATENT)
    assert find_one(run / "c", run)[0] == "c"  # a path, too, beside a run
    assert "holds 3 latents; name one" in refused(find_one, run)
    assert "it holds a, b, c" in refused(find_one, "x", run)


# --- what goes along ---


def test_a_stale_refinement_is_left(run, loaded):
    """A run that was done again without refining leaves none, but an older copy may."""
    save_refinement(run / "a" / REFINEMENT, refinement_of(loaded, "features"), loaded)
    assert codes(run / "a")[0].refinement == {}
    (run / "a" / "record.json").unlink()  # as `Inversion.save` leaves a folder
    assert codes(run / "a")[0].refinement


def test_a_refinement_of_other_weights_is_refused(run, loaded):
    other = GeneratorFile("other", "f" * 64)
    save_refinement(run / "b" / REFINEMENT, refinement_of(loaded, "features"), other)
    assert "made with other weights" in refused(codes, run)


def test_noise_maps_go_along(loaded, tmp_path):
    maps = {name: x + 1 for name, x in loaded.noise_maps().items()}
    (code,) = codes(write_code(tmp_path / "a", loaded, **maps))
    assert_same(code.noise, maps)
    assert_same(fit_code(code, loaded).noise, code.noise)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_latent_of_another_precision_is_rendered(loaded, tmp_path, dtype):
    save_file({"latent": draw_code(loaded).to(dtype)}, tmp_path / "x.safetensors")
    (code,) = codes(tmp_path / "x.safetensors")
    assert code.latent.dtype == torch.float32
    assert torch.equal(fit_code(code, loaded).latent, code.latent)


# --- whose codes ---


@pytest.fixture
def other_path(toy, tmp_path):
    """A generator like the toy, of other weights."""
    state = {name: x * 1.01 for name, x in toy.state_dict().items()}
    (tmp_path / "other").mkdir()
    return save_toy(tmp_path / "other" / "toy.safetensors", state)


def test_codes_of_two_generators(run, other_path, tmp_path):
    other = load_generator(other_path)
    write_code(tmp_path / "x", other)
    both = [*codes(run), *codes(tmp_path / "x")]
    assert "different generators" in refused(load_for, both)
    assert "different generators" in refused(load_for, both, str(other_path))


def test_another_generator_than_the_codes_own(run, other_path, toy_path):
    assert load_for(codes(run), str(toy_path))[0].name == "toy"
    message = refused(load_for, codes(run), str(other_path))
    assert "weights are not those of toy" in message and "--generator" in message


def test_a_generator_that_was_changed_since(loaded, other_path, tmp_path):
    run = write_run(tmp_path / "late", loaded, other_path, {"a": "none"})
    assert "weights are not those of" in refused(load_for, codes(run))


def test_a_generator_that_is_gone(loaded, tmp_path, root):
    run = write_run(tmp_path / "run", loaded, tmp_path / "gone.safetensors", {"a": "none"})
    with pytest.raises(WeightsError, match="name the generator's file by --generator"):
        load_for(codes(run))


def test_a_latent_that_says_nothing_is_taken_by_shape(loaded, toy_path, tmp_path):
    save_file({"latent": draw_code(loaded)}, tmp_path / "x.safetensors")
    (code,) = codes(tmp_path / "x.safetensors")
    assert (code.generator, code.sha256) == ("", "")
    assert load_for([code], str(toy_path))[0].name == "toy"


def test_damaged_parameters_of_a_run(run):
    (run / "params.yaml").write_text("steps: [")
    assert "params.yaml" in refused(codes, run)


def test_a_latent_that_names_no_generator_goes_with_any(toy_images, toy_path):
    latent = toy_images[1][0]
    sha256 = load_generator(toy_path).sha256
    named = Code("a", latent, Path("a"), str(toy_path), sha256)
    same = Code("b", latent, Path("b"), str(toy_path))  # without the hash
    unknown = Code("c", latent, Path("c"))
    assert load_for([named, same, unknown])[0].sha256 == sha256
    other = Code("d", latent, Path("d"), "other")
    with pytest.raises(BadArgumentsError, match="different generators"):
        load_for([named, other])
    assert load_for([named, other], str(toy_path))[0].sha256 == sha256  # a name can be replaced
    hashed = Code("e", latent, Path("e"), "other", "0" * 64)
    for generator in (None, str(toy_path)):
        with pytest.raises(BadArgumentsError, match="different generators"):
            load_for([named, hashed], generator)


# --- what does not fit ---


def file_of(tmp_path, about=None, **tensors):
    metadata = {"ganinv": json.dumps(about)} if about is not None else None
    save_file(tensors, tmp_path / "x.safetensors", metadata)
    return tmp_path / "x.safetensors"


SHAPES = [(32,), (1, 8, 32), (18, 512), (8, 31), (0, 32)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_another_shape(loaded, tmp_path, shape):
    (code,) = codes(file_of(tmp_path, {}, latent=torch.zeros(shape)))
    assert "takes (8, 32)" in refused(fit_code, code, loaded)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_latents_that_are_no_finite_numbers(loaded, tmp_path, value):
    for latent in (torch.full((8, 32), value), torch.zeros(8, 32, dtype=torch.int32)):
        assert "no finite" in refused(codes, file_of(tmp_path, latent=latent))


def test_noise_maps_that_do_not_fit(loaded, tmp_path):
    maps = {f"noise.{name}": x.clone() for name, x in loaded.noise_maps().items()}
    first = next(iter(maps))
    wrong = [
        {first: maps[first]},
        maps | {"noise.more": maps[first].clone()},
        maps | {first: maps[first][..., :-1].contiguous()},
        maps | {first: maps[first] * torch.nan},
        maps | {first: maps[first].long()},
    ]
    for tensors in wrong:
        path = file_of(tmp_path, latent=draw_code(loaded), **tensors)
        assert "noise" in refused(lambda path: fit_code(*codes(path), loaded), path)


def test_refinements_that_do_not_fit(loaded, tmp_path):
    for name, x in {"features.16": torch.zeros(1, 16, 16), "weights.no": torch.zeros(2)}.items():
        code = Code("a", draw_code(loaded), tmp_path / LATENT, refinement={name: x})
        assert "the refinement in" in refused(fit_code, code, loaded)


def test_files_that_are_no_latents(tmp_path):
    path = file_of(tmp_path, {}, w=torch.zeros(8, 32))
    assert "no tensor named latent" in refused(codes, path)
    path.write_bytes(b"")
    assert "not a whole" in refused(codes, path)
    (tmp_path / "y.npy").write_bytes(b"\x93NUMPY")
    refused(codes, tmp_path / "y.npy")


@pytest.mark.parametrize("about", [[], 5, {"sha256": 5, "generator": ["x"]}, "x"])
def test_odd_metadata(loaded, toy_path, tmp_path, about):
    (code,) = codes(file_of(tmp_path, about, latent=draw_code(loaded)))
    assert type(code.generator) is str and type(code.sha256) is str
    if code.sha256:
        with pytest.raises(GaninvError, match="not those of"):
            load_for([code], str(toy_path))
