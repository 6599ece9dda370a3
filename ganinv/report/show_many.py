"""Tables of reports/benchmarks/many.json: bookkeeping, files, engines and the model on paper."""

import html
from collections.abc import Mapping
from typing import Any

from ganinv.bench.capacity import describe_model
from ganinv.report.html import table
from ganinv.report.told import ABSENT

Result = Mapping[str, Any]  # as `bench_many` wrote it


def many_tables(result: Result) -> str:
    """Show the cost of many photographs, part by part, and what the model says of them."""
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in describe_model(result["model"]))
    return _records(result) + _kept(result) + _engines(result) + _shared(result) + lines


def _records(result):
    rows = [
        [
            row["images"],
            row["stage"],
            f"{1000 * row['seconds_per_image']:.2f}",
            f"{1000 * row['cpu_seconds_per_image']:.2f}",
            f"{row['peak_mb']:.0f}",
            f"{row['peak_mb'] - row['before_mb']:.0f}",
        ]
        for row in result["records"]
    ]
    head = ["images", "stage", "ms per image", "of the processor's", "peak, MB", "of its own, MB"]
    text = f"Bookkeeping, each search {1000 * result['stand_in_seconds']:.0f} ms of sleep."
    return table(head, rows, caption=text)


def _kept(result):
    rows = [
        [
            row["keep"],
            f"{row['seconds']:.3f}",
            f"{row['png_seconds']:.3f}",
            f"{row['bytes'] / 1e6:.2f}",
            len(row["files"]),
        ]
        for row in result["keep"]
    ]
    head = ["keep", "s per image", "of it PNG, s", "MB", "files"]
    return table(head, rows, caption="What is written of an image.")


def _engines(result):
    rows = [
        [
            row["engine"],
            row["workers"],
            f"{row['images_per_hour']:.0f}",
            f"{1000 * row['overhead_seconds']:.1f}",
            f"{row['start_seconds']:.1f}",
        ]
        for row in result["engines"]
    ]
    head = ["engine", "workers", "images per hour", "its own ms per image", "s to start"]
    return table(head, rows, caption="The same stand-in searches by each engine.")


def _shared(result):
    rows = [
        [
            found["keep"],
            row["resource"],
            f"{row['use']:.1%}",
            f"{row['workers_at_most']:.0f}" if row.get("workers_at_most") else ABSENT,
        ]
        for found in result["model"]["keeps"]
        for row in found["shared"]
    ]
    head = ["keep", "shared by the workers", "used", "workers until it is all used"]
    text = f"On paper: {result['model']['workers']} workers, from the parts above."
    return table(head, rows, caption=text)
