"""Progress of a search: a bar on a terminal, plain lines in a log or a notebook."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from ganinv.inversion.search import REFINE


@contextlib.contextmanager
def progress(
    label: str,
    steps: int,
    log_every: int,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Callable[[dict], None]]:
    """Yield a function that takes one history row after each step; 0 for `log_every` is silent.

    `stream` takes the lines or the bar; by default it is standard output. `clock` tells seconds.
    """
    stream = stream or sys.stdout
    if not log_every or not steps:
        yield lambda row: None
    elif stream.isatty():
        report, close = _bar(label, steps, log_every, stream, _Pace(steps, clock))
        try:
            yield report
        finally:
            close()
    else:
        yield _lines(label, steps, log_every, stream, _Pace(steps, clock))


class _Pace:
    """Seconds per step since the last report, and what that leaves.

    Steps are counted as they come: those of a search that is gone on with were taken earlier.
    """

    def __init__(self, steps, clock):
        self.steps, self.clock, self.taken, self.last_time = steps, clock, 0, clock()

    def note(self):
        self.taken += 1

    def describe(self, row):
        now = self.clock()
        pace = (now - self.last_time) / self.taken
        self.taken, self.last_time = 0, now
        left = round(pace * (self.steps - row["step"]))
        return (
            f"loss {row['loss']:.4f}  lr {row['lr']:.4f}  {pace:.2f} s/step  "
            f"{left // 60}m{left % 60:02d}s left"
        )


def _due(row, steps, log_every):
    return row["step"] % log_every == 0 or row["step"] in (1, steps)


def _phase(row):
    return "refining  " if row.get("phase") == REFINE else ""


def _lines(label, steps, log_every, stream, pace):

    def report(row):
        pace.note()
        if _due(row, steps, log_every):
            line = f"{label}  step {row['step']}/{steps}  {_phase(row)}{pace.describe(row)}"
            print(line, file=stream, flush=True)

    return report


def _bar(label, steps, log_every, stream, pace):
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[state]}", markup=False),
    )
    bar = Progress(*columns, console=Console(file=stream))
    task = bar.add_task(label, total=steps, state="")
    bar.start()

    def report(row):
        pace.note()
        if _due(row, steps, log_every):
            bar.update(task, state=f"{row['step']}/{steps}  {_phase(row)}{pace.describe(row)}")
        bar.update(task, completed=row["step"])

    return report, bar.stop
