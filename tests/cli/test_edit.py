"""ganinv edit: what it writes, where, and what it refuses."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from ganinv import load_generator
from ganinv.compute.render import render_result
from ganinv.editing.edit import edit
from ganinv.images.pixels import to_uint8
from ganinv.inversion.latent_files import LATENT, load_latent, load_noise, maker_of
from ganinv.inversion.refinement import render_refined
from helpers.checks import strict_json
from helpers.codes import draw_code, refinement_of, write_code, write_run
from helpers.commands import cli
from helpers.pictures import picture
from helpers.toys import save_toy

IMAGES = {"plain": "none", "features": "features", "weights": "weights"}
NAMES = ["+2", "-1.5", "+0"]


@pytest.fixture(scope="module")
def loaded(toy_path):
    return load_generator(toy_path)


@pytest.fixture(scope="module")
def written(loaded, toy_path, tmp_path_factory):
    """A run, and edits of it: its folder, and theirs. Not to be changed."""
    root = tmp_path_factory.mktemp("edits")
    run = write_run(root / "run", loaded, toy_path, IMAGES)
    words = ["--direction", "sefa:0", "--direction", "s:1:3", "--strength", "2,-1.5,0"]
    assert cli("edit", run, *words, "--out", root / "out", "--device", "cpu") == 0
    return run, root / "out"


@pytest.fixture
def run(written, tmp_path):
    return shutil.copytree(written[0], tmp_path / "run")


def latent_of(path):
    return load_latent(path)[0]


# --- what is written ---


def test_files_are_called_by_image_direction_and_strength(written):
    _, out = written
    assert {p.name for p in out.iterdir()} == {*IMAGES, "edits.json"}
    for name in IMAGES:
        edits = [
            f"{word}_{x}.{kind}"
            for word in ("sefa-0", "s-1-3")
            for x in NAMES
            for kind in ("png", "safetensors")
        ]
        assert {p.name for p in (out / name).iterdir()} == {*edits, "sefa-0.png", "s-1-3.png"}


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("word, direction", [("sefa-0", "sefa:0"), ("s-1-3", "s:1:3")])
def test_each_picture_has_its_latent(written, loaded, name, word, direction):
    run, out = written
    code = latent_of(run / name / LATENT)
    for shown, strength in zip(NAMES, (2, -1.5, 0), strict=True):
        path = out / name / f"{word}_{shown}.safetensors"
        latent, metadata = load_latent(path)
        assert torch.equal(latent, edit(loaded, code, direction, strength))
        assert maker_of(metadata) == loaded.sha256 and load_noise(path) == {}


def test_an_unrefined_latent_renders_its_picture(written, loaded):
    _, out = written
    for path in (out / "plain").glob("*_*.safetensors"):
        shown = picture(path.with_suffix(".png"))
        assert np.array_equal(shown, to_uint8(render_result(loaded, latent_of(path))))


def test_a_refinement_goes_along(written, loaded):
    """Weights draw every edit; offsets to features are, at strength 0, where they were."""
    _, out = written
    weights = refinement_of(loaded, "weights")
    for path in (out / "weights").glob("*_*.safetensors"):
        image = render_refined(loaded, latent_of(path), {}, weights)
        assert np.array_equal(picture(path.with_suffix(".png")), to_uint8(image))
    at_rest = render_refined(loaded, draw_code(loaded, 1), {}, refinement_of(loaded, "features"))
    assert np.array_equal(picture(out / "features" / "sefa-0_+0.png"), to_uint8(at_rest))
    moved = out / "features" / "sefa-0_+2"
    alone = to_uint8(render_result(loaded, latent_of(moved.with_suffix(".safetensors"))))
    assert not np.array_equal(picture(moved.with_suffix(".png")), alone)


def test_the_strip_shows_the_pictures_in_their_order(written):
    _, out = written
    strip = picture(out / "plain" / "sefa-0.png")
    pictures = [picture(out / "plain" / f"sefa-0_{x}.png") for x in NAMES]
    assert strip.shape[1] == 3 * 32
    assert np.array_equal(strip[-32:], np.concatenate(pictures, 1))


def test_edits_json_says_what_was_measured(written, loaded):
    run, out = written
    found = strict_json(out / "edits.json")
    assert found["generator"] == {"name": "toy", "sha256": loaded.sha256}
    assert found["directions"].keys() == {"sefa:0", "s:1:3"}
    assert found["directions"]["s:1:3"]["layers"] == "1"
    assert found["images"].keys() == IMAGES.keys()
    for name, image in found["images"].items():
        assert image["features"] == ("carry" if name == "features" else None)
        assert image["latent"] == str(run / name / LATENT)
        for word, rows in image["edits"].items():
            assert list(rows) == NAMES
            for shown, row in rows.items():
                assert row["picture"] == f"{word.replace(':', '-')}_{shown}.png"
                assert row["attributes"] is None and row["identity"] is None  # no face
            ends = {"from": "-1.5", "to": "+2", "own": None, "identity": None}
            assert image["moved"][word] == ends
            assert rows["+0"]["lpips_alex"] == pytest.approx(0, abs=1e-6)
            assert rows["+2"]["lpips_alex"] > 0


def test_another_direction_keeps_the_first(written, run, tmp_path):
    out = shutil.copytree(written[1], tmp_path / "out")
    kept = (out / "plain" / "sefa-0_+2.png").read_bytes()
    before = strict_json(out / "edits.json")
    words = ["--direction", "pca:1", "--strength", "-2,-1", "--layers", "coarse"]
    assert cli("edit", run / "plain", *words, "--out", out) == 0
    after = strict_json(out / "edits.json")
    assert after["directions"].keys() == {"sefa:0", "s:1:3", "pca:1"}
    assert after["directions"]["pca:1"]["layers"] == "0-4"
    assert list(after["images"]["plain"]["edits"]["pca:1"]) == ["-2", "-1"]
    for name in ("sefa:0", "s:1:3"):
        assert after["images"]["plain"]["edits"][name] == before["images"]["plain"]["edits"][name]
    assert after["images"]["weights"] == before["images"]["weights"]
    assert (out / "plain" / "sefa-0_+2.png").read_bytes() == kept


def test_a_damaged_edits_json_is_begun_anew(run, tmp_path):
    words = ["--direction", "pca:0", "--strength", "1", "--out", tmp_path / "out"]
    (tmp_path / "out").mkdir()
    images = ("5", '{"moved": 5}', '{"edits": {}, "moved": []}')
    damaged = (
        f'{{"generator": {{}}, "directions": {{}}, "images": {{"plain": {x}}}}}' for x in images
    )
    for text in ("{", "[]", *damaged):
        (tmp_path / "out" / "edits.json").write_text(text)
        assert cli("edit", run / "plain", *words) == 0
        found = strict_json(tmp_path / "out" / "edits.json")
        assert list(found["images"]["plain"]["edits"]["pca:0"]) == ["+1"]


@pytest.mark.parametrize("features", ["stay", "drop"])
def test_what_becomes_of_features(run, loaded, tmp_path, features):
    words = ["--direction", "pca:0", "--strength", "1", "--features", features]
    assert cli("edit", run / "features", *words, "--out", tmp_path / "out") == 0
    latent = latent_of(tmp_path / "out" / "features" / "pca-0_+1.safetensors")
    added = refinement_of(loaded, "features") if features == "stay" else {}
    shown = picture(tmp_path / "out" / "features" / "pca-0_+1.png")
    assert np.array_equal(shown, to_uint8(render_refined(loaded, latent, {}, added)))
    image = strict_json(tmp_path / "out" / "edits.json")["images"]["features"]
    assert image["features"] == features


def test_noise_maps_go_along(loaded, toy_path, tmp_path):
    maps = {name: x + 0.5 for name, x in loaded.noise_maps().items()}
    folder = write_code(tmp_path / "a", loaded, **maps)
    words = ["--generator", toy_path, "--direction", "pca:0", "--strength", "1"]
    assert cli("edit", folder, *words, "--out", tmp_path / "out") == 0
    path = tmp_path / "out" / "a" / "pca-0_+1.safetensors"
    image = render_result(loaded, latent_of(path), load_noise(path))
    assert np.array_equal(picture(path.with_suffix(".png")), to_uint8(image))
    assert torch.equal(load_noise(path)["first"], maps["first"])


def test_a_direction_of_a_file(run, tmp_path, capsys):
    np.savez(tmp_path / "all ö.npz", smile=np.ones(32), age=np.arange(32.0))
    out = tmp_path / "out"
    words = ["edit", run / "plain", "--strength", "-1", "--out", out]
    assert cli(*words, "--direction", f"{tmp_path / 'all ö.npz'}:smile") == 0
    assert (out / "plain" / "all-ö.npz-smile_-1.png").is_file()
    assert cli(*words, "--direction", tmp_path / "all ö.npz") == 2
    assert "all ö.npz:NAME, of smile, age" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a b", "-x", "ö'\"><img src=x>", "a\n\x1b[2J", "\udcff"])
def test_odd_names_of_images(loaded, toy_path, tmp_path, capsys, name):
    run = write_run(tmp_path / "run", loaded, toy_path, {name: "none"})
    words = ["--direction", "pca:0", "--strength", "1", "--out", tmp_path / "out"]
    assert cli("edit", run, *words) == 0
    with Image.open(tmp_path / "out" / name / "pca-0_+1.png") as image:
        assert image.size == (32, 32)
    strict_json(tmp_path / "out" / "edits.json")
    assert "\x1b" not in capsys.readouterr().out


def test_a_run_that_was_really_made(quick, photo, tmp_path):
    refine = dict(refine="features", refine_steps=2, refine_resolution=16, refine_loss="l2_full")
    sets = [word for key, value in refine.items() for word in ("--set", f"{key}={value}")]
    assert cli("invert", photo, *quick, *sets) == 0
    run, out = tmp_path / "run", tmp_path / "out"
    assert cli("edit", run, "--direction", "sefa:0", "--strength", "0", "--out", out) == 0
    reconstruction = picture(run / "me" / "reconstruction.png")
    assert np.array_equal(picture(out / "me" / "sefa-0_+0.png"), reconstruction)


# --- what is refused ---


def refused(capsys, *words):
    capsys.readouterr()
    assert cli("edit", *words) == 2
    out = capsys.readouterr()
    assert "Traceback" not in out.err and out.err.strip()
    return out.err


BAD = {
    "an unknown direction": (["--direction", "smiel"], "no named directions"),
    "a layer that is none": (["--direction", "pca:0", "--layers", "30"], "layers: 30"),
    "a number too large": (["--direction", "sefa:32"], "from 0 to 31"),
    "a file that is not there": (["--direction", "absent.npy"], "absent.npy"),
    "an unknown generator": (["--direction", "pca:0", "--generator", "nosuch"], "nosuch"),
    "a device": (["--direction", "pca:0", "--device", "gpu"], "gpu"),
}


@pytest.mark.parametrize("words, message", BAD.values(), ids=BAD)
def test_wrong_words(run, tmp_path, capsys, words, message):
    err = refused(capsys, run, *words, "--out", tmp_path / "out")
    assert message in err
    assert not (tmp_path / "out").exists()


def test_two_directions_of_one_word(run, tmp_path, capsys):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "smile.npy", np.random.default_rng(0).normal(size=32))
    both = [w for f in ("x", "y") for w in ("--direction", tmp_path / f / "smile.npy")]
    assert "same files" in refused(capsys, run, *both, "--out", tmp_path / "out")


def test_edits_by_another_generator(written, toy, tmp_path, capsys):
    out = shutil.copytree(written[1], tmp_path / "out")
    state = {name: x * 1.01 for name, x in toy.state_dict().items()}
    path = save_toy(tmp_path / "other.safetensors", state)
    run = write_run(tmp_path / "run", load_generator(path), path, {"plain": "none"})
    err = refused(capsys, run, "--direction", "pca:0", "--out", out)
    assert "edits by another generator" in err


def test_a_run_without_results(toy_path, loaded, tmp_path, capsys):
    run = write_run(tmp_path / "run", loaded, toy_path, {})
    err = refused(capsys, run, "--direction", "pca:0", "--out", tmp_path / "out")
    assert "no finished image" in err


WITHOUT_TORCH = [
    (["edit"], "source"),
    (["edit", "run", "--out", "o"], "--direction"),
    (["edit", "run", "--direction", "pca:0"], "--out"),
    (["edit", "absent", "--direction", "pca:0", "--out", "o"], "there is no"),
    (["edit", "x" * 5000, "--direction", "pca:0", "--out", "o"], "too long"),
    (["edit", "run", "--direction", "pca:0", "--out", "file/o"], "is a file"),
    (["edit", "run", "--direction", "pca:0", "--out", "o", "--strength", "big"], "--strength"),
    (["edit", "run", "--direction", "pca:0", "--out", "o", "--strength", "nan"], "--strength"),
    (["edit", "run", "--direction", "pca:0", "--out", "o", "--features", "leave"], "carry"),
    (["edit", "run", "--direction", "pca:0", "--out", "o", "--colour", "red"], "--colour"),
    (["directions", "find", "--out", "x.txt"], ".safetensors"),
    (["directions", "find", "--out", "file/x.safetensors"], "is a file"),
    (["directions", "find", "--work", "file"], "is a file"),
    (["directions", "find", "--attributes", "smile,nose"], "nose"),
    (["directions", "find", "--attributes", ""], "no attribute"),
    (["directions", "find", "--samples", "5"], "--samples"),
    (["directions", "find", "--device", "gpu"], "--device gpu"),
    (["directions", "check", "--device", "gpu"], "--device gpu"),
    (["directions", "show"], "show"),
]
PROGRAM = """
import json, sys
sys.modules["torch"] = None
from ganinv.cli.main import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["ganinv", *words]
    try:
        main(words)
    except SystemExit as stopped:
        print(f"exit {stopped.code}", file=sys.stderr)
    print("=" * 9, file=sys.stderr)
"""


def test_wrong_arguments_are_told_without_torch(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "file").touch()
    words = json.dumps([words for words, _ in WITHOUT_TORCH])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, words], capture_output=True, text=True, cwd=tmp_path
    )
    answers = done.stderr.split("=" * 9)[:-1]
    assert len(answers) == len(WITHOUT_TORCH), done.stderr
    for (case, message), answer in zip(WITHOUT_TORCH, answers, strict=True):
        assert "exit 2" in answer and "Traceback" not in answer, (case, answer)
        assert message in answer, (case, answer)
