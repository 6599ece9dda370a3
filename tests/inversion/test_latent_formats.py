"""Latents in files of other tools: one test a layout, then names, places and what is refused."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ganinv.editing.sources import find_latents, fit_code, read_code
from ganinv.generators.load import load_generator
from ganinv.generators.mobile_stylegan import MobileStyleGAN
from ganinv.inversion.latent_files import GeneratorFile, load_latent, load_noise, save_latent
from ganinv.inversion.latent_formats import match, read_latents
from ganinv.inversion.noise_maps import fit_maps, start_maps, strengthened
from ganinv.inversion.params import SearchParams
from ganinv.inversion.refinement import render_refined
from ganinv.inversion.starts import own_start, read_start
from helpers import foreign_latents as tools
from helpers.latents import start
from helpers.networks import random_stylegan2
from helpers.searches import search
from helpers.toys import build_toy

WS = torch.randn(2, 8, 32, generator=torch.Generator().manual_seed(5))


def write(tmp_path, name, tool, ws=WS):
    tool(tmp_path / name, ws)
    return str(tmp_path / name)


# --- one layout each, as a start ---


@pytest.mark.parametrize(
    "name, tool",
    [("projected_w.npz", tools.nvidia), ("w.npy", tools.npy), ("0.pt", tools.pti)],
)
def test_a_file_of_one_latent_is_a_start(toy, tmp_path, name, tool):
    path = write(tmp_path, name, tool)
    assert torch.equal(start(toy, "w+", path), WS[0])
    assert torch.allclose(start(toy, "w", path), WS[0].mean(0, keepdim=True), atol=1e-6)
    assert load_noise(path) == {} and load_latent(path)[1] == {}


def test_rosinality_names_its_latents_by_photograph(toy, toy_images, tmp_path):
    path = write(tmp_path, "project.pt", tools.rosinality)
    for i, name in enumerate("ab"):
        run = search(toy, toy_images[0][0], space="w+", init=path, image_id=name, steps=0)
        assert torch.equal(run.latent, WS[i]) and not run.latent.requires_grad
    one = write(tmp_path, "one.pt", lambda p, ws: tools.rosinality(p, ws[1:], ["me.png"]))
    assert torch.equal(start(toy, "w+", one), WS[1])
    in_w = write(tmp_path, "w.pt", lambda p, ws: tools.rosinality(p, ws[:, 0]))
    assert torch.equal(start(toy, "w+", f"{in_w}:faces/in/b.png"), WS[1, 0].expand(8, -1))


def test_a_dict_of_names_is_taken_by_photograph(toy, toy_images, tmp_path):
    path = write(tmp_path, "latents.pt", tools.e4e_by_name)
    run = search(toy, toy_images[0][0], space="w+", init=path, image_id="b", steps=0)
    assert torch.equal(run.latent, WS[1])
    with pytest.raises(ValueError, match="holds 2 latents: a, b, and none of c"):
        search(toy, toy_images[0][0], space="w+", init=path, image_id="c", steps=0)


def test_a_stack_is_taken_by_place(toy, toy_images, tmp_path):
    path = write(tmp_path, "latents.pt", tools.e4e)
    latents = read_latents(path)
    assert latents.ordered
    assert [match(latents, path, ["x"], (i, 2)) for i in (0, 1)] == ["0", "1"]
    with pytest.raises(ValueError, match="by the order of the photographs, and 3 are inverted"):
        match(latents, path, ["x"], (0, 3))
    with pytest.raises(ValueError, match=r"name one as FILE:NAME, such as .*latents\.pt:0"):
        search(toy, toy_images[0][0], space="w+", init=path, image_id="a", steps=0)
    assert torch.equal(start(toy, "w+", f"{path}:1"), WS[1])


# --- noise maps ---


def sides_of(generator):
    return [x.shape[-1] for x in generator.noise_maps().values()]


def maps_of(path, name):
    return torch.load(path)[f"faces/in/{name}"]["noise"]


def test_rosinalitys_noise_maps_are_laid_onto_the_layers(tmp_path):
    """They are what its generator adds, times the layer's strength, as StyleGAN2's here does."""
    generator = random_stylegan2()
    ws = torch.randn(2, generator.num_ws, generator.w_dim)
    path = tmp_path / "project.pt"
    tools.rosinality(path, ws, sides=sides_of(generator))
    for name in tools.NAMES:
        found = fit_maps(load_noise(f"{path}:faces/in/{name}"), generator, path)
        assert list(found) == list(generator.noise_maps())
        wanted = maps_of(path, name)
        assert all(torch.equal(x, y) for x, y in zip(found.values(), wanted, strict=True))
    assert not torch.equal(*(maps_of(path, name)[-1] for name in tools.NAMES))
    first = f"{path}:faces/in/a.png"
    code = fit_code(read_code("a", Path(first)), generator)
    own = dict(zip(generator.noise_maps(), maps_of(path, "a.png"), strict=True))
    assert torch.equal(
        render_refined(generator, code.latent, code.noise, {}),
        generator.synthesis(ws[:1], noise=own)[0],
    )
    params = SearchParams.make(dict(init=first, noise_maps="optimized"))
    begun = strengthened(start_maps(params, generator, torch.Generator()), generator)
    assert all(torch.allclose(x, own[name], atol=1e-6) for name, x in begun.items())


def test_noise_maps_that_are_left_out_are_said(toy, tmp_path):
    path = write(tmp_path, "project.pt", tools.rosinality)
    params = SearchParams.make(dict(init=f"{path}:faces/in/a.png", noise_maps="optimized"))
    with pytest.warns(UserWarning, match="project.pt holds 3 noise maps, which are left out: they"):
        maps = start_maps(params, toy, torch.Generator().manual_seed(0))
    assert maps.keys() == toy.noise_maps().keys()  # drawn
    with pytest.warns(UserWarning, match="do not fit the 5 layers of toy"):
        code = fit_code(read_code("a", Path(f"{path}:faces/in/a.png")), toy)
    assert code.noise == {}
    with pytest.warns(UserWarning, match="noise_maps: stored leaves out"):
        assert start_maps(params.replace(noise_maps="stored"), toy, torch.Generator()) == {}


def test_odd_noise_maps(toy, tmp_path):
    path, ws = tmp_path / "x.pt", WS[0]
    first = torch.zeros(1, 1, 4, 4)
    torch.save({"latent": ws, "noise": [first + i for i in range(12)]}, path)
    assert [int(x.mean()) for x in load_noise(path).values()] == list(range(12))
    torch.save({"latent": ws, "noise": [first * torch.nan]}, path)
    with pytest.raises(ValueError, match="the noise map 0 .* no finite"):
        load_noise(path)
    torch.save({"latent": ws, "noise": "none", "noises": [first]}, path)
    assert load_noise(path) == {}
    with pytest.raises(ValueError, match="without a name"):
        load_noise(f"{path}:b")


# --- safetensors of other tools ---


@pytest.mark.parametrize("name", ["w", "latent", "latents", "codes", "0"])
@pytest.mark.parametrize("shape", [(32,), (8, 32), (1, 8, 32)], ids=str)
def test_a_safetensors_of_one_tensor_is_a_latent(toy, tmp_path, name, shape):
    latent = torch.randn(shape)
    save_file({name: latent}, tmp_path / "x.safetensors", {"format": "pt"})
    wanted = latent.reshape(-1, 32).expand(8, -1)
    assert torch.equal(start(toy, "w+", str(tmp_path / "x.safetensors")), wanted)


@pytest.mark.parametrize("name", ["w", "latent", "latents"])
def test_a_safetensors_says_which_is_the_latent(toy, tmp_path, name):
    path = tmp_path / "x.safetensors"
    save_file({name: WS[:1], "image": torch.zeros(1, 3, 4, 4), "loss": torch.zeros(1)}, path)
    assert torch.equal(start(toy, "w+", str(path)), WS[0])
    save_file({name: WS, "a": torch.zeros(1)}, path)  # a stack
    assert read_latents(path).ordered and torch.equal(start(toy, "w+", f"{path}:1"), WS[1])
    assert [name for name, _ in find_latents(path)] == ["x-0", "x-1"]


def test_a_safetensors_that_does_not_say_so_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({f"style.{i}.weight": torch.zeros(3, 4) for i in range(9)}, path)
    with pytest.raises(ValueError) as caught:
        load_latent(path)
    message = str(caught.value)
    assert "holds 9 tensors, style.0.weight (3, 4)" in message and ", …, and does not" in message
    assert "under the name w, latent or latents, or where it is alone" in message
    save_file({"x": torch.zeros(3, 4, 5, 6)}, path)
    with pytest.raises(ValueError, match="is no latent: it has shape"):
        load_latent(path)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("shape", [(32,), (1, 32), (8, 32), (1, 8, 32), (1, 1, 32)], ids=str)
def test_shapes_of_one_latent(toy, tmp_path, shape, legacy):
    latent = torch.randn(shape)
    torch.save(latent, tmp_path / "x.pt", _use_new_zipfile_serialization=not legacy)
    wanted = latent.reshape(-1, 32).expand(8, -1)
    assert torch.equal(start(toy, "w+", str(tmp_path / "x.pt")), wanted)
    np.save(tmp_path / "x.npy", latent.double().numpy())
    assert torch.equal(start(toy, "w+", str(tmp_path / "x.npy")), wanted)


def test_rows_of_the_teacher_are_laid_onto_the_students(tmp_path):
    """As fit_rows lays an encoder's, which has its own tests."""
    student = MobileStyleGAN(channels=[8] * 8, z_dim=4, w_dim=6, mapping_layers=1)
    rows = torch.arange(18.0)[:, None].expand(-1, 6)
    np.savez(tmp_path / "projected_w.npz", w=rows[None].numpy())
    latent = read_start(str(tmp_path / "projected_w.npz"), student)
    assert latent.shape == (23, 6) and latent[[0, 3, 4, 22], 0].tolist() == [0, 3, 3, 17]
    np.save(tmp_path / "x.npy", rows[:17].numpy())
    with pytest.raises(ValueError, match=r"shape \(17, 6\).*\(23, 6\), or its teacher's \(18, 6\)"):
        read_start(str(tmp_path / "x.npy"), student)


