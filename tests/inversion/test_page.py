"""The examples of notebooks/README.md run."""

import functools
import re
from types import SimpleNamespace

import pytest
import torch

import ganinv
from ganinv.paths import notebooks_folder
from helpers.searches import QUICK

PAGE = (notebooks_folder() / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)


class Writer:
    """What TensorBoard's SummaryWriter is asked for here."""

    def __init__(self, folder):
        self.scalars, self.images = [], []

    def add_scalar(self, name, value, step):
        self.scalars.append((name, float(value), step))

    def add_image(self, name, image, step):
        assert image.shape[0] == 3 and image.min() >= 0 and image.max() <= 1
        self.images.append(step)


@pytest.fixture
def run_block(toy, toy_images, monkeypatch):
    """A function that runs the block with some text in it, and returns its names."""
    monkeypatch.chdir(notebooks_folder())  # paths are written from there

    def run(text):
        (code,) = [block for block in BLOCKS if text in block]
        code = code.replace("from torch.utils.tensorboard import SummaryWriter\n", "")
        names = dict(ganinv=ganinv, G=toy, x=toy_images[0][0], SummaryWriter=Writer)
        exec(code, names)
        return names

    return run


def test_the_own_term_runs(run_block):
    names = run_block("def middle")
    run, last = names["run"], names["run"].history[-1]
    assert run.params.loss == {"lpips": 1.0, "own:middle": 0.5}
    assert last["loss"] == pytest.approx(last["lpips"] + 0.5 * last["own:middle"])
    assert last["own:middle"] < run.history[0]["own:middle"]


def test_the_callback_logs(run_block):
    names = run_block("def log")
    writer, history = names["writer"], names["run"].history
    losses = [(step, value) for name, value, step in writer.scalars if name == "loss"]
    assert losses == [(row["step"], row["loss"]) for row in history]
    assert writer.images == [10, 20, 30, 40, 50]


def test_a_files_parameters_come_first(run_block):
    run = run_block('load_params("fast")')["run"]
    assert (run.params.steps, run.params.seed) == (20, 1)
    assert run.params.noise_maps == "optimized" and run.noise


def test_the_folder_is_a_run(toy_params, make_photo, tmp_path):
    """Its photographs are not here, and its generator is too slow."""
    (block,) = [block for block in BLOCKS if "run_experiment" in block]
    photo = make_photo(tmp_path / "photos" / "me.png", 0)

    def load_params(name, images, out):
        assert ganinv.load_params(name, images=images, out=out).out == "runs/mine"
        return toy_params([photo.parent])

    run = functools.partial(ganinv.run_experiment, say=lambda text: None)
    names = dict(ganinv=SimpleNamespace(load_params=load_params, run_experiment=run))
    exec(block, names)
    assert names["done"].results["images"].keys() == {"me"} and names["done"].failed == {}


def test_the_first_example_is_one_of_the_calls_tested(toy, toy_images, tmp_path):
    """Its generator is too slow and its photograph is not here."""
    (block,) = [block for block in BLOCKS if "load_generator" in block]
    call = re.search(r"ganinv\.invert\(G, \"me\.jpg\", (.*)\)", block)[1]
    given = eval(f"dict({call})") | dict(steps=1, compile="off", log_every=0)
    run = ganinv.invert(toy, toy_images[0][0], **given)
    assert run.save(tmp_path / "me").is_dir()


def test_the_parameters_named_exist():
    named = set(re.findall(r"\b(\w+)=", " ".join(re.findall(r"invert\((.*)\)", PAGE))))
    known = set(ganinv.Params.model_fields) | {"callback", "keep_interrupted"}
    assert {"loss", "steps", "seed"} <= named <= known


def test_the_files_named_are_those_that_are_saved(toy, toy_images, tmp_path):
    saved = ganinv.invert(toy, toy_images[0][0], **QUICK | dict(steps=0)).save(tmp_path)
    (text,) = re.findall(r"`run\.save\(DIR\)` writes (.*?), and returns", PAGE, re.S)
    assert set(re.findall(r"`([\w.]+)`", text)) == {path.name for path in saved.iterdir()}
    assert torch.is_tensor(ganinv.invert(toy, toy_images[0][0], **QUICK).latent)
