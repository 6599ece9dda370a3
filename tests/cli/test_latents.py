"""ganinv render | generate | export, and edits of other tools' latents."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from ganinv.editing.export import save_foreign
from ganinv.generators.load import load_generator
from ganinv.images.folders import list_images
from ganinv.images.pixels import to_uint8
from ganinv.inversion.latent_files import (
    GeneratorFile,
    load_latent,
    load_noise,
    maker_of,
    save_latent,
)
from ganinv.weights.readers.checkpoints import read_checkpoint
from helpers import foreign_latents as tools
from helpers.commands import cli
from helpers.pictures import picture
from helpers.refined import refined_run
from helpers.toys import save_dcgan

CPU = ["--device", "cpu"]


@pytest.fixture(scope="module")
def run(toy_path, make_photo, tmp_path_factory):
    """A run of the toy on a and b, in W+, refined by features and weights."""
    return refined_run(toy_path, make_photo, tmp_path_factory.mktemp("refined"), "both")


@pytest.fixture(scope="module")
def loaded(toy_path):
    return load_generator(toy_path)


@pytest.fixture
def in_w(loaded, tmp_path):
    """A latent of the toy in W, all rows equal."""
    latent = torch.randn(1, 32).expand(8, -1)
    save_latent(tmp_path / "me.safetensors", latent, loaded)
    return tmp_path / "me.safetensors", latent


def latent_of(run, name):
    return load_latent(run / name / "latent.safetensors")[0]


def assert_drawn(path, generator, latent, noise="const"):
    """The layout of weights in memory decides the last bits, and so an 8-bit level."""
    with torch.no_grad():
        wanted = to_uint8(generator.synthesis(latent[None], noise)[0])
    assert np.abs(picture(path).astype(int) - wanted).max() <= 1


def assert_refused(capsys, says, *words, status=2):
    assert cli(*words) == status
    error = capsys.readouterr().err
    assert re.search(says, error), error
    assert "Traceback" not in error


# --- render ---


def test_a_run_is_rendered_as_it_was_reconstructed(run, tmp_path):
    assert cli("render", run, "--out", tmp_path / "all", *CPU) == 0
    assert cli("render", run / "b", "--out", tmp_path / "one.png", *CPU) == 0
    for file, name in (("all/a", "a"), ("all/b", "b"), ("one", "b")):
        expected = picture(run / name / "reconstruction.png")
        assert np.array_equal(picture(tmp_path / f"{file}.png"), expected)
    assert sorted(x.name for x in (tmp_path / "all").iterdir()) == ["a.png", "b.png"]


def test_noise_maps_are_rendered(loaded, toy_path, tmp_path):
    maps = {name: torch.randn_like(x) for name, x in loaded.noise_maps().items()}
    latent = torch.randn(8, 32)
    save_latent(tmp_path / "x.safetensors", latent, loaded, maps)
    words = [tmp_path / "x.safetensors", "--generator", toy_path]
    assert cli("render", *words, "--out", tmp_path / "x.png", *CPU) == 0
    assert_drawn(tmp_path / "x.png", loaded, latent, maps)


@pytest.mark.parametrize(
    "name, tool, names",
    [
        ("projected_w.npz", tools.nvidia, ["projected_w"]),
        ("w.npy", tools.npy, ["w"]),
        ("0.pt", tools.pti, ["0"]),
        ("latents.pt", tools.e4e, ["latents-0", "latents-1"]),
        ("project.pt", tools.rosinality, ["a", "b"]),
        ("names.pt", tools.e4e_by_name, ["a", "b"]),
    ],
)
def test_latents_of_every_tool_are_rendered(loaded, toy_path, tmp_path, capsys, name, tool, names):
    ws = torch.randn(2, 8, 32)
    tool(tmp_path / name, ws)
    out = tmp_path / "out"
    words = ["--generator", toy_path, "--out", out, *CPU]
    assert cli("render", tmp_path / name, *words) == 0
    left_out = "project.pt holds 3 noise maps, which are left out" in capsys.readouterr().err
    assert left_out == (tool is tools.rosinality)  # another generator's
    assert sorted(x.stem for x in out.iterdir()) == names
    for w, stem in zip(ws, names, strict=False):
        assert_drawn(out / f"{stem}.png", loaded, w)


def test_latents_of_one_name_and_of_odd_ones(loaded, toy_path, tmp_path, capsys):
    odd = "-a '\"$(id)\x1b[31m\n;é\udcff"
    ws = torch.randn(4, 8, 32)
    files = []
    for w, (folder, name) in zip(
        ws, [("1", "me"), ("2", "me"), ("3", "ME"), ("4", odd)], strict=True
    ):
        (tmp_path / folder).mkdir()
        files.append(tmp_path / folder / f"{name}.npy")
        np.save(files[-1], w.numpy())
    torch.save({"../../up.png": ws[0], "..": ws[1]}, tmp_path / "names.pt")
    out = tmp_path / "out"
    words = ["--generator", toy_path, "--out", out, *CPU]
    assert cli("render", *files, tmp_path / "names.pt", *words) == 0
    for w, name in zip(ws, ["me", "me-2", "ME-3", odd], strict=True):
        assert_drawn(out / f"{name}.png", loaded, w)
    assert (out / "up.png").is_file() and len(list(out.iterdir())) == 6
    assert "\x1b" not in capsys.readouterr().out


def test_renders_that_cannot_be(run, toy_path, tmp_path, capsys, loaded):
    out = tmp_path / "out"
    words = ["--out", out, *CPU]
    np.save(tmp_path / "wide.npy", np.zeros((8, 31), np.float32))
    (tmp_path / "bad.pt").write_bytes(b"PK\3\4")
    other = GeneratorFile("someone's", "ab12cd34" * 8)
    save_latent(tmp_path / "other.safetensors", torch.zeros(8, 32), other)
    toy = ["--generator", toy_path]
    assert_refused(capsys, "there is no .*nowhere", "render", tmp_path / "nowhere", *words)
    assert_refused(capsys, "2 latents; name a folder", "render", run, "--out", tmp_path / "x.png")
    assert_refused(capsys, r"\(8, 31\)", "render", tmp_path / "wide.npy", *toy, *words)
    assert_refused(capsys, "bad.pt", "render", tmp_path / "bad.pt", *toy, *words)
    assert_refused(
        capsys, "someone's, whose", "render", tmp_path / "other.safetensors", *toy, *words
    )
    assert_refused(capsys, "different gen", "render", run, tmp_path / "other.safetensors", *words)
    assert_refused(capsys, "--device gpu", "render", run, "--out", out, "--device", "gpu")
    assert_refused(capsys, "is a file", "render", run, "--out", tmp_path / "bad.pt" / "x")
    np.save(tmp_path / "three.npy", np.zeros((3, 8, 32), np.float32))
    three = f"{tmp_path / 'three.npy'}:3"
    assert_refused(capsys, "no latent 3; it holds 3", "render", three, *toy, *words)
    assert not out.exists()


# --- generate ---


def w_of(toy, seed):
    """The toy's mapping network, in numpy."""
    z = np.random.RandomState(seed).randn(1, 32)
    x = z / np.sqrt((z**2).mean())
    for layer in toy.fc:
        x = x @ layer.weight.double().numpy().T + layer.bias.double().numpy()
        x = np.where(x > 0, x, 0.2 * x) * np.sqrt(2)
    return x


