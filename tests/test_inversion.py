"""The loop, on the toy generator."""

import copy
import math
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import ganinv
from ganinv.compute import compile
from ganinv.errors import ParamsError
from ganinv.images.pixels import quantize, to_uint8
from ganinv.inversion import invert
from ganinv.losses import lpips
from ganinv.losses.reconstruction import make_loss
from ganinv.paths import project_root
from ganinv.runs.experiment import run_experiment
from helpers.checks import psnr
from helpers.toys import build_toy

QUICK = dict(
    space="w",
    loss="l2",
    steps=6,
    lr=0.1,
    precision="float32",
    compile="off",
    log_every=0,
    snapshot_every=0,
)


def search(generator, target, **changes):
    return ganinv.invert(generator, target, **QUICK | changes)


def assert_same_bits(a, b):
    assert torch.equal(a.latent, b.latent) and torch.equal(a.image, b.image)
    assert a.metrics == b.metrics and a.best_loss == b.best_loss
    assert [row["loss"] for row in a.history] == [row["loss"] for row in b.history]


# --- it finds what is there ---------------------------------------------------------------------


@pytest.mark.parametrize("k", [0, 1, 2])
def test_known_latent_is_recovered(toy, toy_images, k):
    images, ws = toy_images
    run = search(toy, images[k], steps=150)
    assert run.history[0]["loss"] / run.best_loss > 100
    assert run.metrics["psnr"] > 35
    assert psnr(run.image, images[k]) > 35
    start_distance = (toy.w_avg - ws[k, 0]).norm()
    assert (run.latent[0] - ws[k, 0]).norm() < 0.2 * start_distance


def test_lbfgs_recovers_it_in_fewer_evaluations(toy, toy_images):
    run = search(toy, toy_images[0][1], optimizer="lbfgs", lr=1.0, steps=20)
    assert run.history[0]["loss"] / run.best_loss > 100
    assert run.evaluations < 75


def test_lpips_search_lowers_the_metric_it_minimizes(toy, toy_images):
    run = search(toy, toy_images[0][0], loss="lpips", lpips_net="alex", steps=40)
    start = search(toy, toy_images[0][0], steps=0)
    assert run.metrics["lpips_alex"] < start.metrics["lpips_alex"] / 5
    assert run.best_loss < run.history[0]["loss"] / 5


def test_sum_of_losses_writes_each_term(toy, toy_images):
    run = search(toy, toy_images[0][0], loss={"l2": 2.0, "lpips_alex": 0.5}, steps=4)
    for row in run.history:
        assert row["loss"] == pytest.approx(2 * row["l2"] + 0.5 * row["lpips_alex"])


def test_result_is_measured_on_the_final_float32_image(toy, toy_images):
    run = search(toy, toy_images[0][0], precision="bf16")
    with torch.no_grad():
        assert torch.equal(run.image, toy.synthesis(run.latent[None])[0])
    assert run.metrics == ganinv.compute_metrics(run.image, run.target)
    assert torch.equal(run.target, quantize(toy_images[0][0]))


def test_inverting_changes_neither_generator_nor_target(toy, toy_images):
    target = toy_images[0][0].clone()
    before = {name: tensor.clone() for name, tensor in toy.state_dict().items()}
    search(toy, target, space="w+")
    assert all(torch.equal(tensor, before[name]) for name, tensor in toy.state_dict().items())
    assert all(p.grad is None and not p.requires_grad for p in toy.parameters())
    assert torch.equal(target, toy_images[0][0])


# --- the same bits ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"space": "w+", "init": "random"},
        {"loss": "lpips", "lpips_net": "alex"},
        {"optimizer": "lbfgs"},
        {"precision": "bf16"},
    ],
)
def test_same_seed_gives_the_same_bits(toy, toy_images, changes):
    assert_same_bits(*(search(toy, toy_images[0][0], **changes) for _ in range(2)))


def test_another_seed_gives_other_bits(toy, toy_images):
    runs = [search(toy, toy_images[0][0], init="random", seed=seed) for seed in (0, 1)]
    assert not torch.equal(runs[0].latent, runs[1].latent)


def test_another_image_draws_another_start(toy, toy_images):
    runs = [
        search(toy, toy_images[0][0], init="random", image_id=name, steps=0) for name in ("a", "b")
    ]
    assert not torch.equal(runs[0].latent, runs[1].latent)