# --- names ---


def named(tmp_path, *keys):
    torch.save(
        {key: torch.full((8, 32), float(i)) for i, key in enumerate(keys)}, tmp_path / "x.pt"
    )
    return str(tmp_path / "x.pt")


def test_names_are_matched_without_folders_and_by_suffix_where_it_matters(tmp_path):
    path = named(tmp_path, "in/me.png", "C:\\in\\me.jpg", "in/ö $(x).jpg", "you")
    latents = read_latents(path)
    assert match(latents, path, ["me", "me.jpg"]) == "C:\\in\\me.jpg"
    assert match(latents, path, ["me", "me.png"]) == "in/me.png"
    assert match(latents, path, ["x-ab12", "ö $(x).jpg"]) == "in/ö $(x).jpg"
    assert match(latents, path, ["you-face2", "you.jpg", "you"]) == "you"
    with pytest.raises(ValueError, match="several may be that of me"):
        match(latents, path, ["me"])


@pytest.mark.parametrize("key", ["a:b", "x//y.jpg", "-", "0", "a\n\x1b[2J"])
def test_a_latent_of_an_odd_name_can_be_named(toy, tmp_path, key):
    path = named(tmp_path, "other", key)
    assert start(toy, "w+", f"{path}:{key}").eq(1).all()


