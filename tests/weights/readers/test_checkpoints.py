"""Checkpoints of PyTorch and NVIDIA are read as what was saved."""

import argparse
import types
import warnings
from pathlib import Path, PosixPath

import lpips
import numpy as np
import pytest
import torch

from ganinv.weights.readers import checkpoints
from ganinv.weights.readers.checkpoints import Record, read_checkpoint
from helpers.containers import (
    assert_well_formed,
    bare,
    calls,
    in_both_formats,
    new_and_old,
    pid,
    read,
    refused,
    same,
    saved,
    tensor,
    with_floats,
    zipped,
)
from helpers.hostile_pickles import global_, text
from helpers.paths import DATA

whole = torch.arange(24).reshape(4, 6)
TENSORS = {
    **{str(dtype): whole.to(dtype) for dtype in checkpoints.DTYPES.values()},
    "0-d": torch.tensor(1.5),
    "empty": torch.empty(0),
    "empty of a shape": torch.empty(3, 0, 2, dtype=torch.half),
    "transposed": whole.T,
    "a part": whole[1:3, 2:5],
    "every second": whole.float()[::2, ::3],
    "permuted": torch.rand(2, 3, 4).permute(2, 0, 1),
    "channels last": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "a parameter": torch.nn.Parameter(torch.rand(3)),
    "the odd bytes": torch.arange(9, dtype=torch.uint8)[1:],
}


@new_and_old
@pytest.mark.parametrize("name", TENSORS)
def test_tensors_come_back(name, new, file):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read(saved({"a": [TENSORS[name]]}, new), file)
    assert same(found, {"a": [TENSORS[name]]})
    assert_well_formed(found)


@new_and_old
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_of_torch_save_is_read(protocol, new, file):
    value = {"a": torch.arange(5.0), "b": "text", "c": [1, 2.5, None, True]}
    assert same(read(saved(value, new, protocol), file), value)


@new_and_old
def test_storages_may_be_shared(new, file):
    value = {"all": whole, "row": whole[1], "again": whole, "column": whole[:, 2]}
    found = read(saved(value, new), file)
    assert same(found, value) and found["all"] is found["again"]


@new_and_old
def test_state_dicts_come_back_in_their_order(new, file):
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    state = net.state_dict()
    assert state._metadata
    assert same(read(saved(state, new), file), dict(state))


VALUES = {
    "numbers": [0, -1, 2**31, -(2**63), 10**30, 1.5, float("inf"), True, None],
    "text": ["", "é\n\0", "x" * 300],
    "nested": {"a": [{"b": (1, [2, {"c": ()}])}], "0": {}, "1": []},
    "numbers as keys": {0: "a", 7: "b", 140234234234016: "c"},
    "a size": torch.Size([2, 3]),
    "sets": [{1, 2, 3}, set()],
    "an array": np.arange(6, dtype="f4").reshape(2, 3),
    "a Fortran array": np.asfortranarray(np.arange(6).reshape(2, 3)),
}


@new_and_old
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("name", VALUES)
def test_other_values_come_back(name, protocol, new, file):
    assert same(read(saved(VALUES[name], new, protocol), file), VALUES[name])


@new_and_old
@pytest.mark.parametrize("kind", ["f4", "f8", "i8", "u1", "?"])
def test_numpy_scalars_are_read_as_numbers(kind, new, file):
    scalar = np.array(1).astype(kind)[()]
    assert same(read(saved([scalar], new), file), [scalar.item()])


@new_and_old
@pytest.mark.parametrize(
    "value, expected",
    [
        (PosixPath("/a/b.png"), "/a/b.png"),
        (PosixPath("a/b"), "a/b"),
        (PosixPath("."), ""),
        (torch.device("cpu"), "cpu"),
        (torch.float16, "torch.float16"),
    ],
    ids=str,
)
def test_paths_devices_and_types_are_read_as_text(value, expected, new, file):
    assert same(read(saved({"a": value}, new), file), {"a": expected})


@new_and_old
@pytest.mark.parametrize("kind", [argparse.Namespace, types.SimpleNamespace])
def test_options_are_read_as_a_record(kind, new, file):
    found = read(saved({"args": kind(size=256, lr=0.002, path="x")}, new), file)["args"]
    assert isinstance(found, Record) and found.kind == "Namespace"
    assert same(found.state, dict(size=256, lr=0.002, path="x"))


def test_tensors_outlive_their_file(file):
    found = read(saved({"a": torch.arange(9.0)}, True), file)
    file.unlink()
    assert same(found, {"a": torch.arange(9.0)})


def test_a_write_to_a_tensor_does_not_reach_the_file(file):
    data = saved(torch.arange(9.0), True)
    read(data, file).zero_()
    assert file.read_bytes() == data


@pytest.mark.parametrize("pad", range(1, 9))
def test_an_archive_packed_anew_is_read_with_its_tensors_aligned(pad, file):
    """Other tools than PyTorch leave tensors wherever they come to lie."""
    data = zipped(tensor(), version=b"x" * pad)
    found = read(data, file)
    assert same(found, torch.arange(12.0))
    assert_well_formed(found)