def test_global_seed_does_not_matter(toy, toy_images):
    runs = []
    with torch.random.fork_rng(devices=[]):
        for seed in (0, 1):
            torch.manual_seed(seed)
            np.random.seed(seed)
            runs.append(search(toy, toy_images[0][0], init="random"))
    assert_same_bits(*runs)


def test_result_does_not_depend_on_images_beside_it(toy_params, make_photo, tmp_path):
    folder = tmp_path / "photos"
    for seed, name in enumerate(("a", "b", "c")):
        make_photo(folder / f"{name}.png", seed)
    changes = dict(space="w+", init="random")
    run_experiment(toy_params([folder], out=str(tmp_path / "all"), **changes))
    run_experiment(toy_params([folder / "b.png"], out=str(tmp_path / "one"), **changes))
    for name in ("latent.safetensors", "reconstruction.png", "target.png"):
        files = [tmp_path / run / "b" / name for run in ("all", "one")]
        assert files[0].read_bytes() == files[1].read_bytes()
    others = [(tmp_path / "all" / name / "latent.safetensors").read_bytes() for name in "ab"]
    assert others[0] != others[1]


# --- history ------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_history_has_one_row_per_step(toy, toy_images, optimizer):
    run = search(toy, toy_images[0][0], optimizer=optimizer, steps=7)
    assert [row["step"] for row in run.history] == list(range(1, 8))
    for row in run.history:
        assert list(row) == ["step", "loss", "l2", "lr", "seconds", "evaluations", "best_step"]
        assert row["loss"] == row["l2"] and math.isfinite(row["loss"])
    for key in ("seconds", "evaluations"):
        values = [row[key] for row in run.history]
        assert values == sorted(values) and values[0] > 0
        assert values[-1] == getattr(run, key)


def test_history_keeps_its_columns_once_lbfgs_has_converged(toy, toy_images):
    run = search(toy, toy_images[0][0], optimizer="lbfgs", lr=1.0, steps=100)
    assert run.history[-1]["evaluations"] == run.history[-2]["evaluations"]  # nothing left to do
    for row in run.history:
        assert list(row) == ["step", "loss", "l2", "lr", "seconds", "evaluations", "best_step"]


def test_learning_rates_follow_the_schedule(toy, toy_images):
    ramp = search(toy, toy_images[0][0], steps=20).history
    assert ramp[0]["lr"] == 0 and ramp[10]["lr"] == pytest.approx(0.1)
    assert 0 < ramp[-1]["lr"] < 0.05
    flat = search(toy, toy_images[0][0], steps=3, lr_schedule="constant").history
    assert [row["lr"] for row in flat] == [0.1] * 3


@pytest.mark.parametrize(("optimizer", "lr"), [("adam", 0.1), ("lbfgs", 1.0)])
def test_every_evaluation_is_counted(toy, toy_images, monkeypatch, optimizer, lr):
    calls, synthesis = [], toy.synthesis

    def counting(ws, **options):
        calls.append(ws.requires_grad)
        return synthesis(ws, **options)

    monkeypatch.setattr(toy, "synthesis", counting)
    run = search(toy, toy_images[0][0], optimizer=optimizer, lr=lr, steps=9)
    assert run.evaluations == sum(calls)  # of these the search wants gradients
    assert len(calls) == run.evaluations + 1  # and one renders the result
    assert run.evaluations == 9 if optimizer == "adam" else run.evaluations > 9


# --- the best latent ----------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["l2", "lpips"])
@pytest.mark.parametrize("lr", [0.3, 3.0])
def test_best_latent_is_the_best_seen_and_its_loss_reproduces(toy, toy_images, loss, lr):
    run = search(
        toy,
        toy_images[0][0],
        space="w+",
        loss=loss,
        lpips_net="alex",
        lr=lr,
        steps=15,
        lr_schedule="constant",
    )
    losses = [row["loss"] for row in run.history]
    assert run.best_loss == min(losses)
    assert run.best_step == losses.index(min(losses)) + 1
    objective = make_loss(loss, run.target, lpips_net="alex", loss_resolution=256)
    with torch.no_grad():
        again = objective(toy.synthesis(run.latent[None]))[0].item()
    assert again == pytest.approx(run.best_loss, rel=1e-4)


