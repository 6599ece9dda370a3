"""What the benchmarks share: a process of its own for each measurement, a warm-up timed apart.

Seconds are medians over the steps after the warm-up (compilation included in that). Memory is the
peak of the whole process during those steps, or torch's own on a GPU.
"""

import multiprocessing
import os
import platform
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import torch

from ganinv.compute.compile import resolve_compile
from ganinv.compute.device import resolve_precision
from ganinv.compute.memory import peak_mb, reset_peak
from ganinv.compute.render import make_renderer

WARM_UP = 2


def describe_machine(device):
    """What the figures were measured on."""
    on_gpu = torch.device(device).type == "cuda"
    return dict(
        device=torch.cuda.get_device_name(device) if on_gpu else _processor(),
        threads=torch.get_num_threads(),
        cores=os.cpu_count(),
        python=platform.python_version(),
        torch=torch.__version__,
        system=platform.platform(),
        seed=0,
        date=time.strftime("%Y-%m-%d"),
    )


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(s.partition(":")[2].strip() for s in lines if s.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def in_a_process(what, function, *arguments):
    """Call `function` in a fresh process, so that no measurement inherits another's memory.

    Raises MemoryError, naming `what`, where it did not fit.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(_call, torch.get_num_threads(), function, arguments).result()
        except BrokenProcessPool:
            raise MemoryError(f"the process that measured {what} was killed") from None
        except torch.OutOfMemoryError:
            raise MemoryError(f"{what} does not fit into the device's memory") from None


def _call(threads, function, arguments):
    torch.set_num_threads(threads)
    return function(*arguments)


@torch.no_grad()
def draw_ws(generator, count):
    """ws (count, num_ws, w_dim) of z drawn with seed 0."""
    z = torch.randn(count, generator.z_dim, generator=torch.Generator().manual_seed(0))
    return generator.mapping(z.to(generator.device)).contiguous()


def fast_renderer(generator, *, precision, compiled, steps, batch):
    """The renderer of a search of `steps`, and its {precision, compile} as they came out."""
    precision = resolve_precision(precision, generator.device)
    compiled = resolve_compile(compiled, generator, steps)
    render, compiled = make_renderer(generator, precision, compiled, lambda text: None, batch)
    return render, dict(precision=precision, compile=compiled)


def time_steps(step, steps, device, started):
    """Call `step` to warm up, then `steps` times; its preparation began at `started`."""
    for _ in range(WARM_UP):
        step()
    _wait(device)
    warm_up = dict(warm_up_seconds=time.perf_counter() - started, warm_up_peak_mb=peak_mb(device))
    reset_peak(device)
    times = [_seconds(step, device) for _ in range(steps)]
    return dict(
        seconds=statistics.median(times), all_seconds=times, peak_mb=peak_mb(device), **warm_up
    )


def _seconds(step, device):
    started = time.perf_counter()
    step()
    _wait(device)
    return time.perf_counter() - started


def _wait(device):
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def describe(row):
    """A measurement in one line."""
    return (
        f"{row['seconds']:.3f} s per step, {row['peak_mb']:.0f} MB; warm-up "
        f"{row['warm_up_seconds']:.0f} s, {row['warm_up_peak_mb']:.0f} MB"
    )


def compare(ours, plain):
    """How many times faster than plain, and what share of its memory."""
    return dict(
        speedup=plain["seconds"] / ours["seconds"], memory=ours["peak_mb"] / plain["peak_mb"]
    )