def test_a_name_that_is_not_there_is_told_with_those_that_are(toy, tmp_path):
    path = named(tmp_path, *(f"n{i}" for i in range(9)))
    with pytest.raises(ValueError, match="no latent zz; it holds 9 latents: n0, .*n5, …"):
        start(toy, "w+", f"{path}:zz")
    with pytest.raises(ValueError, match="name one as FILE:NAME"):
        start(toy, "w+", path)
    one = write(tmp_path, "0.pt", tools.pti)
    with pytest.raises(ValueError, match="holds one latent, without a name"):
        start(toy, "w+", f"{one}:0")


def test_a_file_with_a_colon_in_its_name_is_itself(toy, tmp_path):
    path = write(tmp_path, "a:b.npy", tools.npy)
    assert torch.equal(start(toy, "w+", path), WS[0])


def test_a_file_that_changed_is_read_again(toy, tmp_path):
    path = write(tmp_path, "x.npy", tools.npy)
    start(toy, "w+", path)
    write(tmp_path, "x.npy", tools.npy, WS[1:] + 1)
    assert torch.equal(start(toy, "w+", path), WS[1] + 1)


def test_what_was_read_is_not_changed_by_its_reader(tmp_path):
    path = write(tmp_path, "x.pt", tools.pti)
    load_latent(path)[0].zero_()
    assert torch.equal(load_latent(path)[0], WS[0])


