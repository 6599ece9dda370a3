"""Other projects' checkpoints as our own files: converted, described, loaded, or refused by reason.

Everything happens in a project root of its own (GANINV_ROOT). The three StyleGAN2 files are small
ones that the original code wrote; the encoder's are built here from our own network.
"""

import argparse
import hashlib
import math
import os
import pickle
import shutil
import sys
import types
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import SafetensorError
from torch import nn

import ganinv
from ganinv import load_generator
from ganinv.encoders import load
from ganinv.encoders.irse import IRSEEncoder
from ganinv.encoders.load import load_encoder
from ganinv.errors import ParamsError, WeightsError
from ganinv.generators.mobile_stylegan import MobileStyleGAN
from ganinv.inversion import invert
from ganinv.inversion.starts import fit_rows
from ganinv.measures.reconstruction import METRICS
from ganinv.runs import experiment
from ganinv.weights import convert, store
from ganinv.weights.convert import convert_checkpoint, converted
from ganinv.weights.locate import describe_file
from ganinv.weights.readers import networks
from ganinv.weights.readers.checkpoints import read_checkpoint
from ganinv.weights.readers.networks import read_parts
from ganinv.weights.store import read_weights, save_weights
from helpers.checks import strict_json
from helpers.commands import cli
from helpers.networks import assert_close, random_stylegan2
from helpers.toys import save_toy

DATA = Path(__file__).parent / "data"
FORMATS = {"nvidia_64.pkl": "nvidia", "tf_64.pkl": "tensorflow", "rosinality_64.pt": "rosinality"}
OUTPUTS = {"nvidia": "nvidia_64", "tensorflow": "nvidia_64", "rosinality": "rosinality_64"}
WIDTH = 512  # of an encoder's codes


@pytest.fixture(autouse=True)
def root(tmp_path_factory, monkeypatch):
    """A project root with nothing but a manifest of one entry."""
    folder = tmp_path_factory.mktemp("root")
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "manifest.yaml").write_text(
        "small: {kind: generator, about: a, licence: b, convert: generator,"
        " file: small.safetensors, sources: []}"
    )
    monkeypatch.setenv("GANINV_ROOT", str(folder))
    return folder


@pytest.fixture(params=FORMATS)
def vector(request, tmp_path):
    """One of the reference checkpoints, in a folder of its own."""
    return Path(shutil.copy(DATA / request.param, tmp_path / request.param))


@pytest.fixture
def rosinality(tmp_path):
    return Path(shutil.copy(DATA / "rosinality_64.pt", tmp_path / "net.pt"))


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def vectors(format_):
    with np.load(DATA / f"{OUTPUTS[format_]}_outputs.npz") as file:
        return {key: torch.from_numpy(file[key]) for key in file}


def names_in(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def kept_in(root):
    folder = root / "checkpoints" / "converted"
    return names_in(folder) if folder.is_dir() else []


def sentence(call, *arguments):
    """The sentence with which `call` refuses."""
    with pytest.raises(WeightsError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and 20 < len(message) < 700
    return message


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


@pytest.fixture
def reads(monkeypatch):
    """The checkpoints that were really read."""
    seen, read = [], networks.read_checkpoint
    monkeypatch.setattr(networks, "read_checkpoint", lambda path: seen.append(path) or read(path))
    return seen


def test_a_checkpoint_is_converted_once_and_kept_in_the_projects_folder(vector, root, reads):
    first = load_generator(vector)
    path, digest = converted(vector, "generator")
    assert digest == sha256(vector) and path.parent == root / "checkpoints" / "converted"
    assert kept_in(root) == sorted([path.name, path.with_suffix(".json").name])
    note = strict_json(path.with_suffix(".json"))
    assert note["source"] == vector.name and note["source_sha256"] == digest
    second = load_generator(vector)
    assert reads == [vector]
    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))


def test_another_file_of_the_same_name_is_converted_anew(tmp_path, reads):
    path = tmp_path / "net"
    names = []
    for name in FORMATS:
        shutil.copy(DATA / name, path)
        names.append(converted(path, "generator")[0].name)
    assert len(reads) == len(set(names)) == 3
    shutil.copy(path, tmp_path / "copy.pt")
    assert converted(tmp_path / "copy.pt", "generator")[0].name == names[-1] and len(reads) == 3


def test_a_kept_conversion_of_an_older_version_is_not_used(rosinality, reads, root, monkeypatch):
    converted(rosinality, "generator")
    monkeypatch.setattr(convert, "VERSION", convert.VERSION + 1)
    converted(rosinality, "generator")
    assert len(reads) == 2 and len(kept_in(root)) == 4


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


# --- the command line ---------------------------------------------------------------------------


