"""Tables of reports/benchmarks/many.json: bookkeeping, files, engines and the model on paper."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ganinv.report.html import table, words
from ganinv.report.told import ABSENT

Result = Mapping[str, Any]  # as `bench_many` wrote it
Columns = Mapping[str, Callable[[Result], object]]  # by its heading, what a row shows in a column

STAGES = {
    "listed": "the folder's photographs are found and named",
    "sharded": "one process of eight finds its part",
    "done": "each is searched, and its record written",
    "again": "the same command finds that all are finished",
    "collected": "metrics.json and metrics.csv are gathered from the records",
    "shown": "the folder's pages and contact sheet are written",
}
RECORDS: Columns = {
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
    "images per hour": lambda row: f"{row['images_per_hour']:,.0f}",
    "its own ms per image": lambda row: f"{1000 * row['overhead_seconds']:.1f}",
    "s to start": lambda row: f"{row['start_seconds']:.1f}",
}
RATES: Columns = {
    "keep": lambda row: row["keep"],
    "images per hour": lambda row: f"{row['images_per_hour']:,.0f}",
    "days": lambda row: f"{row['days']:.1f}",
    "TB": lambda row: f"{row['terabytes']:.2f}",
    "PNG, of a worker's time": lambda row: f"{row['png_share']:.1%}",
}
SHARED: Columns = {
    "shared by the workers": lambda row: row["resource"],
    "used": lambda row: f"{row['use']:.1%}",
    "workers until it is all used": lambda row: (
        f"{row['workers_at_most']:,.0f}" if row.get("workers_at_most") else ABSENT
    ),
}


def many_tables(result: Result) -> str:
    """Show the cost of many photographs, part by part, and what the model says of them."""
    found = result["model"]
    shared = [row | {"keep": kept["keep"]} for kept in found["keeps"] for row in kept["shared"]]
    asleep = f"{1000 * result['stand_in_seconds']:.0f} ms of sleep"
    named = {row["stage"] for row in result["records"]}
    paper = f"On paper: {found['workers']:,} workers, {found['photographs']:,} photographs"
    gathered = f"gathering takes {found['gather_hours']:.1f} h"
    driver = f"the driver holds {found['driver_bytes'] / 1e9:.1f} GB"
    return "".join(
        [
            _table(
                RECORDS,
                result["records"],
                f"Bookkeeping in folders of several sizes, each search {asleep}.",
                lambda row: f"{row['images']:,} images",
            ),
            words((stage, f"{text}.") for stage, text in STAGES.items() if stage in named),
            _table(KEPT, result["keep"], "What is written of an image."),
            _table(ENGINES, result["engines"], "The same stand-in searches by each engine."),
            _table(
                RATES, found["keeps"], f"{paper} of {found['steps']} steps; {gathered}, {driver}."
            ),
            _table(
                SHARED,
                shared,
                "On paper: how much of what the workers share is used, the most used first.",
                lambda row: f"keep: {row['keep']}",
            ),
        ]
    )


def _table(
    columns: Columns,
    rows: Iterable[Result],
    caption: str,
    group: Callable[[Result], str] | None = None,
) -> str:
    """A table of columns; rows that lie together and are of one `group` stand below its name."""
    rows = list(rows)
    cells = [[show(row) for show in columns.values()] for row in rows]
    groups = [group(row) for row in rows] if group else ()
    return table([*columns], cells, caption=caption, groups=groups)
