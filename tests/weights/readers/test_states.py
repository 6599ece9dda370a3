"""A network is found by its own names, whatever a tool wrapped it in."""

import time

import numpy as np
import pytest
import torch
from torch import nn

from ganinv import load_generator
from ganinv.weights.readers import networks
from ganinv.weights.readers.checkpoints import Record, read_checkpoint
from ganinv.weights.readers.networks import read_parts
from ganinv.weights.readers.states import find_networks
from helpers.foreign_checkpoints import (
    WIDTH,
    Generator,
    module_of,
    pickled,
    save_whole,
    sentence,
    state_of,
    tiny_encoder,
    vectors,
)
from helpers.networks import assert_close
from helpers.paths import DATA

pytestmark = pytest.mark.usefixtures("root")


def rosinality():
    return dict(torch.load(DATA / "rosinality_64.pt")["g_ema"])


def nvidia():
    return state_of(read_checkpoint(DATA / "nvidia_64.pkl")["G_ema"])


STATES = {"rosinality": rosinality, "nvidia": nvidia}


def prefixed(prefix):
    return lambda state: {f"{prefix}{name}": x for name, x in state.items()}


def inside(*names):
    """A state within dicts, beside a discriminator and an optimizer's state."""

    def wrap(state):
        for name in reversed(names):
            other = dict(d={"convs.0.0.weight": torch.ones(2)}, optim=dict(state={}, lr=0.1))
            state = other | {name: state}
        return state

    return wrap


def between(state):
    """A wrapper's word in the middle of the names."""
    return {name.replace(".", ".module.", 1): x for name, x in state.items()}


WRAPPED = {
    "bare": lambda state: state,
    "DataParallel": prefixed("module."),
    "DataParallel twice": prefixed("module.module."),
    "parts in DataParallel": between,
    "torch.compile": prefixed("_orig_mod."),
    "compiled, then DataParallel": prefixed("module._orig_mod."),
    "Lightning": lambda state: {"state_dict": prefixed("generator.")(state), "epoch": 3},
    "Lightning's model": lambda state: {"state_dict": prefixed("model.netG.")(state)},
    "arrays": lambda state: {name: x.numpy() for name, x in state.items()},
    "double precision": lambda state: {name: x.double() for name, x in state.items()},
    **{name: inside(name) for name in ("g", "g_ema", "G_ema", "generator", "params", "params_ema")},
    "deep": inside("checkpoint", "models", "G"),
    "in a list": lambda state: [{"d": torch.ones(1)}, state],
    "the average of two": lambda state: dict(
        g={name: x + 1 for name, x in state.items()}, g_ema=state
    ),
    "the average of two prefixes": lambda state: {
        "state_dict": prefixed("G.")({name: x + 1 for name, x in state.items()})
        | prefixed("G_ema.module.")(state)
    },
}


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
@pytest.mark.parametrize("format_", STATES)
def test_a_state_is_found_in_its_wrapping(format_, wrap, tmp_path):
    state, path = STATES[format_](), tmp_path / "net.pt"
    torch.save(wrap(state), path)
    (part,) = read_parts(path)
    whole = {"rosinality": "rosinality_64.pt", "nvidia": "nvidia_64.pkl"}[format_]
    (known,) = read_parts(DATA / whole)
    assert part.kind == "generator" and part.format == format_
    clamp = {"conv_clamp": None}  # which a state does not say
    assert part.config | clamp == known.config | clamp
    for name in known.tensors.keys() - {"w_avg"}:
        assert torch.equal(part.tensors[name], known.tensors[name])


def test_a_state_of_nvidias_gives_the_images_of_the_original_code(tmp_path):
    path, outputs = tmp_path / "tuned.pt", vectors("nvidia")
    torch.save(nvidia(), path)
    generator = load_generator(path)
    assert_close(generator.mapping(outputs["z"]), outputs["ws"])
    assert_close(generator.mapping(outputs["z"], truncation=0.6), outputs["ws_psi06"])
    assert_close(generator.synthesis(outputs["wplus"]), outputs["img_wplus_const"])


