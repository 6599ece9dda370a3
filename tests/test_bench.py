"""The benchmark of one step, the plain code beside it, and the memory that both are measured by."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from ganinv.bench.encoder import bench_encoder
from ganinv.bench.generator import SHORT, VARIANTS, bench_generator, config_f
from ganinv.bench.plain import plain_synthesis, upfirdn2d
from ganinv.cli.main import main
from ganinv.compute.memory import kept_memory, peak_mb, reset_peak
from ganinv.encoders.domain import DomainEncoder, domain_config
from ganinv.errors import ParamsError
from ganinv.weights.store import save_weights

# --- what is measured ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resolution", "channels"),
    [(32, [512] * 4), (256, [512] * 5 + [256, 128]), (1024, [512] * 5 + [256, 128, 64, 32])],
)
def test_config_f_has_the_published_widths(resolution, channels):
    with torch.device("meta"):
        generator = config_f(resolution)
    assert [block.conv1.weight.shape[0] for block in generator.blocks] == channels
    assert (generator.resolution, generator.num_ws) == (resolution, 2 * len(channels))


def test_config_f_is_the_same_every_time_and_leaves_the_seed_alone():
    before = torch.get_rng_state()
    one, two = config_f(32), config_f(32)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_both_variants_compute_the_same():
    generator = config_f(32).double()  # in float32 the plain code's gradient is off by 8e-4
    generator.prepare()
    rng = torch.Generator().manual_seed(1)
    ws = generator.mapping(torch.randn(2, 512, generator=rng).double()).contiguous()
    results = []
    for render in (generator.synthesis, lambda ws: plain_synthesis(generator, ws)):
        leaf = ws.clone().requires_grad_(True)
        image = render(leaf)
        image.square().mean().backward()
        results.append((image.detach(), leaf.grad))
    for ours, plain in zip(*results, strict=True):
        assert (ours - plain).abs().max() <= 1e-9 * plain.abs().max()


def test_upfirdn2d_of_one_pixel_by_hand():
    x = torch.zeros(1, 1, 2, 2)
    x[0, 0, 1, 1] = 1
    row = np.array([0, 1, 3, 3]) / 4  # the taps around column 2 of 4, the last one cut off
    np.testing.assert_allclose(upfirdn2d(x, up=2, pad=(2, 1))[0, 0], np.outer(row, row), atol=1e-7)


# --- the measurement ----------------------------------------------------------------------------


def test_the_benchmark_reports_times_memory_and_ratios():
    told = []
    result = bench_generator(resolution=32, steps=3, variants=SHORT, say=told.append)
    plain, ours = result["rows"]
    assert (plain["variant"], ours["variant"]) == SHORT
    for row in result["rows"]:
        assert row["resolution"] == 32 and row["batch"] == 1 and row["device"] == "cpu"
        assert len(row["all_seconds"]) == 3
        assert row["seconds"] == sorted(row["all_seconds"])[1]
        assert 0 < row["seconds"] < row["warm_up_seconds"] < 300
        assert 100 < row["peak_mb"] < 20_000
    assert plain["precision"] == "float32"
    (ratio,) = result["ratios"]
    assert ratio["speedup"] == plain["seconds"] / ours["seconds"]
    assert ratio["memory"] == ours["peak_mb"] / plain["peak_mb"]
    assert {"device", "threads", "torch", "python", "seed", "date"} <= result["machine"].keys()
    assert any("plain" in line and "MB" in line for line in told)


def test_the_command_prints_both_and_writes_json(tmp_path, capsys):
    out = tmp_path / "new" / "bench.json"
    arguments = f"bench generator --resolution 32 --steps 1 --device cpu --out {out}".split()
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert "times as fast as plain" in printed and "of its memory" in printed
    assert [row["variant"] for row in json.loads(out.read_text())["rows"]] == list(SHORT)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [("--resolution 48", "power of two"), ("--generator ffhq-student --steps 1", "StyleGAN2 only")],
)
def test_what_cannot_be_measured_is_said(arguments, words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "generator", *arguments.split(), "--device", "cpu"])
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


def test_variants_are_one_plain_and_ours():
    assert [name for name, how in VARIANTS.items() if how is None] == ["plain"]


# --- memory -------------------------------------------------------------------------------------


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="peaks start anew on Linux only")
def test_the_peak_is_that_of_the_block_measured():
    big, small = run(
        "import torch\n"
        "from ganinv.compute.memory import peak_mb, reset_peak\n"
        "x = torch.ones(100_000_000); del x\n"
        "print(peak_mb('cpu'))\n"
        "reset_peak('cpu')\n"
        "x = torch.ones(25_000_000)\n"
        "print(peak_mb('cpu'))"
    )
    assert 250 < big - small < 350  # 400 MB against 100 MB


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_kept_memory_is_given_back_at_the_end():
    inside, after = run(
        "import torch\n"
        "from ganinv.compute.memory import kept_memory, peak_mb, reset_peak\n"
        "def now():\n"
        "    reset_peak('cpu')\n"
        "    return peak_mb('cpu')\n"
        "with kept_memory('cpu'):\n"
        "    x = torch.ones(100_000_000); del x\n"
        "    print(now())\n"
        "print(now())"
    )
    assert inside - after > 350


def test_kept_memory_leaves_other_devices_and_results_alone():
    with kept_memory("cuda"):  # torch keeps CUDA's memory itself
        pass
    with kept_memory("cpu"):
        x = torch.arange(10)
    assert x.sum() == 45


def test_the_peak_is_never_below_what_is_held():
    reset_peak("cpu")
    before = peak_mb("cpu")
    held = torch.ones(50_000_000)
    assert peak_mb("cpu") >= before + held.numel() * 4e-6 * 0.9


@pytest.fixture
def encoder_path(toy, tmp_path):
    """An untrained domain-guided encoder for the toy: its codes are w_avg and noise."""
    config = domain_config(toy, channels=2, hidden=4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = DomainEncoder(**config)
    encoder.w_avg.copy_(toy.w_avg)
    path = tmp_path / "encoder.safetensors"
    save_weights(path, encoder.head(), {"architecture": "domain", "config": config})
    return path


def test_bench_encoder_compares_both_starts(toy_params, encoder_path, make_photo, tmp_path):
    photos = [make_photo(tmp_path / f"{seed}.png", seed) for seed in (0, 1)]
    params = toy_params(photos, init="encoder", encoder=str(encoder_path), steps=3, space="w+")
    result = bench_encoder(params, against=6, say=lambda text: None)
    rows = {(row["image"], row["start"]): row for row in result["rows"]}
    assert len(rows) == 4
    for image in ("0", "1"):
        encoded, mean = rows[image, "encoder"], rows[image, "mean_w"]
        assert (encoded["steps"], mean["steps"]) == (3, 6)
        assert (encoded["evaluations"], mean["evaluations"]) == (3, 6)
        assert mean["after"]["psnr"] > mean["at_start"]["psnr"]
    below = [
        1 - rows[i, "encoder"]["at_start"]["lpips_vgg"] / rows[i, "mean_w"]["at_start"]["lpips_vgg"]
        for i in ("0", "1")
    ]
    assert result["starts"]["per_image"] == pytest.approx(below)
    for verdict in result["verdicts"]:
        name = verdict["metric"]
        held = sum(
            rows[i, "encoder"]["after"][name] <= rows[i, "mean_w"]["after"][name]
            for i in ("0", "1")
        )
        assert (verdict["at_least_as_good"], verdict["images"]) == (held, 2)


def test_bench_encoder_wants_an_encoders_start(toy_params, make_photo, tmp_path):
    with pytest.raises(ParamsError, match="set init=encoder"):
        bench_encoder(toy_params([make_photo(tmp_path / "a.png")]), against=2)