def test_start_is_kept_when_every_step_makes_it_worse(toy, toy_images):
    run = search(toy, toy_images[0][0], lr=50.0, lr_schedule="constant", steps=4)
    assert run.best_step == 1
    assert torch.equal(run.latent, toy.w_avg.expand(8, -1))
    assert min(row["loss"] for row in run.history[1:]) > run.best_loss


def test_best_of_lbfgs_counts_every_evaluation(toy, toy_images, monkeypatch):
    values = []

    def recording(*args, **options):
        objective = make_loss(*args, **options)

        def evaluate(images, ws=None):
            total, terms = objective(images, ws)
            values.append(total.item())
            return total, terms

        return evaluate

    monkeypatch.setattr(invert, "make_loss", recording)
    run = search(toy, toy_images[0][0], optimizer="lbfgs", lr=1.0, steps=8)
    assert run.best_loss == min(values)
    assert len(values) == run.evaluations


def test_no_steps_render_the_start(toy, toy_images):
    run = search(toy, toy_images[0][0], steps=0)
    assert torch.equal(run.latent, toy.w_avg.expand(8, -1))
    assert run.history == [] and run.evaluations == 0 and run.best_step == 0
    assert run.stopped == ""
    assert math.isfinite(run.metrics["psnr"])


# --- a loss that is not finite ------------------------------------------------------------------


def poison(monkeypatch, at, value=math.nan):
    """Make the loss `value` at its evaluation number `at`."""

    def make(*args, **options):
        objective, count = make_loss(*args, **options), [0]

        def evaluate(images, ws=None):
            total, terms = objective(images, ws)
            count[0] += 1
            return (total * value if count[0] == at else total), terms

        return evaluate

    monkeypatch.setattr(invert, "make_loss", make)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(("optimizer", "lr"), [("adam", 0.1), ("lbfgs", 1.0)])
def test_loss_that_is_not_finite_stops_with_the_best_so_far(
    toy, toy_images, monkeypatch, optimizer, lr, value
):
    poison(monkeypatch, 9, value)
    run = search(
        toy, toy_images[0][0], optimizer=optimizer, lr=lr, lr_schedule="constant", steps=20
    )
    step = len(run.history) + 1
    assert 1 < step <= 9
    assert f"the loss became {value} at step {step}" in run.stopped
    assert "best latent" in run.stopped
    assert run.evaluations == 9
    assert torch.isfinite(run.latent).all() and torch.isfinite(run.image).all()
    assert run.best_loss <= min(row["loss"] for row in run.history)
    objective = make_loss("l2", run.target, lpips_net="vgg", loss_resolution=256)
    assert objective(run.image[None])[0].item() == pytest.approx(run.best_loss, rel=1e-4)


def test_first_loss_not_finite_keeps_the_start(toy, toy_images, monkeypatch):
    poison(monkeypatch, 1)
    run = search(toy, toy_images[0][0], snapshot_every=2)
    assert "at step 1" in run.stopped
    assert torch.equal(run.latent, toy.w_avg.expand(8, -1))
    assert run.history == []


def test_divergence_stops_by_itself(toy, toy_images):
    run = search(toy, toy_images[0][0], lr=1e30, lr_schedule="constant", steps=20)
    assert "the loss became" in run.stopped and len(run.history) < 20
    assert torch.equal(run.latent, toy.w_avg.expand(8, -1))
    assert all(math.isfinite(value) for value in run.metrics.values())


# --- pictures and lines of progress -------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "every", "wanted"), [(5, 2, [0, 2, 4, 5]), (4, 2, [0, 2, 4]), (3, 9, [0, 3])]
)
def test_snapshots_come_every_n_steps_and_at_the_end(toy, toy_images, steps, every, wanted):
    run = search(toy, toy_images[0][0], steps=steps, snapshot_every=every)
    assert [step for step, _ in run.snapshots] == wanted
    assert all(picture.shape == (32, 32, 3) for _, picture in run.snapshots)
    assert np.array_equal(run.snapshots[-1][1], to_uint8(run.image))


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_first_snapshot_is_the_start(toy, toy_images, optimizer):
    run = search(toy, toy_images[0][0], optimizer=optimizer, lr=1.0, snapshot_every=3)
    start = toy.synthesis(toy.w_avg.expand(1, 8, -1))[0]
    step, picture = run.snapshots[0]
    assert step == 0
    assert np.abs(picture.astype(int) - to_uint8(start)).max() <= 1


