"""The networks in a checkpoint: what an e4e's or pSp's says of its encoder and its decoder.

Encoders here are of the outer shape alone, without their layers.
"""

import argparse
import sys
import types

import pytest
import torch
from torch import nn

from ganinv import load_generator
from ganinv.encoders.load import load_encoder
from ganinv.weights.convert import convert_checkpoint
from ganinv.weights.locate import describe_file
from ganinv.weights.readers.networks import read_parts
from ganinv.weights.store import read_weights
from helpers.checks import strict_json
from helpers.commands import cli
from helpers.foreign_checkpoints import (
    WIDTH,
    kept_in,
    names_in,
    sentence,
    sha256,
    tiny_encoder,
    vectors,
    wide_decoder,
)
from helpers.networks import assert_close

pytestmark = pytest.mark.usefixtures("root")


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
