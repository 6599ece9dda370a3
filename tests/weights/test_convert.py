"""Other projects' checkpoints as our own files: converted, described and kept.

Everything happens in a project root of its own (GANINV_ROOT). The three StyleGAN2 files are small
ones that the original code wrote.
"""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
import torch

from ganinv import load_generator
from ganinv.weights.convert import VERSION, convert_checkpoint, converted
from ganinv.weights.readers.checkpoints import read_checkpoint
from ganinv.weights.readers.networks import read_parts
from ganinv.weights.store import read_weights
from helpers.checks import strict_json
from helpers.commands import cli
from helpers.foreign_checkpoints import FORMATS, kept_in, names_in, sentence, sha256, vectors
from helpers.networks import assert_close
from helpers.paths import DATA

pytestmark = pytest.mark.usefixtures("root")

# --- conversion of the reference checkpoints ----------------------------------------------------


def test_images_are_those_of_the_original_code(vector):
    format_ = FORMATS[vector.name]
    outputs = vectors(format_)
    generator = load_generator(vector)
    assert_close(generator.synthesis(outputs["wplus"]), outputs["img_wplus_const"])
    ws = generator.mapping(outputs["z"])
    assert_close(ws, outputs.get("ws", generator.broadcast(outputs.get("w", ws[:, 0]))))
    assert_close(generator.synthesis(ws), outputs["img_w_const"])


def test_the_converted_file_gives_the_very_same_images(vector):
    (path,) = convert_checkpoint(vector)
    assert path == vector.with_suffix(".safetensors")
    direct, ours = load_generator(vector), load_generator(path)
    outputs = vectors(FORMATS[vector.name])
    assert torch.equal(ours.mapping(outputs["z"]), direct.mapping(outputs["z"]))
    for noise in ("const", "none"):
        images = [g.synthesis(outputs["wplus"], noise=noise) for g in (ours, direct)]
        assert torch.equal(*images)
    for name, tensor in direct.state_dict().items():
        assert torch.equal(ours.state_dict()[name], tensor)


def test_the_description_says_what_it_is_and_where_it_is_from(vector):
    format_ = FORMATS[vector.name]
    convert_checkpoint(vector)
    path = vector.with_suffix(".safetensors")
    note = strict_json(vector.with_suffix(".json"))
    assert list(note) == [
        "kind",
        "format",
        "architecture",
        "resolution",
        "z_dim",
        "w_dim",
        "num_ws",
        "config",
        "licence",
        "source",
        "source_sha256",
        "sha256",
        "size",
    ]
    known = dict(kind="generator", format=format_, architecture="stylegan2", resolution=64)
    known |= dict(z_dim=40 if format_ == "rosinality" else 48, w_dim=40, num_ws=10)
    known |= dict(source=vector.name, source_sha256=sha256(vector))
    known |= dict(sha256=sha256(path), size=path.stat().st_size)
    assert {name: note[name] for name in known} == known
    assert ("NVIDIA" in note["licence"]) == (format_ != "rosinality") and note["licence"]
    generator = load_generator(path)
    for name in ("resolution", "z_dim", "w_dim", "num_ws"):
        assert note[name] == getattr(generator, name)
    description, _ = read_weights(path)
    assert description == {"architecture": "stylegan2", "config": note["config"]}
    assert note["config"]["z_dim"] == note["z_dim"] and len(note["config"]["channels"]) == 5


def test_a_conversion_gives_the_same_bytes_each_time(vector, tmp_path):
    first, second = (
        convert_checkpoint(vector, tmp_path / name / "net.safetensors")[0] for name in "ab"
    )
    assert first.read_bytes() == second.read_bytes()
    assert first.with_suffix(".json").read_bytes() == second.with_suffix(".json").read_bytes()


def test_the_mean_of_w_is_the_files_own(vector):
    checkpoint = read_checkpoint(vector)
    if isinstance(checkpoint, list):
        stored = torch.tensor(dict(checkpoint[-1].state["variables"])["dlatent_avg"])
    elif "G_ema" in checkpoint:
        stored = checkpoint["G_ema"].state["_modules"]["mapping"].state["_buffers"]["w_avg"]
    else:
        stored = checkpoint["latent_avg"]
    generator = load_generator(vector)
    assert torch.equal(generator.w_avg, stored)
    z = torch.randn(4000, generator.z_dim, generator=torch.Generator().manual_seed(8))
    spread = (generator.mapping(z)[:, 0] - stored).square().sum(1).mean().sqrt()
    assert generator.w_std.item() == pytest.approx(spread.item(), rel=0.03)


