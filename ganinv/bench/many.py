"""`ganinv bench scale --records N`: what the bookkeeping of many photographs costs.

Four parts. `records` does folders of N tiny photographs by a search that takes a millisecond
(`stand_ins.py`), stage by stage, each in a process of its own: what is left is listing, sharding,
recording, gathering and showing. `keep` writes a real result under each `keep`. `engines` does the
same tiny photographs in this process and by the workers of Ray. `model` (`capacity.py`) computes
from these what a hundred workers and a million photographs would ask of driver and file system.
Figures are those of the file system that temporary files lie on: TMPDIR names another.
"""

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ganinv.bench.capacity import count_calls, measure_files, model
from ganinv.bench.measure import SEED, Isolate, draw_ws, in_a_process
from ganinv.bench.stand_ins import (
    SECONDS,
    stand_in,
    stand_in_params,
    write_generator,
    write_photographs,
)
from ganinv.compute.memory import peak_mb, reset_peak
from ganinv.errors import EngineError, ParamsError
from ganinv.files import write_json
from ganinv.generators.load import load_generator
from ganinv.images.writing import read_png, save_png
from ganinv.inversion.invert import invert
from ganinv.inversion.params import SearchParams
from ganinv.runs.environment import describe_machine
from ganinv.runs.experiment import run_experiment
from ganinv.runs.inputs import find_photos
from ganinv.runs.names import KEPT
from ganinv.runs.overview import show
from ganinv.runs.params import Params
from ganinv.runs.records import collect, save_inversion
from ganinv.runs.shards import Shard

SHARDS = 8
STAGES = ("listed", "sharded", "done", "again", "collected", "shown")
FEW, MORE = 20, 220  # photographs of which the engines' times are a line
STEPS = 4  # of the real search whose files are measured


def bench_many(
    name: str = "ffhq-student",
    *,
    records: Sequence[int] = (1000, 10_000, 100_000),
    workers: Sequence[int] = (),
    steps: int = 300,
    line: tuple[int, int] = (FEW, MORE),
    out: str | Path | None = None,
    say: Callable[[str], None] = print,
    isolate: Isolate = in_a_process,
) -> dict[str, Any]:
    """Measure the parts, on the CPU; `workers` are the numbers of Ray's, none without it.

    Returns a dict with `machine`, `records` (a row for each number and stage), `growth`, `keep`,
    `engines` (seconds per image on a line through the two numbers of photographs in `line`),
    `files` and `model`, which assumes searches of `steps`. It is written to `out` (a JSON file)
    after every part.
    """
    result: dict[str, Any] = {
        "machine": describe_machine("cpu") | {"seed": SEED},
        "stand_in_seconds": SECONDS,
        "records": [],
        "growth": {},
        "keep": [],
        "engines": [],
    }

    def note(**parts):
        result.update(parts)
        if out is not None:
            write_json(out, result)

    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        generator = write_generator(work / "generator.safetensors")
        for count in sorted(set(records)):
            rows = time_records(generator, work / str(count), count, say, isolate)
            note(records=[*result["records"], *rows])
        note(growth=growth(result["records"]))
        note(keep=isolate("what is kept", time_keeping, name, work / "kept"))
        for row in result["keep"]:
            say(describe_keep(row))
        for number in (0, *workers):
            row = isolate("an engine", time_engine, generator, work / f"by{number}", number, line)
            note(engines=[*result["engines"], compare(row, [*result["engines"], row][0])])
            say(describe_engine(result["engines"][-1]))
        note(files=isolate("the file system", measure_files, work / "files"))
        note(model=model(result, steps=steps))
    return result


# --- records ---


def time_records(
    generator: Path, work: Path, count: int, say: Callable[[str], None], isolate: Isolate
) -> list[dict[str, Any]]:
    """Take a folder of `count` photographs through all stages: a row for each."""
    isolate("the photographs' drawing", write_photographs, work / "in", count)
    params = stand_in_params(generator, work / "in", work / "out")
    rows = []
    for stage in STAGES:
        row: dict[str, Any] = {"images": count, "stage": stage}
        row |= isolate(f"{count} {stage}", time_stage, stage, params)
        for key in ("seconds", "cpu_seconds"):
            row[f"{key}_per_image"] = row[key] / count
        rows.append(row)
        say(
            f"{count} {stage}: {1000 * row['seconds_per_image']:.3f} ms an image "
            f"({1000 * row['cpu_seconds_per_image']:.3f} of the processor's), "
            f"{row['peak_mb']:.0f} MB, of which {row['before_mb']:.0f} before"
        )
    return rows


def time_stage(stage: str, params: Params) -> dict[str, Any]:
    """Do one stage in this process; return seconds, those of the processor, and the peak in MB."""
    act = _stages(params)[stage]
    reset_peak("cpu")
    before = peak_mb("cpu")
    started, used = time.perf_counter(), time.process_time()
    calls = count_calls(act)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - used,
        "before_mb": before,
        "peak_mb": peak_mb("cpu"),
        "calls": calls,
    }


def _stages(params: Params) -> dict[str, Callable[[], Any]]:
    def run() -> None:
        done = run_experiment(params, say=_silent, invert=stand_in, collecting=False)
        if done.failed:
            raise ParamsError(f"cannot be timed: {next(iter(done.failed.values()))}")

    shard = Shard(1, SHARDS)
    return {
        "listed": lambda: find_photos(params.images, False),
        "sharded": lambda: find_photos(params.images, False, only=shard),
        "done": run,
        "again": run,
        "collected": lambda: collect(params.out),
        "shown": lambda: show(params.out, params),
    }