def test_convert_writes_beside_the_checkpoint(vector, capsys):
    assert cli("weights", "convert", vector) == 0
    assert capsys.readouterr().out == f"{vector.with_suffix('.safetensors')}\n"
    assert names_in(vector.parent) == sorted(
        [vector.name, f"{vector.stem}.json", f"{vector.stem}.safetensors"]
    )


def test_convert_writes_where_it_is_told(rosinality, tmp_path, capsys):
    out = tmp_path / "new" / "folder" / "mine.safetensors"
    assert cli("weights", "convert", rosinality, "--out", out) == 0
    assert names_in(out.parent) == ["mine.json", "mine.safetensors"]
    assert load_generator(out).name == "mine"


def test_info_describes_a_checkpoint_without_converting_it(vector, root, capsys):
    assert cli("weights", "info", vector) == 0
    lines = capsys.readouterr().out.splitlines()
    for line in ("architecture: stylegan2", "resolution: 64", "w_dim: 40", "num_ws: 10"):
        assert line in lines
    assert f"source_sha256: {sha256(vector)}" in lines
    assert names_in(vector.parent) == [vector.name] and kept_in(root) == []


def test_info_describes_our_own_file_and_a_name(rosinality, root, capsys):
    out = root / "checkpoints" / "small.safetensors"
    convert_checkpoint(rosinality, out)
    for word in (out, "small"):
        assert cli("weights", "info", word) == 0
        lines = capsys.readouterr().out.splitlines()
        assert {"file: small.safetensors", "kind: generator", "source: net.pt"} <= set(lines)
        assert f"sha256: {sha256(out)}" in lines


@pytest.mark.parametrize("note", [None, "", "[]", "{", '{"sha256": "00", "kind": "generator"}'])
def test_info_tells_the_files_own_checksum_whatever_is_noted_beside_it(rosinality, note):
    (path,) = convert_checkpoint(rosinality)
    beside = path.with_suffix(".json")
    beside.unlink() if note is None else beside.write_text(note)
    (description,) = describe_file(path)
    assert description["sha256"] == sha256(path) and description["file"] == path.name
    assert description["architecture"] == "stylegan2"


def test_info_of_weights_that_are_not_here_names_the_command(capsys):
    assert cli("weights", "info", "small") == 1
    assert "ganinv weights fetch small" in capsys.readouterr().err


def test_an_unknown_name_gets_the_nearest_suggested(capsys):
    assert "did you mean small" in sentence(load_generator, "smal")
    assert cli("weights", "info", "smal") == 2


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
    assert f"{path} is a safetensors file already" in capsys.readouterr().err
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


@pytest.mark.parametrize("error", [OSError(28, "No space left"), SafetensorError("No space left")])
def test_a_full_disk_is_told_and_leaves_nothing(rosinality, root, error, monkeypatch, capsys):
    def fill(tensors, path, metadata):
        path.write_bytes(b"half of it")
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(store, "save_file", fill)
        message = sentence(load_generator, rosinality)
        assert cli("weights", "convert", rosinality) == 1
    assert "cannot be written: No space left" in message and str(root) in message
    assert "cannot be written: No space left" in capsys.readouterr().err
    assert names_in(rosinality.parent) == ["net.pt"] and kept_in(root) == []
    assert load_generator(rosinality).resolution == 64


# --- what is no checkpoint ----------------------------------------------------------------------


class Persistent:
    """Pickles as an object of NVIDIA's torch_utils.persistence; `reconstruct` stands for theirs."""

    def __init__(self, kind, buffers=(), modules=(), **attributes):
        parts = dict(_parameters={}, _buffers=dict(buffers), _modules=dict(modules))
        self.meta = dict(type="class", version=6, module_src="", class_name=kind)
        self.meta["state"] = attributes | parts

    def __reduce__(self):
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (self.meta,)


def pickled(value):
    """A pickle, in which NVIDIA's classes may occur."""

    def _reconstruct_persistent_obj(meta):
        raise AssertionError("it was called")

    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("torch_utils", "torch_utils.persistence"):
            patch.setitem(sys.modules, name, types.ModuleType(name))
        module = sys.modules["torch_utils.persistence"]
        module._reconstruct_persistent_obj = _reconstruct_persistent_obj
        return pickle.dumps(value)


def stylegan3():
    layers = {"input": Persistent("SynthesisInput"), "L0_36_1024": Persistent("SynthesisLayer")}
    parts = dict(
        mapping=Persistent("MappingNetwork", z_dim=512),
        synthesis=Persistent("SynthesisNetwork", modules=layers),
    )
    return pickled({"G": None, "D": None, "G_ema": Persistent("Generator", modules=parts)})


def saved(value):
    """What torch.save writes."""

    def write(path):
        torch.save(value, path)

    return write