def test_a_state_of_rosinalitys_gives_the_images_of_the_original_code(tmp_path):
    path, outputs = tmp_path / "net.pt", vectors("rosinality")
    torch.save(prefixed("module.")(rosinality()), path)
    assert_close(load_generator(path).synthesis(outputs["wplus"]), outputs["img_wplus_const"])


MODULES = {
    "pickled alone": lambda it, path: path.write_bytes(pickled(module_of(it))),
    "saved by torch": lambda it, path: pickled(module_of(it), lambda made: torch.save(made, path)),
    "in a list": lambda it, path: path.write_bytes(pickled([None, module_of(it)])),
    "under a name": lambda it, path: path.write_bytes(pickled({"generator": module_of(it)})),
}


@pytest.mark.parametrize("write", MODULES.values(), ids=MODULES)
def test_a_module_of_nvidias_is_read_whole(write, tmp_path):
    path = tmp_path / "model_ABC_multi_id.pt"
    write(read_checkpoint(DATA / "nvidia_64.pkl")["G_ema"], path)
    (part,), (known,) = read_parts(path), read_parts(DATA / "nvidia_64.pkl")
    assert part.config == known.config and part.format == "nvidia"
    assert part.tensors.keys() == known.tensors.keys()
    assert all(torch.equal(x, known.tensors[name]) for name, x in part.tensors.items())


@pytest.mark.parametrize("wrap", [lambda module: module, nn.DataParallel, lambda x: {"g_ema": x}])
def test_a_module_of_rosinalitys_is_read_whole(wrap, tmp_path):
    save_whole(wrap(Generator(rosinality())), tmp_path / "net.pt")
    (part,), (known,) = read_parts(tmp_path / "net.pt"), read_parts(DATA / "rosinality_64.pt")
    assert part.config == known.config and part.format == "rosinality"
    assert all(torch.equal(x, known.tensors[name]) for name, x in part.tensors.items())


def test_tensorflows_generator_alone_is_read(tmp_path, monkeypatch):
    Gs = read_checkpoint(DATA / "tf_64.pkl")[-1]
    (known,) = read_parts(DATA / "tf_64.pkl")
    for alone in (Gs, {"Gs": Gs}):
        monkeypatch.setattr(networks, "read_checkpoint", lambda path, found=alone: found)
        (part,) = read_parts(DATA / "tf_64.pkl")
        assert all(torch.equal(x, known.tensors[name]) for name, x in part.tensors.items())


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "net.module."])
def test_an_encoder_is_found_behind_a_prefix(prefix, tmp_path):
    made = tiny_encoder(decoder=True)
    made["state_dict"] = prefixed(prefix)(made["state_dict"])
    torch.save(made, tmp_path / "e4e.pt")
    encoder, generator = read_parts(tmp_path / "e4e.pt")
    assert encoder.config == dict(head="e4e", num_ws=10) and generator.format == "e4e"
    assert torch.equal(encoder.tensors["latent_avg"], torch.ones(10, WIDTH))
    assert torch.equal(generator.tensors["w_avg"], torch.ones(WIDTH))


AVERAGES = {
    "a vector": lambda w: w,
    "a row": lambda w: w[None],
    "ten rows": lambda w: w.repeat(10, 1),
    "a batch of rows": lambda w: w.repeat(1, 10, 1),
    "an array": lambda w: w.numpy(),
    "an array of rows": lambda w: w.double().repeat(10, 1).numpy(),
    "a big-endian array": lambda w: w.numpy().astype(">f4"),
}


@pytest.mark.parametrize("change", AVERAGES.values(), ids=AVERAGES)
def test_the_mean_of_w_has_many_forms(change, tmp_path):
    w = torch.randn(40)
    torch.save({"g_ema": rosinality(), "latent_avg": change(w)}, tmp_path / "net.pt")
    (part,) = read_parts(tmp_path / "net.pt")
    assert torch.equal(part.tensors["w_avg"], w)


def test_the_mean_of_w_lies_in_the_state_or_beside_it(tmp_path):
    path, w = tmp_path / "net.pt", torch.randn(40)
    for made in (
        rosinality() | {"latent_avg": w},
        {"latent_avg": w, "models": {"g_ema": prefixed("module.")(rosinality())}},
        {"state_dict": prefixed("decoder.")(rosinality()) | {"latent_avg": w}},
        {"state_dict": prefixed("net.decoder.")(rosinality()) | {"net.latent_avg": w}},
    ):
        torch.save(made, path)
        (part,) = read_parts(path)
        assert torch.equal(part.tensors["w_avg"], w)