def growth(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Compare the largest folder with smaller ones, by stage.

    `time` is its seconds of the processor per image, in multiples of those of the smallest folder;
    `memory` its peak in multiples of that of the next smaller one; `bytes` what each further image
    added to the peak. {} before there are two folders.
    """
    found = {}
    for stage in STAGES:
        same = sorted((r for r in rows if r["stage"] == stage), key=lambda row: row["images"])
        if len(same) < 2:
            continue
        first, below, last = same[0], same[-2], same[-1]
        more = last["images"] - below["images"]
        found[stage] = {
            "time": last["cpu_seconds_per_image"] / first["cpu_seconds_per_image"],
            "memory": last["peak_mb"] / below["peak_mb"],
            "bytes": 1e6 * (last["peak_mb"] - below["peak_mb"]) / more,
        }
    return found


# --- what is kept ---


def time_keeping(name: str, folder: Path) -> list[dict[str, Any]]:
    """Search once, a few steps, and write the result under each `keep`: a row for each.

    `png_seconds` are those of its PNG files alone, encoded and written again.
    """
    generator = load_generator(name, "cpu")
    target = generator.synthesis(draw_ws(generator, 1))[0].detach().clamp(-1, 1)
    quick = SearchParams.make(dict(steps=STEPS, log_every=0, snapshot_every=2))
    rows = []
    started = time.perf_counter()
    found = invert(generator, target, params=quick)
    searched = time.perf_counter() - started
    per_step = (found.history[-1]["seconds"] - found.history[0]["seconds"]) / (STEPS - 1)
    for keep in KEPT:
        place = folder / keep
        started = time.perf_counter()
        save_inversion(place, found, title="a face", params=found.params or quick, keep=keep)
        seconds = time.perf_counter() - started
        files = {path.name: path.stat().st_size for path in sorted(place.iterdir())}
        pictures = [read_png(path) for path in place.glob("*.png")]
        started = time.perf_counter()
        for picture in pictures:
            save_png(place / "again.png", picture)
        rows.append(
            {
                "keep": keep,
                "generator": generator.name,
                "resolution": generator.resolution,
                "seconds": seconds,
                "png_seconds": time.perf_counter() - started if pictures else 0.0,
                "bytes": sum(files.values()),
                "files": files,
                "search_seconds": searched,
                "search_steps": STEPS,
                "seconds_per_step": per_step,
            }
        )
    return rows


def describe_keep(row: Mapping[str, Any]) -> str:
    """Say in a line how long writing an image takes, and how many bytes."""
    return (
        f"--keep {row['keep']}: {row['seconds']:.3f} s an image, {row['png_seconds']:.3f} s of "
        f"which for PNG; {row['bytes'] / 1e6:.2f} MB in {len(row['files'])} files"
    )


# --- engines ---


def time_engine(generator: Path, work: Path, workers: int, line: tuple[int, int]) -> dict[str, Any]:
    """Do a few and more photographs by so many workers of Ray, or here (0), in this process.

    The seconds per image are those that each further photograph took; the start is apart. Raises
    EngineError where Ray is not installed.
    """
    seconds = {}
    few, more = line
    for count in line:
        write_photographs(work / f"{count}", count)
        params = stand_in_params(generator, work / f"{count}", work / f"{count} results")
        started = time.perf_counter()
        done = _run_by(params, workers)
        seconds[count] = time.perf_counter() - started
        if len(done.results["images"]) != count:
            raise EngineError(f"{count} images were asked for: {len(done.results['images'])} came")
    each = (seconds[more] - seconds[few]) / (more - few)
    return {
        "engine": "ray" if workers else "serial",
        "workers": workers or 1,
        "images": more,
        "start_seconds": seconds[few] - few * each,
        "seconds_per_image": each,
        "images_per_hour": 3600 / each,
    }


def _run_by(params: Params, workers: int):
    options: dict[str, Any] = dict(say=_silent, invert=stand_in, collecting=False)
    if not workers:
        return run_experiment(params, **options)
    from ganinv.runs.cluster import connected

    with connected(
        "local", workers=workers, cpus_per_worker=1, gpus_per_worker=0, say=_silent
    ) as engine:
        return run_experiment(params, engine=engine, **options)


def _silent(text: str) -> None:
    pass


def compare(row: dict[str, Any], serial: Mapping[str, Any]) -> dict[str, Any]:
    """Add what the engine costs an image: its seconds less its workers' share of the serial ones'.

    Where there are fewer cores than workers and driver, the cores' being shared is in it.
    """
    share = serial["seconds_per_image"] / row["workers"]
    return row | {
        "overhead_seconds": row["seconds_per_image"] - share,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
    }


def describe_engine(row: Mapping[str, Any]) -> str:
    """Say in a line what an engine does."""
    return (
        f"{row['engine']}, {row['workers']} worker{'s' * (row['workers'] != 1)}: "
        f"{row['images_per_hour']:.0f} stand-in images per hour, the engine's own "
        f"{1000 * row['overhead_seconds']:.1f} ms an image, started in {row['start_seconds']:.1f} s"
    )
