"""A training's state on disk."""

import torch
from torch import nn

from ganinv.training.checkpoint import copy_tensors, load_state, read_notes, save_state
from helpers.tensors import assert_same, normal


def net_and_adam(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(16, 2))
    groups = [dict(params=net[0].parameters(), lr=0.1), dict(params=net[2].parameters(), lr=0.01)]
    return net, torch.optim.Adam(groups, betas=(0.9, 0.99))


def train_steps(net, adam, count):
    for seed in range(count):
        adam.zero_grad()
        net(normal(5, 3, 4, 4, seed=seed)).square().sum().backward()
        adam.step()


def states(adam):
    every = adam.state_dict()["state"].items()
    return {f"{i}.{name}": x for i, state in every for name, x in state.items()}


def test_state_comes_back_to_the_bit(tmp_path):
    path, notes = tmp_path / "state.safetensors", {"step": 3, "loss": 0.1, "deep": [{"é": None}]}
    (net, adam), (_, rest) = net_and_adam(0), net_and_adam(2)
    train_steps(net, adam, 3)
    saved = {"net": net.state_dict()}
    save_state(path, saved, {"adam": adam, "adamant": rest}, notes)
    other, other_adam = net_and_adam(1)
    load_state(path, {"net": other}, {"adam": other_adam, "adamant": rest}, saved)
    assert read_notes(path) == notes
    assert_same(other.state_dict(), net.state_dict())
    assert len(states(adam)) == 12
    assert_same(states(other_adam), states(adam))
    assert [group["lr"] for group in other_adam.param_groups] == [0.1, 0.01]
    assert not states(rest)
    for pair in ((net, adam), (other, other_adam)):
        train_steps(*pair, 2)
    assert_same(other.state_dict(), net.state_dict())


def test_copied_tensors_share_nothing():
    tensors = {"a": torch.full((2, 3), 0.1).T.requires_grad_()}
    copied = copy_tensors(tensors, torch.float16)["a"]
    assert copied.dtype == torch.float16 and copied.is_contiguous() and not copied.requires_grad
    assert torch.equal(copied, tensors["a"].half())
