"""Checkpoints of a few kilobytes that ask for gigabytes, and weights that are none."""

import numpy as np
import pytest
import torch

from ganinv.errors import WeightsError
from ganinv.weights.readers.arrays import read_named
from ganinv.weights.readers.networks import read_parts
from helpers.commands import cli
from helpers.foreign_checkpoints import pickled
from helpers.hostile_pickles import by_proc
from helpers.memory import GIB, at_most
from helpers.paths import DATA


def state():
    return dict(torch.load(DATA / "rosinality_64.pt")["g_ema"])


def taller(weights, levels):
    """A state without noise maps that has more levels, each with the weights of the last."""
    weights = {name: x for name, x in weights.items() if not name.startswith("noises.")}
    for part, each in (("convs", 2), ("to_rgbs", 1)):
        last = max(int(name.split(".")[1]) for name in weights if name.startswith(f"{part}."))
        for number in range(last + 1, last + 1 + each * levels):
            like = last - (number - last) % each
            for name in [name for name in weights if name.startswith(f"{part}.{like}.")]:
                weights[name.replace(f".{like}.", f".{number}.", 1)] = weights[name]
    return weights


def many_copies(weights):
    """Layers of half precision that are all one tensor: each would be copied."""
    wide = torch.ones(1000, 1000, dtype=torch.float16)
    more = {f"style.{i}.weight": wide for i in range(5, 500)}
    return weights | more | {f"style.{i}.bias": weights["style.1.bias"] for i in range(5, 500)}


GREEDY = {
    "noise maps of 65536": lambda weights: taller(weights, 10),
    "noise maps of 2^30": lambda weights: taller(weights, 24),
    "one tensor under many names": many_copies,
}


@by_proc
@pytest.mark.parametrize("change", GREEDY.values(), ids=GREEDY)
def test_a_small_file_takes_little_memory(tmp_path, capsys, change):
    path = tmp_path / "net.pt"
    torch.save({"g_ema": change(state())}, path)
    with at_most(GIB):
        assert cli("weights", "info", path) == 1
    assert "more memory than its own size" in capsys.readouterr().err


def test_noise_maps_of_a_few_more_levels_are_still_drawn(tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"g_ema": taller(state(), 2)}, path)
    (part,) = read_parts(path)
    assert part.facts["resolution"] == 256
    assert part.tensors["blocks.6.conv1.noise"].shape == (1, 1, 256, 256)


def whole(name, x):
    return x if "kernel" in name else (x * 100).long()


def zero(name, x):
    return x if "kernel" in name else x * 0


def nan(name, x):
    return x * float("nan") if name == "input.input" else x


NO_WEIGHTS = {"whole": (whole, "int64"), "zero": (zero, "all zero"), "NaN": (nan, "const .*NaN")}


@pytest.mark.parametrize("change, said", NO_WEIGHTS.values(), ids=NO_WEIGHTS)
def test_weights_that_are_none_are_refused_by_info_too(tmp_path, change, said):
    path = tmp_path / "net.pt"
    torch.save({"g_ema": {name: change(name, x) for name, x in state().items()}}, path)
    with pytest.raises(WeightsError, match=said):
        read_parts(path)


def test_a_message_of_a_checkpoint_is_short(tmp_path, capsys):
    torch.save({"x" * 100_000: 1}, tmp_path / "net.pt")
    assert cli("weights", "info", tmp_path / "net.pt") == 1
    assert len(capsys.readouterr().err) < 700


def test_a_width_of_zero_is_no_division_by_it(tmp_path):
    empty = {name: x[:, :0] if x.ndim == 2 else x for name, x in state().items()}
    torch.save({"g_ema": empty}, tmp_path / "net.pt")
    with pytest.raises(WeightsError, match="not read"):
        read_parts(tmp_path / "net.pt")
    (tmp_path / "net.pkl").write_bytes(pickled({"G_ema": 5}))
    with pytest.raises(WeightsError, match="not read"):
        read_parts(tmp_path / "net.pkl")


@by_proc
def test_lists_that_hold_one_another_many_times_are_refused(tmp_path):
    value = [torch.zeros(1)]
    for _ in range(4):
        value = [value] * 60
    torch.save(value, tmp_path / "w.pt")
    with at_most(GIB // 2), pytest.raises(ValueError, match="more than 100000"):
        read_named(tmp_path / "w.pt")


@pytest.mark.parametrize(
    "shape", ["(True,)", "(-1, -3)", f"(0, {2**70})", "(0x" + "f" * 5000 + ",)"]
)
def test_a_shape_that_no_array_has_is_refused(tmp_path, shape):
    file = tmp_path / "w.npy"
    np.save(file, np.zeros(1, "f4"))
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    start = file.read_bytes()[:8] + len(header).to_bytes(2, "little")
    file.write_bytes(start + header + (b"" if "0, " in shape else bytes(4)))
    with pytest.raises(ValueError, match="shape|whole"):
        read_named(file)