# --- refused ---

FILES = {
    "x.npy": b"\x93NUMPY",
    "x.npz": b"PK\3\4",
    "x.pt": b"",
    "y.pt": b"<html>",
    "z.pt": pickle.dumps(print),
}


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_refused_by_name(toy, tmp_path, name):
    (tmp_path / name).write_bytes(FILES[name])
    with pytest.raises(ValueError, match=name):
        start(toy, "w+", str(tmp_path / name))


ARRAYS = {
    "integers": (torch.zeros(8, 32, dtype=torch.int32), "int32"),
    "empty": (torch.zeros(0, 8, 32), "shape"),
    "a picture": (torch.zeros(1, 3, 32, 32), "shape"),
    "another width": (torch.zeros(8, 31), r"shape \(8, 31\).*takes \(8, 32\)"),
    "nan": (torch.full((8, 32), torch.nan), "no finite"),
    "too many": (torch.zeros(100_001, 1, 1), "100000 at most"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_what_is_no_latent_is_refused(toy, tmp_path, case):
    value, says = ARRAYS[case]
    torch.save(value, tmp_path / "x.pt")
    with pytest.raises(ValueError, match=says):
        start(toy, "w+", str(tmp_path / "x.pt"))


# --- made with another generator ---


def test_a_latent_of_another_generator_is_refused_unless_told(toy_path, toy_images, tmp_path):
    toy = load_generator(toy_path)
    path = tmp_path / "latent.safetensors"
    save_latent(path, WS[0], GeneratorFile("someone's", "ab12cd34" * 8))
    given = dict(space="w+", init=str(path), steps=0)
    with pytest.raises(ValueError) as caught:
        search(toy, toy_images[0][0], **given)
    for word in ("someone's (SHA-256 ab12cd34…)", f"toy (SHA-256 {toy.sha256[:8]}…)", "init_any"):
        assert word in str(caught.value)
    run = search(toy, toy_images[0][0], init_any=True, **given)
    assert torch.equal(run.latent, WS[0])
    save_latent(path, WS[0], toy)
    assert torch.equal(search(toy, toy_images[0][0], **given).latent, WS[0])
    assert build_toy().sha256 == ""  # one without a file has no hash to be compared
    assert torch.equal(search(build_toy(), toy_images[0][0], **given).latent, WS[0])


def test_own_start_leaves_words_and_single_latents(tmp_path):
    for init in ("mean_w", write(tmp_path, "x.npy", tools.npy)):
        params = SearchParams(init=init)
        assert own_start(params, "a") is params


def test_a_teachers_own_latent_is_refused_unless_told_and_then_laid_by_resolution(tmp_path):
    student = MobileStyleGAN(channels=[8] * 8, z_dim=4, w_dim=6, mapping_layers=1)
    student.name, student.sha256 = "student", "5" * 64
    path = str(tmp_path / "latent.safetensors")
    rows = torch.arange(18.0)[:, None].expand(-1, 6)
    save_latent(path, rows, GeneratorFile("teacher", "7" * 64))
    with pytest.raises(ValueError, match="made with teacher .* not with student"):
        read_start(path, student)
    latent = read_start(path, student, any_maker=True)
    assert latent[:, 0].tolist()[:5] == [0, 1, 2, 3, 3] and latent.shape == (23, 6)