def tiny_encoder(channels=3, rows=10, decoder=False, **changes):
    """A checkpoint of an e4e's outer shape, whose layers are not there.

    A change to None leaves the entry out.
    """
    state = {"encoder.input_layer.0.weight": torch.zeros(64, channels, 3, 3)}
    state |= {f"encoder.styles.{i}.linear.bias": torch.zeros(1) for i in range(rows)}
    if decoder:
        state |= {f"decoder.{name}": x for name, x in wide_decoder().items()}
    opts = argparse.Namespace(encoder_type="Encoder4Editing", start_from_latent_avg=True)
    made = dict(state_dict=state, opts=opts, latent_avg=torch.ones(WIDTH)) | changes
    return {name: value for name, value in made.items() if value is not None}


def wide_decoder():
    """rosinality_64's generator, whose w is 40 wide, laid into one that takes the encoder's 512.

    The further entries of w are zero and do nothing.
    """
    weights = dict(torch.load(DATA / "rosinality_64.pt")["g_ema"])
    for name, x in weights.items():
        if name.endswith("modulation.weight"):
            padded = nn.functional.pad(x, (0, WIDTH - x.shape[1]))
            weights[name] = padded * math.sqrt(WIDTH / x.shape[1])  # the equalized rate is another
    for name in ("style.4.weight", "style.4.bias"):
        x = weights[name]
        weights[name] = nn.functional.pad(x, (0, 0, 0, WIDTH - 40)[-2 * x.ndim :])
    return weights


def write_png(path):
    Image.new("RGB", (8, 8)).save(path, "PNG")