def test_rows_that_differ_are_no_mean_of_w(tmp_path):
    average = np.random.default_rng(0).normal(size=(10, 40)).astype(np.float32)
    torch.save({"g_ema": rosinality(), "latent_avg": average}, tmp_path / "net.pt")
    (part,) = read_parts(tmp_path / "net.pt")
    assert "w_avg" not in part.tensors  # it is measured


@pytest.mark.parametrize(
    "average", [torch.zeros(41), torch.zeros(()), torch.zeros(40, dtype=torch.int64), "mean", [0.0]]
)
def test_a_mean_of_w_that_does_not_fit_is_refused(average, tmp_path):
    torch.save({"g_ema": rosinality(), "latent_avg": average}, tmp_path / "net.pt")
    assert "latent_avg" in sentence(read_parts, tmp_path / "net.pt")


def test_what_is_not_said_is_not_guessed(tmp_path):
    path, state = tmp_path / "net.pt", rosinality()
    torch.save({"a": state, "b": {name: x + 1 for name, x in state.items()}}, path)
    assert "several networks, a, b" in sentence(read_parts, path)
    torch.save(prefixed("module.")(state) | state, path)
    assert "one name" in sentence(read_parts, path)


def test_a_part_alone_is_refused_by_what_it_holds(tmp_path):
    path = tmp_path / "net.pt"
    for part in ("mapping.", "synthesis."):
        names = {name: x for name, x in nvidia().items() if name.startswith(part)}
        torch.save({name.removeprefix(part): x for name, x in names.items()}, path)
        message = sentence(read_parts, path)
        first = next(iter(names)).removeprefix(part)
        assert f"{first} {tuple(names[part + first].shape)}" in message
        assert "what is read: a StyleGAN2 generator of NVIDIA's code" in message
        torch.save(names, path)
        assert ("no network that is known" if part == "mapping." else "no mapping network") in (
            sentence(read_parts, path)
        )


def test_shared_dicts_are_looked_through_once():
    """2^60 ways lead to the state."""
    shared = {"g_ema": rosinality()}
    for _ in range(60):
        shared = {"a": shared, "b": shared}
    assert len(find_networks(shared)) == 0  # it lies too deep
    for _ in range(2):
        wrapped = {"a": {"g_ema": rosinality()}}
        wrapped["b"] = wrapped["a"]
    assert len(find_networks(wrapped)) == 1


MANY = {
    "generators": [f"{i}.conv1.conv.modulation.weight" for i in range(50_000)],
    "encoders": [f"{i}.encoder.a" for i in range(50_000)],
    "dots": ["." * 2_000_000 + "conv1.conv.modulation.weight"],
    "parts of NVIDIA's": ["synthesis.b4.const", "mapping" + ".x" * 1_000_000],
}


@pytest.mark.parametrize("names", MANY.values(), ids=MANY)
def test_names_without_end_are_refused_at_once(names):
    x = torch.zeros(1)
    started = time.process_time()
    with pytest.raises(ValueError, match=r"more parts|networks; save one alone"):
        find_networks(dict.fromkeys(names, x))
    assert time.process_time() - started < 5


def test_a_module_in_many_places_is_not_looked_through_in_each():
    module = Record("Sequential")
    module.state = dict(_parameters={}, _buffers={}, _modules={})
    for _ in range(5):
        outer, places = Record("Sequential"), [str(i) for i in range(1000)]
        outer.state = dict(_parameters={}, _buffers={}, _modules=dict.fromkeys(places, module))
        module = outer
    with pytest.raises(ValueError, match="more parts"):
        find_networks(module)


def test_modules_that_share_their_parts_are_not_followed_for_ever():
    module = Record("Sequential")
    module.state = dict(_parameters={"weight": torch.ones(1)}, _buffers={}, _modules={})
    for _ in range(60):
        outer = Record("Sequential")
        outer.state = dict(_parameters={}, _buffers={}, _modules=dict(a=module, b=module))
        module = outer
    with pytest.raises(ValueError, match="more parts"):
        find_networks(module)
