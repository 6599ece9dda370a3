"""What the benchmarks share: a process of its own for each measurement, a warm-up timed apart.

Seconds are medians over the steps after the warm-up (compilation included in that). Memory is the
peak of the whole process during those steps, or torch's own on a GPU.
"""

import concurrent.futures
import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch
from torch import Tensor

from ganinv.compute.compile import resolve_compile
from ganinv.compute.device import resolve_precision
from ganinv.compute.memory import peak_mb, reset_peak
from ganinv.compute.render import make_renderer
from ganinv.generators.base import Generator

WARM_UP = 2
SEED = 0  # of all that a benchmark draws
Isolate = Callable[..., Any]  # as `in_a_process`, which tests replace


def in_a_process(what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call `function` in a fresh process, so that no measurement inherits another's memory.

    Raises MemoryError, naming `what`, where it did not fit.
    """
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
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
def draw_ws(generator: Generator, count: int) -> Tensor:
    """Draw z with a fixed seed and map them: ws (count, num_ws, w_dim)."""
    z = torch.randn(count, generator.z_dim, generator=torch.Generator().manual_seed(SEED))
    return generator.mapping(z.to(generator.device)).contiguous()


def fast_renderer(
    generator: Generator, *, precision: str, compiled: str, steps: int, batch: int
) -> tuple[Callable[..., Tensor], dict[str, str]]:
    """Make the renderer of a search of `steps`; also return {precision, compile} as they are."""
    precision = resolve_precision(precision, generator.device)
    compiled = resolve_compile(compiled, generator, steps)
    render, compiled = make_renderer(generator, precision, compiled, lambda text: None, batch)
    return render, {"precision": precision, "compile": compiled}


def time_steps(
    step: Callable[[], Any], steps: int, device: str, started: float
) -> dict[str, float | list[float]]:
    """Call `step` to warm up, then `steps` times; its preparation began at `started`.

    Returns `seconds` (the median), `all_seconds` and `peak_mb` of the steps, and
    `warm_up_seconds` and `warm_up_peak_mb` of all before them.
    """
    for _ in range(WARM_UP):
        step()
    _wait(device)
    warm_up = {
        "warm_up_seconds": time.perf_counter() - started,
        "warm_up_peak_mb": peak_mb(device),
    }
    reset_peak(device)
    times = [_seconds(step, device) for _ in range(steps)]
    timed = {
        "seconds": statistics.median(times),
        "all_seconds": times,
        "peak_mb": peak_mb(device),
    }
    return timed | warm_up


def _seconds(step, device):
    started = time.perf_counter()
    step()
    _wait(device)
    return time.perf_counter() - started


def _wait(device):
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


def describe(row: Mapping[str, Any]) -> str:
    """Write a measurement in one line."""
    return (
        f"{row['seconds']:.3f} s per step, {row['peak_mb']:.0f} MB; warm-up "
        f"{row['warm_up_seconds']:.0f} s, {row['warm_up_peak_mb']:.0f} MB"
    )


def compare(ours: Mapping[str, Any], plain: Mapping[str, Any]) -> dict[str, float]:
    """Return how many times faster than plain ours is, and the share of its memory it takes."""
    return {
        "speedup": plain["seconds"] / ours["seconds"],
        "memory": ours["peak_mb"] / plain["peak_mb"],
    }
