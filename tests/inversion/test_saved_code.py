"""A code that waits for its refinement: it comes back, or, damaged, changes nothing."""

import copy
import json

import pytest
import torch

from ganinv.inversion.latent_files import NOISE
from ganinv.inversion.params import SearchParams
from ganinv.inversion.saved_code import CodeFile, restore_code, save_code
from ganinv.inversion.search import Search
from ganinv.weights.store import read_tensors, write_tensors


@pytest.fixture
def begin(toy):
    """A function that begins a search in W with noise maps of its own."""

    def begin(seed=0):
        rng = torch.Generator().manual_seed(seed)
        noise = {k: torch.randn(x.shape, generator=rng) for k, x in toy.noise_maps().items()}
        params = SearchParams.make({"noise_maps": "optimized", "space": "w", "snapshot_every": 1})
        return Search(toy, torch.randn(1, 32, generator=rng), noise, params, rng=rng)

    return begin


@pytest.fixture
def file(begin, toy, tmp_path):
    """A code on disk, of two steps."""
    search = begin()
    search.start_clock()
    for step, loss in ((1, 0.5), (2, 0.25)):
        search.begin(step, step / 2)
        image = toy.synthesis(search.ws(), search.maps())[0]
        search.evaluations += 1
        search.keep(loss, {"l2": torch.tensor(loss)}, image)
        search.record(0.1)
    made = CodeFile(tmp_path / "code.safetensors", "key")
    save_code(made, search)
    return made, search


def same_tensors(a, b):
    return a.keys() == b.keys() and all(torch.equal(x, b[name]) for name, x in a.items())


def test_a_search_goes_on_where_it_was(begin, file):
    made, saved = file
    search = begin(seed=1)
    assert not torch.equal(search.best.latent, saved.best.latent)
    assert restore_code(made, search)
    assert torch.equal(search.best.latent, saved.best.latent)
    assert same_tensors(search.best.noise, saved.best.noise)
    assert (search.best.loss, search.best.step, search.best.noisy) == (0.25, 2, False)
    assert search.history == saved.history and len(search.history) == 2
    assert (search.seconds, search.evaluations, search.step) == (saved.seconds, 2, 2)
    assert [step for step, _ in search.snapshots] == [0, 1]
    for (_, x), (_, y) in zip(search.snapshots, saved.snapshots, strict=True):
        assert (x == y).all() and x.dtype == y.dtype


def test_another_key_is_another_code(begin, file):
    assert not restore_code(CodeFile(file[0].path, "other"), begin())
    assert not restore_code(CodeFile(file[0].path.with_name("none"), "key"), begin())


def set_to(name, value):
    return lambda tensors, about: about.__setitem__(name, value)


def in_row(name, value):
    return lambda tensors, about: about["history"][1].__setitem__(name, value)


def tensor(name, change):
    def damage(tensors, about):
        found = next(key for key in tensors if key.startswith(name))
        tensors[found] = change(tensors[found]).contiguous()

    return damage


DAMAGE = {
    "no latent": lambda tensors, about: tensors.pop("latent"),
    "a latent of other rows": tensor("latent", lambda x: x.repeat(2, 1)),
    "a latent of NaN": tensor("latent", lambda x: x * torch.nan),
    "a latent beyond float32": tensor("latent", lambda x: x.double() * 1e300),
    "a latent of whole numbers": tensor("latent", lambda x: x.long()),
    "no noise map": lambda tensors, about: tensors.pop(next(x for x in tensors if NOISE in x)),
    "a small noise map": tensor(NOISE, lambda x: x[..., :1]),
    "an infinite noise map": tensor(NOISE, lambda x: x / 0),
    "pictures of numbers": tensor("pictures", lambda x: x.float()),
    "pictures of another size": tensor("pictures", lambda x: x[:, :16]),
    "too few pictures": tensor("pictures", lambda x: x[:1]),
    "steps of pictures that are words": set_to("shown", ["a", "b"]),
    "a loss that is a word": set_to("loss", "0.5"),
    "a loss that is true": set_to("loss", True),
    "half a step": set_to("step", 0.5),
    "a step below 0": set_to("step", -1),
    "seconds of a list": set_to("seconds", [1]),
    "evaluations beyond all numbers": set_to("evaluations", 10**400),
    "no history": set_to("history", None),
    "a history of numbers": set_to("history", [1, 2]),
    "a row without a loss": lambda tensors, about: about["history"][0].pop("loss"),
    "a row whose loss is a list": in_row("loss", [0.5]),
    "a row whose term is a word": in_row("l2", "x"),
    "a row of half a step": in_row("step", 1.5),
    "a row of a phase that is a number": in_row("phase", 1),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_code_changes_nothing(begin, file, damage):
    made, _ = file
    tensors, metadata = read_tensors(made.path)
    about = json.loads(metadata["ganinv"])
    damage(tensors, about)
    write_tensors(made.path, tensors, {"ganinv": json.dumps(about)})
    search = begin(seed=1)
    before = copy.copy(vars(search))
    assert not restore_code(made, search)
    assert all(value is before[name] for name, value in vars(search).items())
    assert search.history == [] and search.snapshots == []