@in_both_formats
def test_a_tensor_by_hand_is_read(container, file):
    assert same(read(with_floats(container, tensor()), file), torch.arange(12.0))
    size, stride = b"K\x02K\x03\x86", b"K\x06K\x02\x86"
    part = tensor(size=size, stride=stride, offset=b"K\x01")
    expected = torch.arange(12.0).reshape(2, 6)[:, 1::2]
    assert same(read(with_floats(container, part), file), expected)


LPIPS = Path(lpips.__file__).parent / "weights"


@pytest.mark.parametrize("version", ["v0.0", "v0.1"])
@pytest.mark.parametrize("net", ["alex", "squeeze", "vgg"])
def test_files_that_python_2_wrote_are_read_as_torch_load_does(net, version):
    path = LPIPS / version / f"{net}.pth"
    assert b"]q\x03(U\x13lin0" in path.read_bytes()  # an OrderedDict of pairs, 8-bit strings
    assert same(read_checkpoint(path), torch.load(path, "cpu", weights_only=True))


def test_parameters_of_the_first_versions_are_read(file):
    state = b"\x88\x89" + calls("collections.OrderedDict") + b"\x87b"
    parameter = calls("torch.nn.parameter.Parameter", tensor(storage=pid(view=b"N") + b"Q")) + state
    data = with_floats("stream", b"}" + text("w") + parameter + b"s")
    assert same(read(data, file), {"w": torch.arange(12.0)})
    assert type(torch.load(file, weights_only=True)["w"]) is torch.nn.Parameter


def test_a_list_of_pairs_serves_once(file):
    """A short pickle could else make many large dicts of it."""
    pairs = b"](](" + text("a") + b"K\x01e](K\x02Nee"
    assert same(read(bare(calls("collections.OrderedDict", pairs)), file), {"a": 1, "2": None})
    again = pairs + b"q\0tR" + global_("collections.OrderedDict") + b"(h\0tR"
    refused(bare(b"](" + global_("collections.OrderedDict") + b"(" + again + b"e"), file)


def test_nvidia_s_checkpoint_is_read():
    found = read_checkpoint(DATA / "nvidia_64.pkl")
    assert list(found) == ["G", "D", "G_ema", "augment_pipe", "training_set_kwargs"]
    assert found["augment_pipe"] is None and found["training_set_kwargs"]["resolution"] == 64
    kinds = {name: found[name].kind for name in ("G", "D", "G_ema")}
    assert kinds == {"G": "Generator", "D": "Discriminator", "G_ema": "Generator"}
    G = found["G_ema"].state
    assert {key: G[key] for key in ("z_dim", "w_dim", "img_resolution", "num_ws")} == dict(
        z_dim=48, w_dim=40, img_resolution=64, num_ws=10
    )
    mapping, synthesis = G["_modules"]["mapping"], G["_modules"]["synthesis"]
    assert (mapping.kind, synthesis.kind) == ("MappingNetwork", "SynthesisNetwork")
    assert list(synthesis.state["_modules"]) == ["b4", "b8", "b16", "b32", "b64"]
    assert mapping.state["_buffers"]["w_avg"].shape == (40,)
    b64 = synthesis.state["_modules"]["b64"]
    assert list(b64.state["_modules"]) == ["conv0", "conv1", "torgb"]
    weight = b64.state["_modules"]["conv1"].state["_parameters"]["weight"]
    assert weight.shape == (8, 8, 3, 3) and weight.dtype == torch.float32
    assert weight.isfinite().all() and weight.std() > 0.1
    assert_well_formed(found)


def test_nvidia_s_tensorflow_checkpoint_is_read():
    found = read_checkpoint(DATA / "tf_64.pkl")
    assert [(network.kind, network.state["name"]) for network in found] == [
        ("Network", "G"),
        ("Network", "D"),
        ("Network", "Gs"),
    ]
    Gs = found[2].state
    assert Gs["version"] == 4 and "raise" in Gs["build_module_src"]
    assert list(Gs["components"]) == ["synthesis", "mapping"]
    variables = dict(Gs["components"]["mapping"].state["variables"])
    assert variables["Dense0/weight"].shape == (48, 40)
    assert_well_formed(found)


def test_the_two_checkpoints_of_nvidia_hold_the_same_numbers():
    torch_G = read_checkpoint(DATA / "nvidia_64.pkl")["G_ema"].state["_modules"]["mapping"]
    tf_G = read_checkpoint(DATA / "tf_64.pkl")[2].state["components"]["mapping"]
    weight = torch_G.state["_modules"]["fc0"].state["_parameters"]["weight"]
    assert np.array_equal(weight.T, dict(tf_G.state["variables"])["Dense0/weight"])


def test_rosinality_s_checkpoint_is_read_as_torch_load_does():
    found = read_checkpoint(DATA / "rosinality_64.pt")
    assert list(found) == ["g_ema", "latent_avg"]
    assert same(found, torch.load(DATA / "rosinality_64.pt", weights_only=True))
    assert_well_formed(found)