def test_the_mean_of_w_is_measured_where_the_file_brings_none(rosinality):
    checkpoint = torch.load(rosinality)
    torch.save({"g_ema": checkpoint["g_ema"]}, rosinality)
    generator = load_generator(rosinality)
    z = torch.randn(20_000, generator.z_dim, generator=torch.Generator().manual_seed(8))
    mean = generator.mapping(z)[:, 0].mean(0)
    assert (generator.w_avg - mean).norm() < 0.05 * generator.w_std
    assert not torch.equal(generator.w_avg, checkpoint["latent_avg"])


def test_a_loaded_generator_is_frozen_and_knows_its_checkpoint(vector):
    generator = load_generator(vector)
    assert generator.name == vector.stem and generator.sha256 == sha256(vector)
    assert not generator.training and not any(p.requires_grad for p in generator.parameters())
    assert {x.dtype for x in generator.state_dict().values()} == {torch.float32}
    (path,) = convert_checkpoint(vector)
    assert load_generator(path).sha256 == sha256(path)


# --- kept conversions ---------------------------------------------------------------------------


def test_a_checkpoint_is_converted_once_and_kept_in_the_projects_folder(vector, root):
    first = load_generator(vector)
    path, digest = converted(vector, "generator")
    written = path.stat()
    assert digest == sha256(vector) and path.parent == root / "checkpoints" / "converted"
    assert kept_in(root) == sorted([path.name, path.with_suffix(".json").name])
    note = strict_json(path.with_suffix(".json"))
    assert note["source"] == vector.name and note["source_sha256"] == digest
    second = load_generator(vector)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))


def test_another_file_of_the_same_name_is_converted_anew(tmp_path):
    path = tmp_path / "net"
    kept = []
    for name in FORMATS:
        shutil.copy(DATA / name, path)
        kept.append(converted(path, "generator")[0])
    assert len(set(kept)) == 3
    written = kept[-1].stat().st_mtime_ns
    shutil.copy(path, tmp_path / "copy.pt")
    assert converted(tmp_path / "copy.pt", "generator")[0] == kept[-1]
    assert kept[-1].stat().st_mtime_ns == written


def test_a_kept_conversion_of_an_older_version_is_not_used(rosinality, root):
    first, _ = converted(rosinality, "generator")
    second, _ = converted(rosinality, "generator", version=VERSION + 1)
    assert first != second and second.is_file() and len(kept_in(root)) == 4


@pytest.mark.parametrize("suffix", [".pt", ".bin", ".pkl", ""])
def test_a_file_is_known_by_its_content_whatever_its_suffix(vector, suffix):
    renamed = vector.rename(vector.with_name(f"renamed{suffix}"))
    assert load_generator(renamed).resolution == 64
    assert [part.format for part in read_parts(renamed)] == [FORMATS[vector.name]]


def test_a_relative_path_of_one_word_is_a_file_where_there_is_one(rosinality, monkeypatch):
    rosinality.rename(rosinality.with_name("small"))  # which is a name in the manifest, too
    monkeypatch.chdir(rosinality.parent)
    assert load_generator("small").resolution == 64