def write_half(name):
    data = (DATA / name).read_bytes()
    return lambda path: path.write_bytes(data[: len(data) // 2])


TORCHVISION = OrderedDict({"features.0.weight": torch.zeros(4, 3, 3, 3), "classifier.6.bias": None})
TORCHVISION["classifier.6.bias"] = torch.zeros(10)
OF_NO_USE = {
    "missing": (lambda path: None, "there is no file"),
    "folder": (Path.mkdir, "there is no file"),
    "empty": (lambda path: path.write_bytes(b""), "the file is empty"),
    "web page": (lambda path: path.write_text("<!DOCTYPE html><html>"), "web page"),
    "PNG": (write_png, "no checkpoint"),
    "text": (lambda path: path.write_text("weights"), "no checkpoint"),
    "zip cut short": (write_half("rosinality_64.pt"), "not a whole zip archive"),
    "pickle cut short": (write_half("nvidia_64.pkl"), "not a whole pickle"),
    "TensorFlow pickle cut short": (write_half("tf_64.pkl"), "not a whole pickle"),
    "state dict": (saved(TORCHVISION), "entries are features.0.weight"),
    "StyleGAN3": (lambda path: path.write_bytes(stylegan3()), "StyleGAN3"),
    "no G_ema": (lambda path: path.write_bytes(pickled({"G_ema": None})), "no G_ema"),
    "number": (saved(3), "no network that is known"),
    "empty dict": (saved({}), "no network that is known"),
    "list": (saved([torch.zeros(2)]), "no network that is known"),
    "rosinality's discriminator": (saved({"d": {"a": torch.zeros(1)}}), "entries are d"),
    "other g_ema": (saved({"g_ema": TORCHVISION}), "no StyleGAN2 generator"),
    "g_ema of no kind": (saved({"g_ema": 3}), "not built as its format is"),
    "neither part": (saved({"state_dict": TORCHVISION}), "neither an encoder nor a decoder"),
    "other decoder": (
        saved({"state_dict": {"decoder.a": torch.zeros(1)}}),
        "no StyleGAN2 generator",
    ),
}


@pytest.mark.parametrize("case", OF_NO_USE)
def test_what_is_no_checkpoint_is_refused_by_its_name_and_reason(case, tmp_path, root, capsys):
    write, reason = OF_NO_USE[case]
    path = tmp_path / "some net.pt"
    write(path)
    before = names_in(tmp_path)
    for call in (load_generator, load_encoder, convert_checkpoint, describe_file):
        if call is load_encoder and case == "other decoder":
            assert f"{path} holds no encoder" in sentence(call, path)
            continue
        message = sentence(call, path)
        assert str(path) in message and reason in message
    for command in ("convert", "info"):
        assert cli("weights", command, path) == 1
        error = capsys.readouterr().err
        assert str(path) in error and reason in error and len(error.splitlines()) == 1
    assert names_in(tmp_path) == before and kept_in(root) == []


def test_a_run_names_a_generator_that_is_none(tmp_path, make_photo, capsys):
    path, photo = tmp_path / "net.pkl", make_photo(tmp_path / "me.png")
    path.write_bytes(stylegan3())
    sets = ["--set", f"generator={path}", "--out", tmp_path / "run"]
    assert cli("invert", photo, "--no-align", *sets) == 1
    assert "StyleGAN3" in capsys.readouterr().err and not (tmp_path / "run").exists()


@pytest.fixture
def own_files(toy, tmp_path):
    """Files of ours, one of each kind."""
    made = {name: tmp_path / f"{name}.safetensors" for name in ("backbone", "encoder", "bare")}
    tensors = {"conv.0.weight": torch.zeros(1)}
    save_weights(made["backbone"], tensors, dict(architecture="lpips_backbone", config={}))
    save_weights(made["encoder"], tensors, dict(architecture="irse", config=dict(num_ws=1)))
    save_weights(made["bare"], tensors, {})
    made["generator"] = save_toy(tmp_path / "generator.safetensors", toy.state_dict())
    return made


def test_our_own_files_of_another_kind_are_refused(own_files):
    for name in ("backbone", "encoder", "bare"):
        message = sentence(load_generator, own_files[name])
        assert f"{own_files[name]} holds no generator" in message
    for name in ("backbone", "generator", "bare"):
        message = sentence(load_encoder, own_files[name])
        assert f"{own_files[name]} holds no encoder" in message
    assert "no network that ganinv knows" in sentence(describe_file, own_files["bare"])
    assert "'irse'" in sentence(load_generator, own_files["encoder"])


def test_our_own_files_need_no_conversion(own_files):
    for path in own_files.values():
        assert "safetensors file already" in sentence(convert_checkpoint, path)


def test_an_encoder_without_its_layers_is_refused(own_files):
    message = sentence(load_encoder, own_files["encoder"])
    assert "does not fit its own description" in message and "body.0" in message


@pytest.mark.parametrize("data", [b"", b"junk", b"\xff" * 99, (9**9).to_bytes(8, "little") + b"{"])
def test_a_file_of_ours_that_is_not_whole_is_refused(tmp_path, data):
    path = tmp_path / "net.safetensors"
    path.write_bytes(data)
    for call in (load_generator, load_encoder, describe_file):
        assert f"{path} is not a whole safetensors file" in sentence(call, path)
    path.unlink()
    for call in (load_generator, load_encoder, describe_file, convert_checkpoint):
        assert f"there is no file {path}" in sentence(call, path)


@pytest.mark.parametrize("text", ["{", "[]", "3", "[" * 100_000, '{"architecture": null}'])
def test_metadata_of_any_kind_are_refused(tmp_path, text):
    path = tmp_path / "net.safetensors"
    store.save_file({"a": torch.zeros(1)}, path, metadata={"ganinv": text})
    for call in (load_generator, load_encoder):
        assert str(path) in sentence(call, path)


# --- encoders: what the checkpoint says ---------------------------------------------------------


class EasyDict(dict):
    """dnnlib's."""


EasyDict.__module__ = "dnnlib.util"


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A function that writes a checkpoint of `tiny_encoder`."""
    module = types.ModuleType("dnnlib.util")
    module.EasyDict = EasyDict

    def write(**changes):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "dnnlib", types.ModuleType("dnnlib"))
            patch.setitem(sys.modules, "dnnlib.util", module)
            torch.save(tiny_encoder(**changes), tmp_path / "tiny.pt")
        return tmp_path / "tiny.pt"

    return write


def options(kind, values):
    return kind(**values) if values is not None else None


@pytest.mark.parametrize("kind", [argparse.Namespace, types.SimpleNamespace, dict, EasyDict])
@pytest.mark.parametrize("head", ["e4e", "psp"])
def test_the_head_is_read_off_the_options(tiny, kind, head):
    named = {"e4e": "Encoder4Editing", "psp": "GradualStyleEncoder"}[head]
    path = tiny(opts=options(kind, dict(encoder_type=named, device="cuda:0", lr=1e-4)), rows=14)
    (part,) = read_parts(path)
    assert part.config == dict(head=head, num_ws=14)
    (description,) = describe_file(path)
    known = dict(kind="encoder", format=head, architecture="irse", resolution=256, w_dim=512)
    known |= dict(num_ws=14, generator_resolution=256, source="tiny.pt", source_sha256=sha256(path))
    assert {name: description[name] for name in known} == known
    assert description["licence"]


@pytest.mark.parametrize(
    "opts",
    [
        None,
        {},
        {"lr": 1.0},
        {"encoder_type": None},
        {"encoder_type": "BackboneEncoder"},
        {"encoder_type": ["Encoder4Editing"]},
        argparse.Namespace(),
        3,
        ["Encoder4Editing"],
        "e4e",
    ],
    ids=repr,
)
def test_options_that_do_not_say_the_head_lead_to_the_option(tiny, opts, root, capsys):
    path = tiny(opts=opts)
    message = sentence(load_encoder, path)
    assert str(path) in message and "--head" in message
    assert cli("weights", "convert", path) == 1
    assert "--head" in capsys.readouterr().err
    assert names_in(path.parent) == ["tiny.pt"] and kept_in(root) == []
    for head in ("e4e", "psp"):
        assert cli("weights", "convert", path, "--head", head) == 0
        note = strict_json(path.with_suffix(".json"))
        assert note["config"] == dict(head=head, num_ws=10) and note["format"] == head


def test_an_unknown_head_is_a_bad_argument(tiny):
    assert cli("weights", "convert", tiny(), "--head", "restyle") == 2


def test_the_given_head_outdoes_the_options(tiny):
    (part,) = read_parts(tiny(), head="psp")
    assert part.config["head"] == "psp"


@pytest.mark.parametrize("shape", [(WIDTH,), (1, WIDTH), (10, WIDTH), (1, 1, WIDTH)], ids=str)
def test_the_latent_average_is_laid_onto_every_row(tiny, shape):
    average = torch.randn(shape)
    (part,) = read_parts(tiny(latent_avg=average))
    stored = part.tensors["latent_avg"].clone()  # it is the file's memory, which is written anew
    assert stored.shape == (10, WIDTH) and stored.dtype == torch.float32
    assert torch.equal(stored, average.reshape(-1, WIDTH).expand(10, -1))
    (path,) = convert_checkpoint(tiny(latent_avg=average.double()))
    assert torch.equal(read_weights(path)[1]["latent_avg"], stored)


@pytest.mark.parametrize(
    "average", [torch.zeros(511), torch.zeros(9, WIDTH), [0.0] * WIDTH, "mean"]
)
def test_a_latent_average_that_does_not_fit_is_refused(tiny, average, capsys):
    path = tiny(latent_avg=average)
    assert str(path) in sentence(load_encoder, path)
    assert cli("weights", "convert", path) == 1
    assert names_in(path.parent) == ["tiny.pt"]


def test_a_latent_average_that_is_missing_is_refused(tiny):
    assert "no latent_avg" in sentence(load_encoder, tiny(latent_avg=None))


@pytest.mark.parametrize("average", [None, torch.ones(WIDTH)], ids=["absent", "present"])
def test_an_encoder_that_does_not_start_from_the_average_gets_none(tiny, average):
    opts = dict(encoder_type="GradualStyleEncoder", start_from_latent_avg=False)
    (part,) = read_parts(tiny(latent_avg=average, opts=opts))
    assert torch.equal(part.tensors["latent_avg"], torch.zeros(10, WIDTH))


@pytest.mark.parametrize(
    "named", ["Encoder4Editing", "ProgressiveBackboneEncoder", None], ids=["e4e", "own", "none"]
)
def test_a_restyle_encoder_is_refused_with_its_reason(tiny, named):
    path = tiny(channels=6, opts=dict(encoder_type=named))
    for head in (None, "e4e"):
        message = sentence(convert_checkpoint, path, None, head)
        assert "6 channels" in message and "ReStyle" in message


def test_another_encoder_is_refused_with_its_reason(tmp_path, tiny):
    assert "4 channels" in sentence(load_encoder, tiny(channels=4))
    path = tmp_path / "net.pt"
    torch.save({"state_dict": {"encoder.conv1.weight": torch.zeros(1)}, "opts": {}}, path)
    assert "no IR-SE50" in sentence(load_encoder, path)


def test_a_missing_part_is_told(tiny, rosinality, vector, tmp_path):
    path = tiny()
    assert f"{path} holds no generator" in sentence(load_generator, path)
    for path in (rosinality, vector):
        assert f"{path} holds no encoder" in sentence(load_encoder, path)
    path = tmp_path / "decoder.pt"
    state = {f"decoder.{name}": x for name, x in wide_decoder().items()}
    torch.save({"state_dict": state, "latent_avg": torch.zeros(WIDTH)}, path)
    assert f"{path} holds no encoder" in sentence(load_encoder, path)
    assert load_generator(path).w_dim == WIDTH
    assert convert_checkpoint(path) == [path.with_suffix(".safetensors")]


def test_a_decoder_is_loaded_whatever_is_beside_it(tiny):
    """Of a ReStyle checkpoint, and of one whose options do not say the head."""
    for changes in (dict(channels=6), dict(opts=None)):
        path = tiny(decoder=True, **changes)
        sentence(load_encoder, path)
        assert load_generator(path).resolution == 64


def test_a_decoder_gives_the_images_of_the_original_code(tiny):
    outputs = vectors("rosinality")
    generator = load_generator(tiny(decoder=True))
    wplus = nn.functional.pad(outputs["wplus"], (0, WIDTH - 40))
    assert_close(generator.synthesis(wplus), outputs["img_wplus_const"])
    assert_close(generator.mapping(outputs["z"])[:, 0, :40], outputs["w"])


def test_the_mean_of_w_is_the_average_only_where_that_is_one_vector(tiny):
    one = torch.randn(WIDTH)
    for average in (one, one[None], one.repeat(10, 1)):
        assert torch.equal(load_generator(tiny(decoder=True, latent_avg=average)).w_avg, one)
    many = torch.randn(10, WIDTH)
    generator = load_generator(tiny(decoder=True, latent_avg=many))
    z = torch.randn(4000, 40, generator=torch.Generator().manual_seed(8))
    mean = generator.mapping(z)[:, 0].mean(0)
    assert (generator.w_avg - mean).norm() < 0.1 * generator.w_std


# --- encoders: whole ones -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def network():
    """An IR-SE50 of two rows, which is as small as it gets: 64 million numbers.

    The body's are such as half precision holds, too.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = IRSEEncoder(head="e4e", num_ws=2).eval().requires_grad_(False)
    made.body.half().float()
    return made


@pytest.fixture(scope="module")
def average():
    return torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(5))


@pytest.fixture(scope="module")
def checkpoint(network, average, tmp_path_factory):
    """An e4e checkpoint: encoder, decoder, options, an average of a vector for each row.

    The encoder's body is in half precision, as others may have saved theirs.
    """
    path = tmp_path_factory.mktemp("e4e") / "e4e_small.pt"
    own = network.state_dict()
    del own["latent_avg"]
    own |= {name: x.half() for name, x in own.items() if name[:4] == "body" and x.ndim}
    state = {f"encoder.{name}": x for name, x in own.items()}
    made = tiny_encoder(decoder=True, latent_avg=average)
    made["state_dict"] = {k: x for k, x in made["state_dict"].items() if k[0] == "d"} | state
    torch.save(made, path)
    yield path
    shutil.rmtree(path.parent)  # it is large, and pytest would keep it


@pytest.fixture(scope="module")
def codes(network):
    """An image and the rows that the style blocks give for it: (1, 3, 256, 256), (1, 2, 512)."""
    image = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(7)) * 2 - 1
    rows = network(image)
    assert rows.std() > 1e-3
    return image, rows


