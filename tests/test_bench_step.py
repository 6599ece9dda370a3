"""The benchmarks of a search's step and of scale: what both sides compute, and what is reported."""

import json
import os

import numpy as np
import pytest
import torch

from ganinv.bench import scale, step
from ganinv.bench.generator import config_f
from ganinv.bench.measure import in_a_process, time_steps
from ganinv.bench.scale import bench_scale, fit_line, images_per_hour, time_folder
from ganinv.bench.step import bench_step, draw_targets, fast_loss, plain_loss
from ganinv.cli.main import main
from ganinv.errors import ParamsError
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


@pytest.fixture
def here(monkeypatch):
    """Measure in this process: starting others takes seconds each."""

    def call(what, function, *arguments):
        return function(*arguments)

    monkeypatch.setattr(step, "in_a_process", call)
    monkeypatch.setattr(scale, "in_a_process", call)


def some_ws(generator, count, seed=5):
    z = torch.randn(count, generator.z_dim, generator=torch.Generator().manual_seed(seed))
    return generator.mapping(z).contiguous()


def value_and_gradient(evaluate, ws):
    leaf = ws.clone().requires_grad_(True)
    total = evaluate(leaf)
    total.backward()
    return total.item(), leaf.grad


def by_our_path(generator, targets, loss):
    return fast_loss(generator, targets, loss, 1, precision="float32")[0]


# --- what a step computes -----------------------------------------------------------------------


@pytest.mark.parametrize(("loss", "size"), [("l2", 256), ("l2", 16), ("lpips", 256)])
def test_plain_and_ours_have_the_same_loss_and_gradient(generator, loss, size, monkeypatch):
    monkeypatch.setattr(step, "LPIPS_SIZE", size)
    targets, ws = draw_targets(generator, 2), some_ws(generator, 2)
    plain, plain_gradient = value_and_gradient(plain_loss(generator, targets, loss), ws)
    ours, gradient = value_and_gradient(by_our_path(generator, targets, loss), ws)
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


def test_the_file_holds_rows_in_pairs_and_their_ratios(here, toy_path, tmp_path):
    out, told = tmp_path / "new" / "step.json", []
    result = bench_step(
        [str(toy_path), "config-f"],
        ["l2"],
        [1, 2],
        steps=3,
        resolution=32,
        out=out,
        say=told.append,
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


def test_what_does_not_fit_is_noted_and_the_others_are_measured(
    here, monkeypatch, toy_path, tmp_path
):
    measure, out = step.measure, tmp_path / "step.json"

    def small_ones_only(name, resolution, loss, batch, *rest):
        if batch > 1:
            raise MemoryError("too large")
        return measure(name, resolution, loss, batch, *rest)

    monkeypatch.setattr(step, "measure", small_ones_only)
    bench_step([str(toy_path)], ["l2"], [2, 1], steps=1, out=out, say=lambda text: None)
    result = json.loads(out.read_text())
    assert [(row["batch"], row["variant"]) for row in result["rows"]] == [(1, "plain"), (1, "ours")]
    (failed,) = result["failed"]
    assert failed["batch"] == 2 and failed["reason"] == "too large"


def test_only_our_path_keeps_memory(here, monkeypatch, toy_path):
    kept, kept_memory = [], step.kept_memory

    def recording(device):
        kept.append(device)
        return kept_memory(device)

    monkeypatch.setattr(step, "kept_memory", recording)
    for variant, wanted in [("plain", []), ("ours", ["cpu"])]:
        step.measure(str(toy_path), None, "l2", 1, "cpu", variant, 1, 1)
        assert kept == wanted


def test_the_device_decides_on_batches_that_are_not_given():
    assert step.default_batches("cpu") == (1, 2)
    assert step.default_batches("cuda:1") == (1, 4, 16)


def test_steps_are_counted_after_the_warm_up():
    calls = []
    timed = time_steps(lambda: calls.append(1), 4, "cpu", started=0.0)
    assert len(timed["all_seconds"]) == 4 and len(calls) == 4 + 2


def test_a_process_that_is_killed_is_named():
    with pytest.raises(MemoryError, match="measured batch 7 was killed"):
        in_a_process("batch 7", os._exit, 1)


def status_of(arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["bench", *map(str, arguments)])
    return stopped.value.code


def test_the_step_command_measures_in_processes_and_says_the_ratio(toy_path, tmp_path, capsys):
    out = tmp_path / "step.json"
    options = "--loss lpips --batch 2 --steps 1 --device cpu"
    assert status_of(["step", "--generator", toy_path, *options.split(), "--out", out]) == 0
    printed = capsys.readouterr().out
    assert "toy, lpips, batch 2: " in printed and "times as fast as plain" in printed
    assert [row["batch"] for row in json.loads(out.read_text())["rows"]] == [2, 2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("step --loss psnr", "--loss is l2 or lpips; got 'psnr'"),
        ("step --resolution 48", "--resolution is a power of two; got 48"),
        ("step --steps 0", "--steps"),
        ("step --batch 0", "--batch"),
        ("step --device tpu", "no device 'tpu'"),
        ("step --device cpu --generator ffhq-studnet", "did you mean ffhq-student"),
        ("scale --loss psnr", "--loss"),
        ("scale --images 3", "--images needs two different numbers"),
        ("scale --images 3 --images 3", "--images needs two different numbers"),
        ("scale --device cpu --generator config-f", "no weights named 'config-f'"),
    ],
)
def test_what_cannot_be_measured_is_said_before_it_begins(arguments, words, capsys):
    assert status_of(arguments.split()) == 2
    printed = capsys.readouterr()
    assert words in printed.err and "measuring" not in printed.out