def test_seeds_are_those_of_generate_py(loaded, toy_path, tmp_path, capsys):
    out = tmp_path / "out"
    words = ["--seeds", "3,10-11,3", "--truncation", 0.7, "--generator", toy_path, "--out", out]
    assert cli("generate", *words, *CPU) == 0
    mean = loaded.w_avg.double().numpy()
    for seed in (3, 10, 11):
        latent, metadata = load_latent(out / f"seed{seed:04d}.safetensors")
        wanted = mean + 0.7 * (w_of(loaded, seed) - mean)
        assert np.allclose(latent.numpy(), wanted.repeat(8, 0), atol=1e-5)
        assert maker_of(metadata) == loaded.sha256
        assert_drawn(out / f"seed{seed:04d}.png", loaded, latent)
    assert len(list(out.iterdir())) == 7
    sheet = picture(out / "contact_sheet.jpg")
    assert sheet.shape == (32 + 28, 3 * 32, 3)
    shown = sheet[28:, 32:64].mean(2).ravel()  # as JPEG leaves it
    grey = [picture(out / f"seed{n:04d}.png").mean(2).ravel() for n in (3, 10, 11)]
    assert np.argmax([np.corrcoef(shown, x)[0, 1] for x in grey]) == 1
    assert [x.name for x in list_images(out)] == [f"seed{n:04d}.png" for n in (3, 10, 11)]
    assert cli("render", out / "seed0003.safetensors", "--generator", toy_path, "--out", out) == 0


def test_a_dcgan_is_drawn_by_its_z(tmp_path):
    path = save_dcgan(tmp_path / "gan.safetensors")
    assert cli("generate", "--seeds", 5, "--generator", path, "--out", tmp_path / "x", *CPU) == 0
    latent, _ = load_latent(tmp_path / "x" / "seed0005.safetensors")
    z = np.random.RandomState(5).randn(1, 16)
    assert np.allclose(latent.numpy(), z, atol=1e-6)


SEEDS = ["", "a", "1-", "5-3", "-1", "1,,2", "0-99999999", str(2**32), "1.5", "٣", "1" * 5000]


@pytest.mark.parametrize("seeds", SEEDS)
def test_seeds_that_are_none(toy_path, tmp_path, capsys, seeds):
    words = ["--generator", toy_path, "--out", tmp_path / "out", *CPU]
    assert_refused(capsys, "--seeds .{0,140}: (give|10000)", "generate", f"--seeds={seeds}", *words)
    assert not (tmp_path / "out").exists()