@pytest.fixture
def no_litter(root):
    yield
    shutil.rmtree(root / "checkpoints")


def test_one_checkpoint_gives_an_encoder_and_a_generator(
    checkpoint, network, codes, average, root, no_litter
):
    encoder, generator = load_encoder(checkpoint), load_generator(checkpoint)
    image, rows = codes
    for name, tensor in network.state_dict().items():
        loaded = encoder.state_dict()[name]
        assert loaded.dtype == tensor.dtype
        assert torch.equal(loaded, average if name == "latent_avg" else tensor)
    assert_close(encoder(image), rows + average, 1e-6)
    assert_close(encoder(image) - average, rows, 1e-3)
    assert (encoder.head, encoder.num_ws, encoder.resolution) == ("e4e", 2, 256)
    assert encoder.name == generator.name == "e4e_small"
    assert encoder.sha256 == generator.sha256 == sha256(checkpoint)
    assert not encoder.training and not any(p.requires_grad for p in encoder.parameters())
    assert (generator.resolution, generator.w_dim, generator.num_ws) == (64, WIDTH, 10)
    assert [name.split("-")[1] for name in kept_in(root)] == ["encoder"] * 2 + ["generator"] * 2
    assert names_in(checkpoint.parent) == [checkpoint.name]


def test_convert_writes_both_parts_each_with_its_description(
    checkpoint, codes, average, tmp_path, capsys
):
    out = tmp_path / "small.safetensors"
    assert cli("weights", "convert", checkpoint, "--out", out, "--head", "psp") == 0
    written = [tmp_path / f"small.{kind}.safetensors" for kind in ("encoder", "generator")]
    assert capsys.readouterr().out.splitlines() == list(map(str, written))
    assert names_in(tmp_path) == sorted(
        f"small.{kind}.{end}"
        for kind in ("encoder", "generator")
        for end in ("json", "safetensors")
    )
    for path, kind in zip(written, ("encoder", "generator"), strict=True):
        note = strict_json(path.with_suffix(".json"))
        assert note["kind"] == kind and note["source"] == checkpoint.name
        assert note["sha256"] == sha256(path) and note["source_sha256"] == sha256(checkpoint)
    image, rows = codes
    rows = torch.stack([rows[:, 0], rows[:, 1] - rows[:, 0]], 1)  # pSp's rows are no offsets
    encoder = load_encoder(written[0])
    assert torch.allclose(encoder(image), rows + average, atol=1e-5) and encoder.head == "psp"
    assert load_generator(written[1]).resolution == 64
    assert "holds no generator" in sentence(load_generator, written[0])
    assert "holds no encoder" in sentence(load_encoder, written[1])
    shutil.rmtree(tmp_path)


