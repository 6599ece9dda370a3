"""The benchmark of a search's step: what both sides compute, and what is reported."""

import contextlib
import json

import pytest
import torch

from ganinv.bench.generators import config_f
from ganinv.bench.step import (
    Case,
    bench_step,
    default_batches,
    draw_targets,
    fast_loss,
    measure,
    plain_loss,
)
from helpers.processes import call_here
from helpers.toys import build_toy


@pytest.fixture(scope="session")
def toy():
    """Of this module's own: our path changes the memory format, hence a generator's last bits."""
    return build_toy()


@pytest.fixture(scope="module")
def small_config_f():
    return config_f(32)


@pytest.fixture(params=["toy", "small_config_f"])
def generator(request):
    return request.getfixturevalue(request.param)


def some_ws(generator, count, seed=5):
    z = torch.randn(count, generator.z_dim, generator=torch.Generator().manual_seed(seed))
    return generator.mapping(z).contiguous()


def value_and_gradient(evaluate, ws):
    leaf = ws.clone().requires_grad_(True)
    total = evaluate(leaf)
    total.backward()
    return total.item(), leaf.grad


def by_our_path(generator, targets, loss, **options):
    return fast_loss(generator, targets, loss, 1, precision="float32", **options)[0]


# --- what a step computes -----------------------------------------------------------------------


@pytest.mark.parametrize(("loss", "size"), [("l2", 256), ("l2", 16), ("lpips", 256)])
def test_plain_and_ours_have_the_same_loss_and_gradient(generator, loss, size):
    targets, ws = draw_targets(generator, 2), some_ws(generator, 2)
    plain, ours = (make(generator, targets, loss, size=size) for make in (plain_loss, by_our_path))
    plain, plain_gradient = value_and_gradient(plain, ws)
    ours, gradient = value_and_gradient(ours, ws)
    assert plain > 0.01
    assert ours == pytest.approx(plain, rel=1e-4)
    assert gradient.shape == (2, generator.num_ws, generator.w_dim)
    assert (gradient - plain_gradient).abs().max() <= 2e-3 * plain_gradient.abs().max()


def test_l2_is_the_sum_over_images_of_mean_squares(toy):
    targets, ws = draw_targets(toy, 3), some_ws(toy, 3)
    images = toy.synthesis(ws).detach().double().numpy()
    wanted = ((images - targets.double().numpy()) ** 2).mean((1, 2, 3)).sum()
    for evaluate in (plain_loss(toy, targets, "l2"), by_our_path(toy, targets, "l2")):
        assert evaluate(ws).item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("make", [plain_loss, by_our_path])
@pytest.mark.parametrize("loss", ["l2", "lpips"])
def test_a_gradient_does_not_depend_on_batch_mates(toy, make, loss):
    targets, ws = draw_targets(toy, 3), some_ws(toy, 3)
    _, first = value_and_gradient(make(toy, targets[:2], loss), ws[:2])
    _, other = value_and_gradient(make(toy, targets[[0, 2]], loss), ws[[0, 2]])
    _, alone = value_and_gradient(make(toy, targets[:1], loss), ws[:1])
    assert torch.equal(first[0], other[0])
    assert not torch.equal(first[1], other[1])
    assert torch.allclose(first[0], alone[0], rtol=0, atol=1e-4 * alone.abs().max().item())


def test_targets_are_different_and_of_8_bits(toy):
    targets = draw_targets(toy, 3)
    assert targets.shape == (3, 3, 32, 32)
    pixels = (targets.double() + 1) * 127.5
    assert (pixels - pixels.round()).abs().max() < 1e-4
    assert min((targets[i] - targets[j]).abs().max() for i, j in [(0, 1), (0, 2), (1, 2)]) > 0.05


def test_plain_code_has_the_same_gradient_on_channels_last_weights():
    generator, gradients = config_f(32).double(), []
    generator.prepare()
    ws = generator.mapping(torch.randn(2, 512).double()).contiguous()
    for memory_format in (torch.contiguous_format, torch.channels_last):
        generator.to(memory_format=memory_format)
        evaluate = plain_loss(generator, torch.zeros(2, 3, 32, 32).double(), "l2")
        gradients.append(value_and_gradient(evaluate, ws)[1])
    assert (gradients[1] - gradients[0]).abs().max() <= 1e-9 * gradients[0].abs().max()