ODD_NAMES = [
    "two words",
    "{seed}{}",
    'it\'s "quoted"',
    "%s; rm *",
    "new\nline",
    "ü",
    "-x",
    ".hidden",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_is_loaded_and_converted(rosinality, name, capsys):
    path = rosinality.rename(rosinality.with_name(f"{name}.pt"))
    assert load_generator(path).name == name
    assert cli("weights", "convert", path) == 0
    assert capsys.readouterr().out == f"{path.with_suffix('.safetensors')}\n"
    assert strict_json(path.with_suffix(".json"))["source"] == path.name
    assert load_generator(path.with_suffix(".safetensors")).name == name
    assert cli("weights", "info", path) == cli("weights", "info", f"{path.with_suffix('')}.pt") == 0


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode")
def test_a_name_that_is_no_unicode_is_loaded(rosinality, capsys):
    path = rosinality.rename(rosinality.with_name(os.fsdecode(b"\xff.pt")))
    assert load_generator(path).resolution == 64
    assert cli("weights", "info", path) == 0
    assert cli("weights", "convert", path) == 1  # safetensors could not be read under that name
    assert "UTF-8" in capsys.readouterr().err
    assert names_in(path.parent) == [path.name]
    out = path.with_name("other.safetensors")
    assert cli("weights", "convert", path, "--out", out) == 0
    assert strict_json(out.with_suffix(".json"))["source"] == "?.pt"
    shutil.move(out, path.with_suffix(".safetensors"))
    assert "UTF-8" in sentence(load_generator, path.with_suffix(".safetensors"))


@pytest.mark.parametrize("out", ["copy.safetensors", "net.safetensors"])
def test_a_file_of_ours_keeps_what_is_known_of_it(rosinality, out):
    (path,) = convert_checkpoint(rosinality)
    known = strict_json(path.with_suffix(".json"))
    wrong = dict(architecture="dcgan", config={}, sha256="0" * 64, size=1, bytes=1)
    told = known | dict(licence="mine", steps=300) | wrong
    path.with_suffix(".json").write_text(json.dumps(told))
    (copy,) = convert_checkpoint(path, path.with_name(out))
    note = strict_json(copy.with_suffix(".json"))
    facts = dict(licence="mine", steps=300, sha256=sha256(copy), size=copy.stat().st_size)
    assert note == known | facts
    assert (note["source"], note["source_sha256"]) == (rosinality.name, sha256(rosinality))


def test_a_file_of_ours_of_which_nothing_is_known_is_the_source_of_its_copy(rosinality):
    (path,) = convert_checkpoint(rosinality)
    path.with_suffix(".json").write_text("[")
    (copy,) = convert_checkpoint(path, path.with_name("copy.safetensors"))
    note = strict_json(copy.with_suffix(".json"))
    assert (note["source"], note["source_sha256"]) == (path.name, sha256(path))
    assert note["architecture"] == "stylegan2" and "licence" not in note


# --- what cannot be written ---------------------------------------------------------------------


@pytest.mark.parametrize("out", ["net.pt", "net", "net.json", "net.safetensors.bak", ""])
def test_results_of_another_suffix_are_refused(rosinality, out, capsys):
    before = rosinality.read_bytes()
    assert cli("weights", "convert", rosinality, "--out", rosinality.with_name(out or "x")) == 1
    assert "does not end in .safetensors" in capsys.readouterr().err
    assert rosinality.read_bytes() == before and names_in(rosinality.parent) == ["net.pt"]


def test_a_checkpoint_is_never_overwritten(rosinality, capsys):
    before = rosinality.read_bytes()
    path = rosinality.rename(rosinality.with_name("net.safetensors"))
    assert cli("weights", "convert", path, "--out", path) == 1
    assert f"{path} is not a whole safetensors file" in capsys.readouterr().err
    path = path.rename(path.with_name("net.json"))
    (path.parent / "link").symlink_to(path.parent)
    for out in ([], ["--out", path.parent / "link" / "net.safetensors"]):
        assert cli("weights", "convert", path, *out) == 1
        assert f"{path} would be overwritten" in capsys.readouterr().err
    assert path.read_bytes() == before and names_in(path.parent) == ["link", "net.json"]
    assert cli("weights", "convert", path, "--out", path.with_name("other.safetensors")) == 0


def test_a_place_that_cannot_be_written_to_is_named(rosinality, capsys):
    out = rosinality / "net.safetensors"  # below a file
    assert cli("weights", "convert", rosinality, "--out", out) == 1
    error = capsys.readouterr().err
    assert f"{out} cannot be written" in error and len(error.splitlines()) == 1
    assert names_in(rosinality.parent) == ["net.pt"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_folder_that_is_read_only_is_named(rosinality, capsys):
    rosinality.parent.chmod(0o555)
    try:
        assert cli("weights", "convert", rosinality) == 1
    finally:
        rosinality.parent.chmod(0o755)
    assert "cannot be written" in capsys.readouterr().err
    assert names_in(rosinality.parent) == ["net.pt"]


def test_a_full_disk_is_told_and_leaves_nothing(rosinality, root, monkeypatch, capsys):
    def fill(path, data):
        with open(path, "wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fill)
        message = sentence(load_generator, rosinality)
        assert cli("weights", "convert", rosinality) == 1
    assert "cannot be written: No space left" in message and str(root) in message
    assert "cannot be written: No space left" in capsys.readouterr().err
    assert names_in(rosinality.parent) == ["net.pt"] and kept_in(root) == []
    assert load_generator(rosinality).resolution == 64
