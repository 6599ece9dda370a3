"""`ganinv bench refine`: a step of the refinement by features beside a step of the search.

Each is measured in a process of its own, by `invert` itself: the search under its loss, LPIPS, the
refinement under its own default, from a random latent to a drawn image.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ganinv.bench.generators import CONFIG_F, find_generator
from ganinv.bench.measure import SEED, WARM_UP, Isolate, in_a_process
from ganinv.bench.step import draw_targets
from ganinv.compute.memory import peak_mb, reset_peak
from ganinv.errors import ParamsError
from ganinv.files import write_json
from ganinv.inversion.invert import invert
from ganinv.inversion.params import SearchParams
from ganinv.inversion.refinement import check_refine
from ganinv.runs.environment import describe_machine

SEARCH = 0  # in place of a resolution


@dataclass(frozen=True)
class Stage:
    """What is timed: the search, or the refinement by features at `refine_resolution`."""

    generator: str
    refine_resolution: int
    device: str
    resolution: int  # of config-f
    compiled: str

    def __str__(self) -> str:
        what = f"features at {self.refine_resolution}" if self.refine_resolution else "search"
        return f"{self.generator}, {what}"


def bench_refine(
    generator: str = CONFIG_F,
    resolutions: Sequence[int] = (64,),
    *,
    steps: int = 7,
    resolution: int = 1024,
    device: str = "cpu",
    compiled: str = "on",
    out: str | Path | None = None,
    say: Callable[[str], None] = print,
    isolate: Isolate = in_a_process,
) -> dict[str, Any]:
    """Time the search and refinements at `resolutions`: a dict, written to `out` (a JSON file).

    `rows`: per stage its seconds (the median of the steps after the warm-up) and peak_mb, of the
    process during them; `seconds_share` and `memory_share` are a refinement's over the search's.
    Raises ParamsError, before anything is timed, for a resolution that the generator has no
    features at.
    """
    _check(generator, resolution, resolutions)
    result: dict[str, Any] = {"machine": describe_machine(device) | {"seed": SEED}, "rows": []}
    for at in (SEARCH, *resolutions):
        stage = Stage(generator, at, device, resolution, compiled)
        say(f"{stage}: measuring …")
        row = isolate(str(stage), measure_stage, stage, steps)
        first = (result["rows"] or [row])[0]
        row["seconds_share"] = row["seconds"] / first["seconds"]
        row["memory_share"] = row["peak_mb"] / first["peak_mb"]
        say(
            f"{stage}: {row['seconds']:.3f} s per step ({row['seconds_share']:.0%} of the "
            f"search's), {row['peak_mb']:.0f} MB ({row['memory_share']:.0%})"
        )
        result["rows"].append(row)
        if out is not None:
            write_json(out, result)
    return result


def _check(name: str, resolution: int, wanted: Sequence[int]) -> None:
    """Raise ParamsError for features that a generator lacks."""
    generator = find_generator(name, resolution, "cpu")
    for at in wanted:
        params = SearchParams.make({"refine": "features", "refine_resolution": at})
        try:
            check_refine(params, generator)
        except ValueError as error:
            raise ParamsError(str(error)) from None


def measure_stage(stage: Stage, steps: int) -> dict[str, Any]:
    """Time `steps` of one stage, after its warm-up, in this process; return a row."""
    generator = find_generator(stage.generator, stage.resolution, stage.device)
    target = draw_targets(generator, 1)[0]
    refining = stage.refine_resolution != SEARCH
    taken = WARM_UP + steps + 1  # a refinement is watched before its backward pass: one step more
    ends: list[float] = []
    peaks: list[float] = []

    def watch(state: Any) -> None:
        ends.append(state.seconds)
        peaks.append(peak_mb(stage.device))  # here, so that rendering and measuring have no part
        if len(ends) == WARM_UP:
            reset_peak(stage.device)

    run = invert(
        generator,
        target,
        init="random",
        image_id="bench",
        compile=stage.compiled,
        refine="features" if refining else "none",
        refine_resolution=stage.refine_resolution or 64,
        log_every=0,
        snapshot_every=0,
        callback=watch,
        steps=0 if refining else taken,
        refine_steps=taken,
    )
    seconds = torch.tensor(ends).diff()[WARM_UP - 1 :][:steps].tolist()
    return {
        "generator": generator.name,
        "resolution": generator.resolution,
        "stage": str(stage),
        "seconds": statistics.median(seconds),
        "all_seconds": seconds,
        "peak_mb": peaks[-1],
        "device": str(generator.device),
        **run.settings,
    }