# --- bench scale --------------------------------------------------------------------------------


def test_images_per_hour():
    assert images_per_hour(0.5, 300, 1) == pytest.approx(24)
    assert images_per_hour(2.0, 300, 16) == pytest.approx(96)


def test_a_line_is_found_and_what_is_none_shows():
    exact = [dict(images=n, seconds=3 + 7 * n) for n in (1, 2, 4)]
    assert fit_line(exact) == pytest.approx(dict(a=3, b=7, r2=1))
    bent = [dict(images=n, seconds=s) for n, s in [(1, 1.0), (2, 3.0), (3, 2.0)]]
    assert fit_line(bent) == pytest.approx(dict(a=1, b=0.5, r2=0.25))  # by hand


def test_scale_reports_batches_folders_and_a_line(here, monkeypatch, toy_path, tmp_path):
    seen, run = [], scale.run_experiment

    def recording(params, **options):
        done = run(params, **options)
        seen.append({name: e["image_sha256"] for name, e in done.results["images"].items()})
        return done

    monkeypatch.setattr(scale, "run_experiment", recording)
    out = tmp_path / "scale.json"
    result = bench_scale(
        str(toy_path),
        loss="l2",
        batches=[1, 2],
        images=[2, 1],
        steps=2,
        out=out,
        say=lambda text: None,
    )
    assert json.loads(out.read_text()) == result
    assert [len(images) for images in seen] == [1, 2]
    assert len(set(seen[1].values())) == 2 and seen[0].items() <= seen[1].items()
    assert (result["params"]["steps"], result["params"]["seed"]) == (2, 0)
    for row, batch in zip(result["batches"], (1, 2), strict=True):
        assert (row["generator"], row["loss"], row["device"]) == ("toy", "l2", "cpu")
        assert (row["batch"], row["compile"]) == (batch, "off")
        assert row["images_per_hour"] == images_per_hour(row["seconds_per_step"], 2, batch)
        assert row["peak_mb"] > 100
    one, two = result["folders"]
    assert (one["images"], two["images"]) == (1, 2)
    assert two["seconds_per_image"] == two["seconds"] / 2
    assert one["peak_growth_mb"] == 0
    assert two["peak_growth_mb"] == two["peak_mb"] - one["peak_mb"]
    slope = two["seconds"] - one["seconds"]
    assert result["fit"] == pytest.approx(dict(a=one["seconds"] - slope, b=slope, r2=1))


def test_a_folder_with_an_image_that_fails_is_not_timed(toy_params, make_photo, tmp_path):
    make_photo(tmp_path / "photos" / "a.png")
    (tmp_path / "photos" / "b.png").write_bytes(b"")
    with pytest.raises(ParamsError, match=r"cannot be timed: b\.png: the file is empty"):
        time_folder(toy_params([tmp_path / "photos"], steps=1))


def test_the_scale_command_prints_the_line(here, toy_path, tmp_path, capsys):
    options = "--loss l2 --batch 1 --images 1 --images 2 --steps 1 --device cpu"
    out = tmp_path / "scale.json"
    assert status_of(["scale", "--generator", toy_path, *options.split(), "--out", out]) == 0
    fit = json.loads(out.read_text())["fit"]
    printed = capsys.readouterr().out
    assert f"{fit['a']:.1f} s + {fit['b']:.1f} s per image" in printed
    assert "images per hour" in printed and np.isfinite(fit["r2"])
