"""Tables of reports/benchmarks/many.json: bookkeeping, files, engines and the model on paper."""

import html
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ganinv.bench.capacity import describe_model
from ganinv.report.html import table
from ganinv.report.told import ABSENT

Result = Mapping[str, Any]  # as `bench_many` wrote it
Columns = Mapping[str, Callable[[Result], object]]  # by its heading, what a row shows in a column

RECORDS: Columns = {
    "images": lambda row: row["images"],
    "stage": lambda row: row["stage"],
    "ms per image": lambda row: f"{1000 * row['seconds_per_image']:.2f}",
    "of the processor's": lambda row: f"{1000 * row['cpu_seconds_per_image']:.2f}",
    "peak, MB": lambda row: f"{row['peak_mb']:.0f}",
    "of its own, MB": lambda row: f"{row['peak_mb'] - row['before_mb']:.0f}",
}
KEPT: Columns = {
    "keep": lambda row: row["keep"],
    "s per image": lambda row: f"{row['seconds']:.3f}",
    "of it PNG, s": lambda row: f"{row['png_seconds']:.3f}",
    "MB": lambda row: f"{row['bytes'] / 1e6:.2f}",
    "files": lambda row: len(row["files"]),
}
ENGINES: Columns = {
    "engine": lambda row: row["engine"],
    "workers": lambda row: row["workers"],
    "images per hour": lambda row: f"{row['images_per_hour']:.0f}",
    "its own ms per image": lambda row: f"{1000 * row['overhead_seconds']:.1f}",
    "s to start": lambda row: f"{row['start_seconds']:.1f}",
}
SHARED: Columns = {
    "keep": lambda row: row["keep"],
    "shared by the workers": lambda row: row["resource"],
    "used": lambda row: f"{row['use']:.1%}",
    "workers until it is all used": lambda row: (
        f"{row['workers_at_most']:.0f}" if row.get("workers_at_most") else ABSENT
    ),
}


def many_tables(result: Result) -> str:
    """Show the cost of many photographs, part by part, and what the model says of them."""
    found = result["model"]
    shared = [row | {"keep": kept["keep"]} for kept in found["keeps"] for row in kept["shared"]]
    asleep = f"{1000 * result['stand_in_seconds']:.0f} ms of sleep"
    parts = (
        (RECORDS, result["records"], f"Bookkeeping, each search {asleep}."),
        (KEPT, result["keep"], "What is written of an image."),
        (ENGINES, result["engines"], "The same stand-in searches by each engine."),
        (SHARED, shared, f"On paper: {found['workers']} workers, from the parts above."),
    )
    lines = (f"<p>{html.escape(line)}</p>" for line in describe_model(found))
    return "".join([*(_table(*part) for part in parts), *lines])


def _table(columns: Columns, rows: Iterable[Result], caption: str) -> str:
    cells = [[show(row) for show in columns.values()] for row in rows]
    return table([*columns], cells, caption=caption)
