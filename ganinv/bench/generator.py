"""`ganinv bench generator`: one forward and backward pass to ws, ours beside plain code.

Every variant runs in a process of its own, one after the other, on the same weights and ws: warm-up
(compilation included) is timed apart, then each step, from ws to the gradient of the mean of the
squared image. Seconds are medians. Memory is the peak of the whole process during the steps, or
torch's own on a GPU.
"""

import contextlib
import multiprocessing
import os
import platform
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import torch

from ganinv.bench.plain import plain_synthesis
from ganinv.fast import make_renderer, resolve_compile, resolve_precision
from ganinv.generators import load_generator
from ganinv.generators.base import freeze
from ganinv.generators.stylegan2 import StyleGAN2
from ganinv.memory import kept_memory, peak_mb, reset_peak

CONFIG_F = "config-f"  # StyleGAN2's, with random weights: nothing has to be fetched
WARM_UP = 2
# variant -> (precision, compile); None is the plain code
VARIANTS = {
    "plain": None,
    "ours": ("auto", "auto"),
    "ours, float32": ("float32", "off"),
    "ours, float32, compiled": ("float32", "on"),
    "ours, bf16": ("bf16", "off"),
}
SHORT = ("plain", "ours")


def config_f(resolution):
    """StyleGAN2 config-f of a resolution with random weights from a fixed seed."""
    blocks = resolution.bit_length() - 2
    channels = [min(512, 32768 // (4 * 2**i)) for i in range(blocks)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = StyleGAN2(channels=channels)
        for name, parameter in generator.named_parameters():
            if name.endswith("noise_strength"):
                parameter.data.fill_(0.1)
    return freeze(generator)


def bench_generator(name=CONFIG_F, *, resolution=1024, batch=1, steps=5, device="cpu",
                    variants=SHORT, say=print):  # fmt: skip
    """Time the variants; a dict with `machine`, `rows` (one per variant) and `ratios` to plain."""
    rows = []
    for variant in variants:
        say(f"{variant}: measuring …")
        rows.append(_in_a_process(name, resolution, batch, steps, device, variant))
        say(f"{variant}: " + describe(rows[-1]))
    return dict(machine=describe_machine(device), rows=rows, ratios=_ratios(rows))


def describe(row):
    return (
        f"{row['seconds']:.3f} s per step, {row['peak_mb']:.0f} MB; warm-up "
        f"{row['warm_up_seconds']:.0f} s, {row['warm_up_peak_mb']:.0f} MB"
    )


def _ratios(rows):
    """How many times faster than plain, and what share of its memory."""
    plain = next((row for row in rows if row["variant"] == "plain"), None)
    if plain is None:
        return []
    return [
        dict(
            variant=row["variant"], speedup=plain["seconds"] / row["seconds"],
            memory=row["peak_mb"] / plain["peak_mb"],
        )
        for row in rows
        if row is not plain
    ]  # fmt: skip


def describe_machine(device):
    """What the figures were measured on."""
    on_gpu = torch.device(device).type == "cuda"
    return dict(
        device=torch.cuda.get_device_name(device) if on_gpu else _processor(),
        threads=torch.get_num_threads(), cores=os.cpu_count(), python=platform.python_version(),
        torch=torch.__version__, system=platform.platform(), seed=0,
        date=time.strftime("%Y-%m-%d"),
    )  # fmt: skip


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(s.partition(":")[2].strip() for s in lines if s.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _in_a_process(*arguments):
    """Call `_measure` in a fresh process, so that no variant inherits another's memory."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(_measure, *arguments, torch.get_num_threads()).result()
        except BrokenProcessPool:
            raise MemoryError(f"the process that measured {arguments[-1]} was killed") from None


def _measure(name, resolution, batch, steps, device, variant, threads):
    torch.set_num_threads(threads)
    generator = (
        config_f(resolution).to(device) if name == CONFIG_F else load_generator(name, device)
    )
    rng = torch.Generator().manual_seed(0)
    z = torch.randn(batch, generator.z_dim, generator=rng).to(device)
    ws = generator.mapping(z).detach().contiguous()  # (N, num_ws, w_dim)
    started = time.perf_counter()
    reset_peak(device)
    render, how = _renderer(generator, variant, steps)
    # plain code runs as its users run it, with the allocator's own habits
    with contextlib.nullcontext() if variant == "plain" else kept_memory(device):
        timed = _time(render, ws, steps, device, started)
    return timed | _about(generator, variant, batch, how)


def _about(generator, variant, batch, how):
    return dict(
        generator=generator.name or CONFIG_F, resolution=generator.resolution, batch=batch,
        device=str(generator.device), variant=variant, **how,
    )  # fmt: skip


def _renderer(generator, variant, steps):
    if VARIANTS[variant] is None:
        if not isinstance(generator, StyleGAN2):
            raise ValueError("plain code exists for StyleGAN2 only")
        how = dict(precision="float32", compile="off")
        return lambda ws: plain_synthesis(generator, ws), how
    precision, compiled = VARIANTS[variant]
    precision = resolve_precision(precision, generator.device)
    if compiled == "auto":
        compiled = resolve_compile(compiled, generator, max(steps, 100))
    render, compiled = make_renderer(generator, precision, compiled, lambda text: None)
    return render, dict(precision=precision, compile=compiled)


def _time(render, ws, steps, device, started):
    for _ in range(WARM_UP):
        _step(render, ws)
    warm_up = dict(warm_up_seconds=time.perf_counter() - started, warm_up_peak_mb=peak_mb(device))
    reset_peak(device)
    times = [_step(render, ws) for _ in range(steps)]
    return dict(
        seconds=statistics.median(times), all_seconds=times, peak_mb=peak_mb(device), **warm_up
    )


def _step(render, ws):
    """Seconds from ws to the gradient."""
    ws = ws.clone().requires_grad_(True)
    _wait(ws)
    started = time.perf_counter()
    render(ws).square().mean().backward()
    _wait(ws)
    return time.perf_counter() - started


def _wait(tensor):
    if tensor.is_cuda:
        torch.cuda.synchronize(tensor.device)