# --- codes laid onto a generator's rows ---------------------------------------------------------


def student(blocks, width=6):
    """A narrow MobileStyleGAN; seven blocks are the FFHQ student's."""
    return MobileStyleGAN(channels=[8] * (blocks + 1), z_dim=4, w_dim=width, mapping_layers=1)


def numbered(rows, width=6):
    """Codes (rows, width), each of which is its own number."""
    return torch.arange(rows, dtype=torch.float32)[:, None].expand(-1, width)


@pytest.mark.parametrize("rows", [1, 8])
def test_as_many_codes_as_rows_pass_as_they_are(rows):
    generator = random_stylegan2()  # 8 rows of width 20
    codes = torch.randn(rows, 20)
    assert fit_rows(codes, generator) is codes


def test_an_encoders_18_codes_are_laid_onto_the_students_23_rows_by_resolution():
    laid = fit_rows(numbered(18), student(7))
    assert laid.shape == (23, 6)
    rows = [
        0,  # 4x4: the first convolution
        1,
        2,
        3,  # 8x8: first convolution, second convolution, image head
        3,
        4,
        5,  # 16x16
        5,
        6,
        7,  # 32x32
        7,
        8,
        9,  # 64x64
        9,
        10,
        11,  # 128x128
        11,
        12,
        13,  # 256x256
        13,
        14,
        15,  # 512x512
        17,  # 1024x1024: the last image head
    ]
    assert torch.equal(laid[:, 0], torch.tensor(rows, dtype=torch.float32))