def test_snapshots_end_where_the_search_stopped(toy, toy_images, monkeypatch):
    poison(monkeypatch, 4)
    run = search(toy, toy_images[0][0], steps=50, snapshot_every=2)
    assert run.stopped and len(run.history) == 3
    assert run.snapshots[-1][0] <= 4


def test_no_snapshots_when_not_asked(toy, toy_images):
    assert search(toy, toy_images[0][0]).snapshots == []


def test_progress_comes_in_plain_lines_where_there_is_no_terminal(toy, toy_images, capsys):
    run = search(toy, toy_images[0][0], steps=5, log_every=2, image_id="[b]me[/b]")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    for line, step in zip(lines, (1, 2, 4, 5), strict=True):
        assert f"[b]me[/b]  step {step}/5" in line
        assert f"loss {run.history[step - 1]['loss']:.4f}" in line
        assert "lr " in line and "s/step" in line and "left" in line
    assert "0m00s left" in lines[-1]


def test_progress_is_a_bar_on_a_terminal(toy, toy_images, monkeypatch, capsys):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    search(toy, toy_images[0][0], steps=5, log_every=2, image_id="[b]me[/b]")
    out = capsys.readouterr().out
    assert "[b]me[/b]" in out  # a name is no markup
    assert "5/5" in out and "s/step" in out


def test_progress_can_be_silent(toy, toy_images, capsys):
    search(toy, toy_images[0][0])
    assert capsys.readouterr().out == ""


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 3, 32, 32), (1, 32, 32), (3, 32, 31), (32, 32)])
def test_target_of_another_shape_is_refused(toy, shape):
    with pytest.raises(ValueError, match=r"\(3, 32, 32\)"):
        search(toy, torch.zeros(shape))


@pytest.mark.parametrize(
    "wrong",
    [
        {"space": "z"},
        {"loss": "l1"},
        {"loss": {"l2": 1.0, "ssim": 1.0}},
        {"optimizer": "sgd"},
        {"lr_schedule": "cosine"},
        {"precision": "fp16"},
        {"compile": "yes"},
        {"steps": -1},
        {"init": "zeros"},
    ],
    ids=str,
)
def test_values_that_do_not_exist_are_refused(toy, toy_images, monkeypatch, wrong):
    monkeypatch.setattr(compile, "has_compiler", lambda device: False)  # compiling takes a minute
    with pytest.raises(ValueError):
        search(toy, toy_images[0][0], **wrong)


def test_names_that_do_not_exist_are_refused(toy, toy_images):
    with pytest.raises(ParamsError, match="learning_rate"):
        search(toy, toy_images[0][0], learning_rate=0.1)


# --- the fast path ------------------------------------------------------------------------------


def test_bf16_is_near_float32(toy, toy_images):
    exact, fast_run = (
        search(toy, toy_images[0][0], steps=60, precision=precision)
        for precision in ("float32", "bf16")
    )
    assert fast_run.settings["precision"] == "bf16"
    assert exact.latent.dtype == fast_run.latent.dtype == torch.float32
    assert not torch.equal(exact.latent, fast_run.latent)
    assert fast_run.metrics["psnr"] == pytest.approx(exact.metrics["psnr"], abs=3)
    assert fast_run.metrics["psnr"] > 35


def test_compile_without_a_compiler_warns_and_goes_on(toy, toy_images, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name, *rest, **options: None)
    monkeypatch.delenv("CXX", raising=False)
    with pytest.warns(UserWarning, match=r"(?i)compiler"):
        run = search(toy, toy_images[0][0], compile="on")
    assert run.settings["compile"] == "off"
    assert_same_bits(run, search(toy, toy_images[0][0]))