def test_wrong_arguments_are_told_without_torch(tmp_path, run):
    """In a process of its own, where torch cannot be imported."""
    calls = [
        ["generate", "--seeds", "x", "--out", "x"],
        ["generate", "--seeds", "1", "--out", "x", "--truncation", "nan"],
        ["generate", "--seeds", "1", "--out", str(run)],
        ["generate", "--seeds", "1", "--out", "x", "--device", "gpu"],
        ["render", "nowhere", "--out", "x"],
        ["render", str(run), "--out", "x", "--device", "gpu"],
        ["export", "nowhere"],
        ["export", str(run), "--format", "zip"],
        ["export", str(run), "--out", str(run / "params.yaml")],
    ]
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from ganinv.cli.main import main\n"
        f"for call in {calls!r}:\n"
        "    try: main(call)\n"
        "    except SystemExit as end: assert end.code == 2, call\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    assert not any(tmp_path.iterdir())


def test_a_label_goes_with_classes(toy_path, tmp_path, capsys):
    words = ["--generator", toy_path, "--out", tmp_path / "out", "--label", 1, *CPU]
    assert_refused(capsys, "toy has no classes", "generate", "--seeds", 1, *words)
    assert not (tmp_path / "out").exists()


# --- export ---


def test_an_npz_is_nvidias(run, tmp_path, capsys):
    assert cli("export", run, "--out", tmp_path / "x") == 0
    said = capsys.readouterr().out
    for name in "ab":
        with np.load(tmp_path / "x" / f"{name}.npz") as file:
            assert file.files == ["w"] and file["w"].dtype == np.float32
            assert np.array_equal(file["w"], latent_of(run, name)[None].numpy())
    assert "8 rows for toy, exact" in said
    assert "in W+ the teacher has no such latent" in said and not (tmp_path / "x/teacher").exists()
    assert "refinements are left out" in said and said.count("a, b") == 2


def test_a_pt_is_ptis_and_an_npy_numpys(run, tmp_path):
    for kind in ("pt", "npy"):
        assert cli("export", run / "a", "--format", kind, "--out", tmp_path) == 0
    wanted = latent_of(run, "a")[None]
    found = torch.load(tmp_path / "a.pt", weights_only=True)
    assert torch.equal(found, wanted) and found.untyped_storage().nbytes() == 8 * 32 * 4
    assert np.array_equal(np.load(tmp_path / "a.npy"), wanted.numpy())


@pytest.mark.parametrize("kind", ["npz", "npy", "pt"])
def test_what_is_exported_comes_back_to_the_bit(run, toy_path, tmp_path, kind):
    copy = shutil.copytree(run, tmp_path / "run")
    assert cli("export", copy, "--format", kind) == 0
    for name in "ab":
        file = copy / "exported" / f"{name}.{kind}"
        assert torch.equal(load_latent(file)[0], latent_of(run, name))
    words = ["--generator", toy_path, "--out", tmp_path / "x.png", *CPU]
    assert cli("render", file, *words) == 0
    assert np.array_equal(picture(tmp_path / "x.png"), picture(run / "b" / "code.png"))


def test_in_w_the_teachers_rows_are_written_too(in_w, toy_path, tmp_path, capsys):
    """The toy's teacher has 8 rows: 2 log2(32) - 2."""
    path, latent = in_w
    assert cli("export", path, "--generator", toy_path, "--out", tmp_path / "x") == 0
    with np.load(tmp_path / "x" / "teacher" / "me.npz") as file:
        assert np.array_equal(file["w"], latent[None].numpy())
    assert "teacher/: 8 rows for its teacher" in capsys.readouterr().out


def test_an_export_spares_its_source(toy_path, tmp_path, capsys):
    np.save(tmp_path / "w.npy", np.zeros((8, 32), np.float32))
    words = ["--format", "npy", "--out", tmp_path, "--generator", toy_path]
    assert_refused(capsys, "w.npy would be overwritten", "export", tmp_path / "w.npy", *words)
    assert np.load(tmp_path / "w.npy").shape == (8, 32)


def test_saving_holds_no_more_than_the_latent(tmp_path):
    ws = torch.randn(100, 8, 32)
    save_foreign(tmp_path / "x.pt", ws[3])
    assert (tmp_path / "x.pt").stat().st_size < 4 * 8 * 32 + 2000
    assert read_checkpoint(tmp_path / "x.pt").shape == (1, 8, 32)


# --- the same files, edited and mixed ---


def test_other_tools_latents_are_edited_and_mixed(toy_path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ws = torch.randn(2, 8, 32)
    tools.e4e("latents.pt", ws)
    np.save("w.npy", ws[0, :1].numpy())  # one row, for all
    np.save("d.npy", np.eye(32, dtype=np.float32)[0])
    toy = ["--generator", toy_path, *CPU]
    words = ["--rows", "0-3=A,4-7=B", "--out", "m.png", *toy]
    assert cli("mix", "latents.pt:0", "latents.pt:1", *words) == 0
    mixed, _ = load_latent("m.safetensors")
    assert torch.equal(mixed, torch.cat([ws[0, :4], ws[1, 4:]]))
    assert cli("edit", "w.npy", "--direction", "d.npy", "--strength=0", "--out", "e", *toy) == 0
    edited, _ = load_latent("e/w/d.npy_+0.safetensors")
    assert torch.equal(edited, ws[0, :1].expand(8, -1))
    assert load_noise("m.safetensors") == {}
