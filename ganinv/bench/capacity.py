"""A model on paper, from measured parts: what many workers and many photographs saturate first.

Workers search on their own; what they share is the driver, which hands photographs out one after
another, and the file system, which makes names and takes bytes. Demand is what the workers ask for
together, capacity what was measured here by one process. A cluster's file system has another
capacity: put its figures in place of `files` and call `model` again.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ganinv.files import write_bytes

WORKERS, PHOTOGRAPHS = 100, 1_000_000
NAMES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod")  # that change names
SMALL, LARGE = 200, 1 << 25  # small files to be written, bytes of a large one
_counted: list[Counter] = []  # of the calls that are being counted
_hooked: list[bool] = []


def count_calls(act: Callable[[], Any]) -> dict[str, int]:
    """Call a function; return how often files were opened, and folders and names changed."""
    if not _hooked:
        sys.addaudithook(_count)  # it cannot be taken back
        _hooked.append(True)
    _counted.append(Counter())
    try:
        act()
    finally:
        calls = _counted.pop()
    return dict(calls)


def _count(event: str, arguments: tuple) -> None:
    if _counted and event in ("open", "os.scandir", "os.listdir", *NAMES):
        _counted[-1][event] += 1


def measure_files(folder: Path) -> dict[str, float]:
    """Measure what the file system of a folder takes from one process.

    `names_per_second` are changes of names (`NAMES` and files opened) while small files are
    written, each whole and flushed; `bytes_per_second` those of a large file.
    """
    folder.mkdir(parents=True, exist_ok=True)

    def write_small():
        for number in range(SMALL):
            write_bytes(folder / f"{number}" / "small", b"x")

    started = time.perf_counter()
    calls = count_calls(write_small)
    small = time.perf_counter() - started
    started = time.perf_counter()
    write_bytes(folder / "large", os.urandom(LARGE))
    large = time.perf_counter() - started
    return {
        "names_per_second": names_of(calls) / small,
        "files_per_second": SMALL / small,
        "bytes_per_second": LARGE / large,
    }


def names_of(calls: Mapping[str, int]) -> int:
    """Count the calls that a file system's metadata must answer: files opened, names changed."""
    return sum(count for name, count in calls.items() if name == "open" or name in NAMES)


def model(
    parts: Mapping[str, Any],
    *,
    steps: int,
    workers: int = WORKERS,
    photographs: int = PHOTOGRAPHS,
    memory: float | None = None,
) -> dict[str, Any]:
    """Compute what `workers` ask for together, from what `bench_many` measured.

    `memory` are the driver's bytes, else this machine's. Returns a dict with the assumptions and,
    in `keeps`, for each `keep` images per hour, days for all `photographs`, the share of PNG
    writing in a worker's time and the shared resources: their demand, capacity, use (the share of
    capacity) and the number of workers at which it is all used, those that are used most first.
    """
    largest = max(row["images"] for row in parts["records"])
    rows = {row["stage"]: row for row in parts["records"] if row["images"] == largest}
    held = parts["growth"].get("done", {"bytes": 0.0})["bytes"]
    driver = 1e6 * rows["done"]["before_mb"] + max(held, 0.0) * photographs
    of_driver = _use("the driver's memory", driver, memory or _memory())
    names = names_of(rows["done"]["calls"]) / largest
    gather = rows["collected"]["seconds_per_image"] + rows["shown"]["seconds_per_image"]
    keeps = []
    for kept in parts["keep"]:
        more = len(kept["files"]) - len(parts["keep"][0]["files"])  # files beside the latents'
        busy = steps * kept["seconds_per_step"] + kept["seconds"]
        rate = workers / busy  # images per second
        shared = [of_driver, *_shared(parts, kept, rate, names + more * _names_of_a_file(parts))]
        for row in shared[1:]:
            row["workers_at_most"] = workers / row["use"] if row["use"] else None
        shared.sort(key=lambda row: -row["use"])
        keeps.append(
            {
                "keep": kept["keep"],
                "seconds_per_image": busy,
                "images_per_hour": 3600 * rate,
                "days": photographs / rate / 86400,
                "png_share": kept["png_seconds"] / busy,
                "terabytes": kept["bytes"] * photographs / 1e12,
                "shared": shared,
                "first": shared[0]["resource"],
            }
        )
    return {
        "workers": workers,
        "photographs": photographs,
        "steps": steps,
        "driver_bytes": driver,
        "driver_bytes_per_image": held,
        "gather_hours": gather * photographs / 3600,
        "keeps": keeps,
    }


def _shared(parts, kept, rate: float, names: float) -> list[dict[str, Any]]:
    """What grows with the number of workers, at so many images per second."""
    files = parts["files"]
    shared = [
        _use("names of the file system", rate * names, files["names_per_second"]),
        _use("bytes of the file system", rate * kept["bytes"], files["bytes_per_second"]),
    ]
    engines = [x["overhead_seconds"] for x in parts["engines"] if x["engine"] == "ray"]
    if engines:
        shared.append(_use("the driver's time", rate * max(*engines, 0.0), 1.0))
    return shared


def _use(resource: str, demand: float, capacity: float) -> dict[str, Any]:
    return {
        "resource": resource,
        "demand": demand,
        "capacity": capacity,
        "use": demand / capacity,
    }


def _names_of_a_file(parts: Mapping[str, Any]) -> float:
    return parts["files"]["names_per_second"] / parts["files"]["files_per_second"]


def _memory() -> float:
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def describe_model(found: Mapping[str, Any]) -> list[str]:
    """Say in lines what the model says."""
    lines = [
        f"on paper, {found['workers']} workers, {found['photographs']} photographs of "
        f"{found['steps']} steps; gathering takes {found['gather_hours']:.1f} h, the driver "
        f"{found['driver_bytes'] / 1e9:.1f} GB"
    ]
    for row in found["keeps"]:
        first = row["shared"][0]
        lines.append(
            f"--keep {row['keep']}: {row['images_per_hour']:.0f} images per hour, "
            f"{row['days']:.1f} days, {row['terabytes']:.2f} TB; PNG takes {row['png_share']:.1%} "
            f"of a worker's time; first saturated: {first['resource']} ({first['use']:.1%} used)"
        )
    return lines