def test_auto_without_a_compiler_says_nothing(toy, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name, *rest, **options: None)
    monkeypatch.delenv("CXX", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compile.resolve_compile("auto", toy, 1000) == "off"


def test_auto_compiles_long_searches_of_large_images_only(toy, monkeypatch):
    monkeypatch.setattr(compile, "has_compiler", lambda device: True)
    large = copy.copy(toy)
    large.resolution = 1024
    assert compile.resolve_compile("auto", large, 300) == "on"
    assert compile.resolve_compile("auto", large, 5) == "off"
    assert compile.resolve_compile("auto", toy, 300) == "off"
    assert compile.resolve_compile("on", toy, 5) == "on"
    assert compile.resolve_compile("off", large, 300) == "off"


def compile_that_raises(function, **options):
    raise RuntimeError("torch.compile is not supported here")


def compile_that_raises_when_called(function, **options):
    def compiled(*args, **kwargs):
        raise RuntimeError("CppCompileError: g++ is broken\nwith many lines")

    return compiled


@pytest.mark.parametrize("broken", [compile_that_raises, compile_that_raises_when_called])
def test_compile_that_fails_warns_and_goes_on(toy, toy_images, monkeypatch, broken):
    monkeypatch.setattr(compile, "has_compiler", lambda device: True)
    monkeypatch.setattr(torch, "compile", broken)
    with pytest.warns(UserWarning, match="torch.compile failed"):
        run = search(build_toy(), toy_images[0][0], compile="on")
    assert_same_bits(run, search(toy, toy_images[0][0]))


@pytest.fixture
def pretended_compiler(monkeypatch):
    """Stand-in for torch.compile; holds what was compiled and how often that was called."""
    compiled, calls = [], []

    def pretend(function, **options):
        compiled.append(function)

        def call(*args, **kwargs):
            calls.append(args)
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(compile, "has_compiler", lambda device: True)
    monkeypatch.setattr(torch, "compile", pretend)
    return compiled, calls


def test_compiling_is_done_once_and_used_by_every_step(toy, toy_images, pretended_compiler):
    compiled, calls = pretended_compiler
    own = build_toy()
    runs = [search(own, toy_images[0][k], compile="on", steps=5) for k in (0, 1)]
    assert len(compiled) == 1
    assert len(calls) >= sum(run.evaluations for run in runs) == 10
    assert runs[0].settings["compile"] == "on"
    assert_same_bits(runs[0], search(toy, toy_images[0][0], steps=5))


def test_copy_of_a_compiled_generator_renders_its_own_weights(toy_images, pretended_compiler):
    own = build_toy()
    search(own, toy_images[0][0], compile="on", steps=1)
    tuned = copy.deepcopy(own)
    tuned.to_img_bias.data += 0.1
    compiled, plain = (
        search(tuned, toy_images[0][0], compile=mode, steps=3) for mode in ("on", "off")
    )
    assert_same_bits(compiled, plain)


# --- nothing global -----------------------------------------------------------------------------


def test_inverting_leaves_global_state_alone(toy, toy_images):
    lpips._load.cache_clear()  # building the metric is part of what is looked at
    random, device = torch.get_rng_state(), torch.get_default_device()
    search(toy, toy_images[0][0], init="random", loss="lpips", lpips_net="alex")
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.get_default_device() == device
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()


IMPORTS = """
import sys
import ganinv
assert "torch" not in sys.modules, "import ganinv should be quick"
import numpy, torch
states = torch.get_rng_state(), numpy.random.get_state()[1].tolist()
device, threads = torch.get_default_device(), torch.get_num_threads()
for name in ganinv.__all__:
    getattr(ganinv, name)
import ganinv.cli.main, ganinv.runs.samples
assert torch.equal(torch.get_rng_state(), states[0]), "torch's seed"
assert numpy.random.get_state()[1].tolist() == states[1], "numpy's seed"
assert torch.get_default_device() == device and torch.get_num_threads() == threads
assert not torch.cuda.is_initialized()
print("untouched")
"""


def test_importing_leaves_global_state_alone():
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True)
    assert done.stdout == "untouched\n", done.stderr


def test_latent_of_a_result_can_be_saved_and_continued(toy, toy_images, tmp_path):
    first = search(toy, toy_images[0][0], space="w+", steps=30)
    path = tmp_path / "latent.safetensors"
    save_file({"latent": first.latent}, path)
    second = search(toy, toy_images[0][0], space="w+", init=str(path), steps=30)
    assert second.history[0]["loss"] == pytest.approx(first.best_loss, rel=1e-4)
    assert second.best_loss < first.best_loss


def test_what_is_compiled_is_kept_beside_the_weights(monkeypatch):
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    compile.keep_compiled()
    kept = Path(os.environ["TORCHINDUCTOR_CACHE_DIR"])
    assert kept == project_root() / "checkpoints" / "compiled"
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "elsewhere")
    compile.keep_compiled()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "elsewhere"