def test_plain_leaves_the_memory_format_alone():
    generator = config_f(32)
    plain_loss(generator, draw_targets(generator, 1), "l2")
    assert all(weight.is_contiguous() for weight in generator.parameters())
    by_our_path(generator, draw_targets(generator, 1), "l2")
    assert not all(weight.is_contiguous() for weight in generator.parameters())


# --- bench step ---------------------------------------------------------------------------------


def test_the_file_holds_rows_in_pairs_and_their_ratios(toy_path, tmp_path):
    out, told = tmp_path / "new" / "step.json", []
    result = bench_step(
        [str(toy_path), "config-f"],
        ["l2"],
        [1, 2],
        steps=3,
        resolution=32,
        out=out,
        say=told.append,
        isolate=call_here,
    )
    rows, ratios = result["rows"], result["ratios"]
    assert json.loads(out.read_text()) == result
    assert {"device", "threads", "torch", "python", "seed", "date"} <= result["machine"].keys()
    order = [(name, "l2", batch) for name in ("toy", "config-f") for batch in (1, 2)]
    assert [(r["generator"], r["loss"], r["batch"]) for r in ratios] == order
    for (name, loss, batch), plain, ours, ratio in zip(
        order, rows[::2], rows[1::2], ratios, strict=True
    ):
        assert (plain["variant"], ours["variant"]) == ("plain", "ours")
        assert (plain["precision"], plain["compile"]) == ("float32", "off")
        for row in (plain, ours):
            assert (row["generator"], row["loss"], row["batch"]) == (name, loss, batch)
            assert (row["resolution"], row["device"]) == (32, "cpu")
            assert row["seconds"] == sorted(row["all_seconds"])[1] > 0
            assert row["warm_up_seconds"] > 0 and row["warm_up_peak_mb"] > 100
        assert ratio["speedup"] == plain["seconds"] / ours["seconds"]
        assert ratio["memory"] == ours["peak_mb"] / plain["peak_mb"]
        assert set(ratio) == {"generator", "loss", "batch", "speedup", "memory"}
    assert len(told) == 2 * len(rows)


def test_what_does_not_fit_is_noted_and_the_others_are_measured(toy_path, tmp_path):
    out = tmp_path / "step.json"

    def small_ones_only(what, function, case, *arguments):
        if case.batch > 1:
            raise MemoryError("too large")
        return function(case, *arguments)

    bench_step(
        [str(toy_path)],
        ["l2"],
        [2, 1],
        steps=1,
        out=out,
        say=lambda text: None,
        isolate=small_ones_only,
    )
    result = json.loads(out.read_text())
    assert [(row["batch"], row["variant"]) for row in result["rows"]] == [(1, "plain"), (1, "ours")]
    (failed,) = result["failed"]
    assert failed["batch"] == 2 and failed["reason"] == "too large"


def test_only_our_path_keeps_memory(toy_path):
    kept = []

    def recording(device):
        kept.append(device)
        return contextlib.nullcontext()

    for variant, wanted in [("plain", []), ("ours", ["cpu"])]:
        measure(Case(str(toy_path), "l2", 1, "cpu", variant), 1, 1, keep_memory=recording)
        assert kept == wanted


def test_processes_report_times_memory_and_ratios():
    told = []
    result = bench_step(["config-f"], ["l2"], [1], steps=3, resolution=32, say=told.append)
    plain, ours = result["rows"]
    for row in result["rows"]:
        assert row["resolution"] == 32 and row["batch"] == 1 and row["device"] == "cpu"
        assert len(row["all_seconds"]) == 3
        assert row["seconds"] == sorted(row["all_seconds"])[1]
        assert 0 < row["seconds"] < row["warm_up_seconds"] < 300
        assert 100 < row["peak_mb"] < 20_000
    (ratio,) = result["ratios"]
    assert ratio["speedup"] == plain["seconds"] / ours["seconds"]
    assert ratio["memory"] == ours["peak_mb"] / plain["peak_mb"]
    assert any("plain" in line and "MB" in line for line in told)


def test_the_device_decides_on_batches_that_are_not_given():
    assert default_batches("cpu") == (1, 2)
    assert default_batches("cuda:1") == (1, 4, 16)