@pytest.mark.parametrize("blocks", [1, 3, 4, 5, 6, 7])
def test_a_students_row_takes_the_code_of_the_same_layer_of_its_teacher(blocks):
    generator = student(blocks)
    levels = int(math.log2(generator.resolution)) - 2
    assert levels == blocks + 1
    teacher = {("conv1", 0): 0} | {("head", level): 2 * level + 1 for level in range(levels + 1)}
    for level in range(1, levels + 1):  # StyleGAN2's own layout, see `StyleGAN2`
        teacher |= {("conv0", level): 2 * level - 1, ("conv1", level): 2 * level}
    places = {0: ("conv1", 0), generator.num_ws - 1: ("head", levels)}
    for i in range(blocks):
        parts = ("conv0", "conv1", "head")
        places |= {1 + 3 * i + k: (part, i + 1) for k, part in enumerate(parts)}
    laid = fit_rows(numbered(2 * levels + 2), generator)
    assert sorted(places) == list(range(generator.num_ws))
    for row, place in places.items():
        assert laid[row, 0] == teacher[place]


def test_one_w_laid_onto_the_rows_is_the_image_of_w():
    generator = student(3)
    w = torch.randn(6, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        in_w = generator.synthesis(generator.broadcast(w[None]))
        laid = fit_rows(w.expand(10, -1), generator).expand(generator.num_ws, -1)
        assert torch.equal(generator.synthesis(laid[None]), in_w)
        assert not torch.equal(generator.synthesis(laid[None] + 1), in_w)


@pytest.mark.parametrize("rows", [0, 2, 10, 17, 19, 22, 24])
def test_codes_for_another_student_are_refused_with_both_numbers(rows):
    with pytest.raises(ValueError, match=rf"{rows} codes.*takes 23 \(or its teacher's 18\)"):
        fit_rows(numbered(rows), student(7))


def test_codes_of_another_width_are_refused_with_both_numbers():
    for rows in (1, 18, 23):
        with pytest.raises(ValueError, match="width 7.*width 6"):
            fit_rows(numbered(rows, 7), student(7))


def test_stylegan2_has_no_teacher():
    with pytest.raises(ValueError, match="10 codes of width 20.*takes 8 of width 20"):
        fit_rows(numbered(10, 20), random_stylegan2())


# --- starting from an encoder -------------------------------------------------------------------


@pytest.fixture(scope="module")
def stylegan2_256():
    generator = random_stylegan2(channels=[8] * 7)
    generator.name = "narrow"
    return generator


@pytest.fixture
def published(monkeypatch):
    """The checkout's own root, where LPIPS's weights are; they are not what is tested here."""
    monkeypatch.delenv("GANINV_ROOT")
    monkeypatch.setattr(invert, "compute_metrics", lambda *_: dict.fromkeys(METRICS, 0.0))


def start_from(generator, codes, **changes):
    seen = []

    def encoder(images):
        seen.append(tuple(images.shape))
        return codes

    target = torch.zeros(3, generator.resolution, generator.resolution)
    quick = dict(loss="l2", precision="float32", compile="off", log_every=0, snapshot_every=0)
    run = ganinv.invert(generator, target, init="encoder", encoder=encoder, **quick | changes)
    assert seen == [(1, *target.shape)]
    return run


def test_a_search_starts_from_the_encoders_codes(stylegan2_256, published):
    codes = torch.randn(1, 14, 20, generator=torch.Generator().manual_seed(3))
    run = start_from(stylegan2_256, codes, space="w+", steps=0)
    assert torch.equal(run.latent, codes[0])
    run = start_from(stylegan2_256, codes, space="w", steps=0)
    assert torch.allclose(run.latent, codes[0].mean(0).expand(14, -1), atol=1e-6)


@pytest.mark.parametrize("rows", [18, 13])
def test_an_encoder_for_another_resolution_is_refused_with_both_numbers(stylegan2_256, rows):
    wanted = rf"{rows} codes of width 20, but the generator narrow at 256x256 takes 14 of width 20"
    for space in ("w", "w+"):
        with pytest.raises(ValueError, match=wanted):
            start_from(stylegan2_256, torch.zeros(1, rows, 20), space=space, steps=1)


class Flat(nn.Module):
    """An encoder that gives the same codes for every image."""

    resolution = 16

    def __init__(self, *, num_ws, w_dim):
        super().__init__()
        self.codes = nn.Parameter(torch.zeros(num_ws, w_dim))

    def forward(self, images):
        return self.codes.expand(len(images), -1, -1) + 0 * images.mean()


@pytest.fixture
def flat(tmp_path, monkeypatch, published):
    """A function that writes such an encoder to one path."""
    monkeypatch.setitem(load.ARCHITECTURES, "flat", Flat)

    def write(codes):
        path = tmp_path / "flat.safetensors"
        config = dict(num_ws=codes.shape[0], w_dim=codes.shape[1])
        save_weights(path, {"codes": codes}, dict(architecture="flat", config=config))
        return path

    return write


@pytest.fixture
def calls(monkeypatch):
    """What a run did: the encoders it loaded, and the images it searched for."""
    seen = {"load_encoder": [], "invert": []}

    def count(name):
        function = getattr(experiment, name)

        def counting(*arguments, **options):
            seen[name].append(options.get("image_id", arguments[0]))
            return function(*arguments, **options)

        monkeypatch.setattr(experiment, name, counting)

    for name in seen:
        count(name)
    return seen


def test_a_run_loads_its_encoder_once_and_records_it(
    flat, calls, toy, toy_params, make_photo, tmp_path
):
    photos = [make_photo(tmp_path / f"{name}.png", i) for i, name in enumerate("ab")]
    codes = torch.randn(8, 32, generator=torch.Generator().manual_seed(4))
    path = flat(codes)
    params = toy_params(photos, init="encoder", encoder=str(path), space="w+", steps=0)
    run = experiment.run_experiment(params, say=lambda text: None)
    assert calls == {"load_encoder": [str(path)], "invert": ["a", "b"]} and run.failed == {}
    weights = strict_json(run.out / "environment.json")["weights"]
    assert weights["flat (encoder)"] == sha256(path)
    assert set(weights) >= {"toy", "lpips-alex", "lpips-vgg"}
    for name in "ab":
        assert torch.equal(
            ganinv.inversion.latent_files.load_latent(run.out / name / "latent.safetensors")[0],
            codes,
        )

    experiment.run_experiment(params, say=lambda text: None)
    assert calls["invert"] == ["a", "b"]  # kept
    flat(codes + 1)
    experiment.run_experiment(params, say=lambda text: None)
    assert calls["invert"] == ["a", "b", "a", "b"]
    weights = strict_json(run.out / "environment.json")["weights"]
    assert weights["flat (encoder)"] == sha256(path)


@pytest.mark.parametrize(
    ("shape", "reason"), [((10, 32), "10 codes"), ((8, 31), "width 31")], ids=["rows", "width"]
)
def test_a_run_with_another_generators_encoder_fails_before_anything_runs(
    flat, calls, toy_params, make_photo, tmp_path, shape, reason
):
    path = flat(torch.zeros(shape))
    params = toy_params(
        [make_photo(tmp_path / "a.png")], init="encoder", encoder=str(path), space="w+"
    )
    with pytest.raises(ParamsError, match=f"{reason}.*takes 8"):
        experiment.run_experiment(params, say=lambda text: None)
    assert calls["invert"] == [] and not (tmp_path / "run").exists()


def test_a_run_names_an_encoder_that_is_none(toy_params, make_photo, rosinality, tmp_path):
    params = toy_params([make_photo(tmp_path / "a.png")], init="encoder", encoder=str(rosinality))
    with pytest.raises(WeightsError, match="holds no encoder"):
        experiment.run_experiment(params, say=lambda text: None)
    assert names_in(tmp_path) == ["a.png", "net.pt"]
