"""ganinv morph | mix | animate."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from ganinv.generators.load import load_generator
from ganinv.images.pixels import to_uint8
from ganinv.inversion.latent_files import load_latent, load_noise, maker_of, save_latent
from ganinv.inversion.refinement import load_refinement, render_refined
from helpers.commands import cli
from helpers.films import read_gif, read_mp4
from helpers.pictures import picture
from helpers.refined import refined_run
from helpers.toys import build_toy, save_toy


@pytest.fixture(scope="module")
def run(toy_path, make_photo, tmp_path_factory):
    """A run of the toy on a and b, refined by features and weights; c is b's latent alone."""
    folder = refined_run(toy_path, make_photo, tmp_path_factory.mktemp("refined"), "both")
    (folder / "c").mkdir()
    toy = load_generator(toy_path)
    save_latent(
        folder / "c" / "latent.safetensors", load_latent(code_of(folder, "b"))[0] + 0.5, toy
    )
    return folder


def code_of(run, name):
    return run / name / "latent.safetensors"


def strip_of(path):
    """The frames of a strip of square ones."""
    pixels = picture(path)
    return np.split(pixels, pixels.shape[1] // pixels.shape[0], axis=1)


def assert_refused(capsys, out, says, *words, status=2):
    assert cli(*words, "--device", "cpu") == status
    error = capsys.readouterr().err
    assert re.search(says, error), error
    assert "Traceback" not in error and not out.exists()


# --- morph ---


def test_morph_goes_from_reconstruction_to_reconstruction(run, tmp_path, capsys):
    out = tmp_path / "m.png"
    assert cli("morph", run, "a", "b", "--out", out, "--device", "cpu") == 0
    frames = strip_of(out)
    assert len(frames) == 8 and frames[0].shape == (32, 32, 3)
    for frame, name in ((frames[0], "a"), (frames[-1], "b")):
        assert np.array_equal(frame, picture(run / name / "reconstruction.png"))
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith(f"{out}: 8 frames; LPIPS-alex of neighbours")
    assert float(re.search(r"a factor of ([\d.]+)", line)[1]) <= 2


@pytest.mark.parametrize("ease", ["even", "smooth"])
def test_morph_loops_through_ids_and_paths(run, tmp_path, monkeypatch, ease):
    monkeypatch.chdir(run.parent)
    words = ["morph", "run", "a", "run/b", code_of(run, "c"), "--loop", "--ease", ease]
    for out in (tmp_path / "m.gif", tmp_path / "m.mp4"):
        more = ["--frames", 12, "--seconds", 1.5, "--size", 16, "--out", out, "--device", "cpu"]
        assert cli(*words, *more) == 0
    frames, durations, loop = read_gif(tmp_path / "m.gif")
    assert len(frames) == 12 and frames[0].shape == (16, 16, 3)
    assert sum(durations) == 1500 and loop == 0
    found, about = read_mp4(tmp_path / "m.mp4")
    assert len(found) == 12 and about["fps"] == 8
    whole = picture(run / "a" / "reconstruction.png").astype(float)
    assert np.abs(frames[0] - whole.reshape(16, 2, 16, 2, 3).mean((1, 3))).mean() < 8


def test_names_may_be_odd(run, tmp_path, capsys):
    odd = "-a '\"$(id)\x1b[31m\n;é\udcff"
    shutil.copytree(run / "a", tmp_path / "run" / odd)
    shutil.copytree(run / "b", tmp_path / "run" / "~b")
    shutil.copy(run / "params.yaml", tmp_path / "run")
    out = tmp_path / "new" / f"{odd}.png"
    assert cli("morph", "--out", out, "--device", "cpu", tmp_path / "run", "--", odd, "~b") == 0
    assert np.array_equal(strip_of(out)[0], picture(run / "a" / "reconstruction.png"))
    said = capsys.readouterr().out
    assert r"\x1b[31m" in said and "\x1b" not in said
    out = tmp_path / "odd.gif"
    assert_refused(
        capsys,
        out,
        r"nosuch\\x1b.*it holds -a",
        "morph",
        tmp_path / "run",
        "~b",
        "nosuch\x1b",
        "--out",
        out,
    )


MORPHS = {
    "no such image": (["a", "nosuch"], r"holds no image nosuch; it holds a, b"),
    "an empty name": (["a", " "], "empty name"),
    "one image": (["a"], "two images or more"),
    "the same": (["a", "b", "b"], "b follows itself"),
    "a loop closed twice": (["a", "b", "a", "--loop"], "goes back to the first by itself"),
    "one frame": (["a", "b", "--frames", 1], "--frames"),
    "fewer frames than images": (["a", "b", "c", "--frames", 2], "3 latents are on the way"),
    "too large": (["a", "b", "--size", 64], "draws 32 pixels"),
    "no length": (["a", "b", "--seconds", "0"], "above 0"),
    "no device": (["a", "b", "--device", "gpu"], "cuda"),
    "no way with features": (["a", "b", "--features", "blend"], "--features"),
    "no ease": (["a", "b", "--ease", "fast"], "--ease"),
    "a long name": (["a", "x" * 5000], "too long"),
}


@pytest.mark.parametrize("name", MORPHS)
def test_what_morph_cannot_do_is_a_sentence_and_2(run, tmp_path, capsys, name):
    words, says = MORPHS[name]
    out = tmp_path / "m.gif"
    assert cli("morph", run, "--device", "cpu", "--out", out, *words) == 2
    error = capsys.readouterr().err
    assert re.search(says, error), error
    assert "Traceback" not in error and not list(tmp_path.iterdir())


def test_outputs_and_runs_that_cannot_be(run, tmp_path, capsys, monkeypatch):
    absent = tmp_path / "absent"
    assert_refused(capsys, absent, "no folder", "morph", absent, "a", "b", "--out", "m.gif")
    for out, says in ((tmp_path, "is a folder"), ("m.webm", r"\.mp4 or \.gif or \.png")):
        assert_refused(capsys, absent, says, "morph", run, "a", "b", "--out", out)
    nine = [tmp_path / f"{i}.safetensors" for i in range(9)]
    assert_refused(capsys, absent, "8 frames, too few for 9", "morph", run, *nine, "--out", "m.png")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    says = r"pip install imageio-ffmpeg.* \.gif"
    for words in (["morph", run, "a", "b"], ["animate", run / "a", "--direction", "pca:0"]):
        assert_refused(capsys, tmp_path / "m.mp4", says, *words, "--out", tmp_path / "m.mp4")


@pytest.mark.parametrize("command", ["morph", "mix"])
def test_latents_of_different_generators_are_refused(run, tmp_path, toy_path, capsys, command):
    other = load_generator(save_toy(tmp_path / "other.safetensors", build_toy(5).state_dict()))
    save_latent(tmp_path / "o.safetensors", other.w_avg.expand(8, -1), other)
    words = {
        "morph": ["morph", run, "a", tmp_path / "o.safetensors"],
        "mix": ["mix", run / "a", tmp_path / "o.safetensors", "--rows", "0=B"],
    }[command]
    out = tmp_path / "x.png"
    assert_refused(capsys, out, "different generators", *words, "--out", out)
    words = [
        *words[: -1 if command == "morph" else 2],
        run / "b",
        *words[3 + (command == "morph") :],
    ]
    more = ["--out", out, "--generator", tmp_path / "other.safetensors"]
    assert_refused(capsys, out, "whose weights are not those of other", *words, *more)


def test_an_interrupt_leaves_no_film(run, tmp_path):
    words = ["morph", run, "a", "b", "--frames", "9999", "--ease", "smooth", "--device", "cpu"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ganinv", *words, "--out", tmp_path / "new" / "m.mp4"],
        stderr=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        text=True,
    )
    until = time.monotonic() + 120
    while not list(tmp_path.glob("new/.ganinv-*.mp4")) and time.monotonic() < until:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert "interrupted" in process.communicate(timeout=300)[1]
    assert process.returncode == 130
    assert not list((tmp_path / "new").iterdir())


# --- mix ---


def test_mix_takes_rows_by_letters_names_and_from_a_run(run, tmp_path, toy_path, capsys):
    latents = [load_latent(code_of(run, name))[0] for name in "abc"]
    rows = [0] * 4 + [1] * 2 + [2] * 2
    wanted = torch.stack([latents[which][i] for i, which in enumerate(rows)])
    toy = load_generator(toy_path)
    for number, words in enumerate(
        [
            [run / "a", run / "b", code_of(run, "c"), "--rows", "4-5=B,6-7=C"],
            ["a", "b", "c", "--run", run, "--rows", "4-5=b,6=C,7=c,0=a"],
            [run / "a", code_of(run, "b"), run / "c", "--rows", f"4-5={code_of(run, 'b')},6-7=C"],
        ]
    ):
        out = tmp_path / f"mixed{number}.v2.png"
        assert cli("mix", *words, "--out", out, "--device", "cpu") == 0
        said, noticed = capsys.readouterr()
        assert said == f"{out}\n{tmp_path}/mixed{number}.v2.safetensors\n"
        assert "refinements" in noticed and "left out: a, b;" in noticed
        found, metadata = load_latent(out.with_suffix(".safetensors"))
        assert torch.equal(found, wanted) and maker_of(metadata) == toy.sha256
        assert np.array_equal(picture(out), to_uint8(toy.synthesis(wanted[None])[0]))


def test_a_mixed_latent_has_the_noise_maps_of_its_first(run, tmp_path, toy_path, capsys):
    toy = load_generator(toy_path)
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    for path, scale in ((first, 2), (second, 3)):
        maps = {name: scale * x for name, x in toy.noise_maps().items()}
        save_latent(path, toy.w_avg.expand(8, -1) + scale, toy, maps)
    words = ["--rows", "0=B", "--out", tmp_path / "m.png", "--generator", toy_path]
    assert cli("mix", first, second, *words, "--device", "cpu") == 0
    assert "noise maps are those of A; these are left out: second" in capsys.readouterr().err
    noise = load_noise(tmp_path / "m.safetensors")
    assert all(torch.equal(x, noise[name] / 2) for name, x in toy.noise_maps().items())
    latent, _ = load_latent(tmp_path / "m.safetensors")
    shown = to_uint8(toy.synthesis(latent[None], noise=noise)[0])
    assert np.array_equal(picture(tmp_path / "m.png"), shown)


MIXES = {
    "an unknown name": ("0=D", r"D is none of A \(a\), B \(b\), C \(c\)"),
    "no name": ("coarse", "not like coarse=A"),
    "rows twice": ("0-3=A,2=B", "given away"),
    "no such row": ("8=B", "names no rows"),
    "no such group": ("corse=B", "coarse"),
}


@pytest.mark.parametrize("name", MIXES)
def test_rows_that_cannot_be(run, tmp_path, capsys, name):
    rows, says = MIXES[name]
    out = tmp_path / "m.png"
    words = ["mix", "a", "b", "c", "--run", run, "--rows", rows, "--out", out]
    assert_refused(capsys, out, says, *words)
    assert not out.with_suffix(".safetensors").exists()


def test_a_name_that_is_another_latent_s_letter_is_refused(run, tmp_path, capsys):
    for name, copied in (("b", "A"), ("a", "B")):
        shutil.copytree(run / name, tmp_path / "run" / copied)
    shutil.copy(run / "params.yaml", tmp_path / "run")
    out = tmp_path / "m.png"
    words = ["--run", tmp_path / "run", "--out", out, "--rows", "0=A"]
    assert_refused(capsys, out, "A may mean several of A .B., B .A.", "mix", "B", "A", *words)
    assert cli("mix", "A", "B", *words, "--device", "cpu") == 0


def test_mix_spares_what_it_mixes(run, tmp_path, capsys):
    before = code_of(run, "a").read_bytes()
    for name in ("latent", "refinement"):
        out = run / "a" / f"{name}.png"
        words = ["mix", "a", "b", "--run", run, "--rows", "0=B", "--out", out]
        assert_refused(capsys, out, f"{name}.safetensors would be overwritten", *words)
    assert_refused(
        capsys,
        tmp_path / "m.gif",
        r"ends in \.png",
        "mix",
        "a",
        "b",
        "--run",
        run,
        "--rows",
        "0=B",
        "--out",
        tmp_path / "m.gif",
    )
    absent = tmp_path / "absent"
    assert_refused(
        capsys,
        absent,
        "no folder",
        "mix",
        "a",
        "b",
        "--run",
        absent,
        "--rows",
        "0=B",
        "--out",
        absent,
    )
    assert code_of(run, "a").read_bytes() == before


# --- animate ---


def test_animate_swings_about_the_reconstruction(run, tmp_path, capsys):
    base = ["animate", run / "a", "--direction", "pca:0", "--device", "cpu", "--strength", 1.5]
    assert cli(*base, "--frames", 3, "--out", tmp_path / "s.png") == 0
    low, middle, high = strip_of(tmp_path / "s.png")
    assert np.array_equal(middle, picture(run / "a" / "reconstruction.png"))
    assert not np.array_equal(low, high)
    assert cli(*base, "--frames", 8, "--out", tmp_path / "s.gif") == 0
    assert capsys.readouterr().out.endswith("s.gif: 8 frames; pca:0, -1.5 to 1.5\n")
    frames, durations, _ = read_gif(tmp_path / "s.gif")
    assert sum(durations) == 400 and len(frames) == 8
    for frame, wanted in ((frames[0], low), (frames[2], middle), (frames[4], high)):
        assert np.abs(frame.astype(int) - wanted).mean() < 4
    assert all(np.array_equal(frames[i], frames[8 - i]) for i in range(1, 4))


def test_animate_leaves_rows_and_features_as_it_is_told(run, toy_path, tmp_path):
    toy = load_generator(toy_path)
    latent, _ = load_latent(code_of(run, "a"))
    refinement, _ = load_refinement(run / "a" / "refinement.safetensors")
    kept = {name: x for name, x in refinement.items() if name.startswith("weights.")}
    base = ["animate", run / "a", "--direction", "pca:0", "--device", "cpu", "--frames", 2]
    ends = {}
    for features in ("carry", "stay", "drop"):
        out = tmp_path / f"{features}.png"
        assert cli(*base, "--features", features, "--layers", "0-1", "--out", out) == 0
        ends[features] = strip_of(out)[1]
    w, rows = pca(toy)
    moved = latent.clone()
    moved[:2] += 2 * w * rows
    for features, added in (("stay", refinement), ("drop", kept)):
        assert (
            np.abs(
                to_uint8(render_refined(toy, moved, {}, added)).astype(int) - ends[features]
            ).max()
            <= 1
        )
    assert not np.array_equal(ends["carry"], ends["drop"])


def pca(toy):
    """The first principal component of W (w_dim,), as numpy has it, and its deviation."""
    z = torch.randn(10_000, toy.z_dim, generator=torch.Generator().manual_seed(0))
    w = toy.mapping(z)[:, 0].double().numpy()
    _, values, vectors = np.linalg.svd(w - w.mean(0), full_matrices=False)
    vector = vectors[0] * np.sign(vectors[0][np.abs(vectors[0]).argmax()])
    return torch.from_numpy(vector).float(), float(values[0]) / np.sqrt(9999)


ANIMATIONS = {
    "no strength": (["--strength", "0"], "other than 0"),
    "not a number": (["--strength", "nan"], "other than 0"),
    "no direction": (["--direction", "nosuch"], "nosuch"),
    "no rows": (["--layers", "90"], "names no rows"),
    "no way": (["--features", "move"], "--features"),
    "too large": (["--size", "33"], "draws 32 pixels"),
}


@pytest.mark.parametrize("name", ANIMATIONS)
def test_what_animate_cannot_do_is_a_sentence_and_2(run, tmp_path, capsys, name):
    words, says = ANIMATIONS[name]
    out = tmp_path / "s.gif"
    base = ["animate", run / "a", "--out", out, "--direction", "pca:0"]
    assert_refused(capsys, out, says, *base, *words)


def test_animate_takes_one_latent(run, tmp_path, capsys):
    out = tmp_path / "s.gif"
    words = ["--direction", "pca:0", "--out", out]
    assert_refused(capsys, out, "holds 2 latents; name one", "animate", run, *words)
    assert_refused(capsys, out, "there is no", "animate", tmp_path / "absent", *words)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"x")
    assert_refused(capsys, out, "is not a whole safetensors file", "animate", damaged, *words)
