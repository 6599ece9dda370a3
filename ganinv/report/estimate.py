"""How long a report takes on this machine: what is left of it, by what was timed and measured.

A report is a row of parts: the start of a notebook, a photograph's search, the edits of a study. A
few steps that were timed give the seconds of each; what is finished has none. While the report
runs, each part's own time corrects what is left of its kind, and of kinds that are yet to come.
"""

import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TextIO, cast

from ganinv.runs.describe import describe_seconds

# a run's line of an image that begins: one that was finished earlier takes no time
BEGUN = re.compile(r"\[\d+/\d+\] (?!.*: (another process|waiting for|finished earlier))")
OFTEN = 60.0  # seconds between two remarks on the time left
SURE = 0.05  # of the whole, after which what was measured corrects other kinds too
LEAST = 5.0  # seconds that are worth a remark
SHOWN = 3  # pages that are told


@dataclass(frozen=True)
class Part:
    """A part of a page: its kind, such as "LPIPS-vgg", and its estimated seconds.

    `announced` are those that begin with a line of their own, `[1/4] name`.
    """

    page: str
    kind: str
    seconds: float
    announced: bool = False


class Estimate:
    """What is left of a report whose parts come one after another.

    `clock` gives seconds, as time.perf_counter does.
    """

    def __init__(self, parts: Iterable[Part], clock: Callable[[], float] = time.perf_counter):
        self.parts = list(parts)
        self.clock = clock
        self.place = 0  # of the part that runs
        self.begun = -1  # the last part that was announced
        self.since = clock()
        self.took: dict[str, float] = {}
        self.meant: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        """The seconds of all parts, as they were estimated."""
        return sum(part.seconds for part in self.parts)

    def finish_page(self, page: str) -> None:
        """Note that a page is made, and all parts before it are."""
        ends = [k for k, part in enumerate(self.parts) if part.page == page]
        if ends:
            self._go_to(ends[-1] + 1)

    def begin_image(self, page: str) -> None:
        """Note that the next image of a page that is being made has begun."""
        for k in range(max(self.place, self.begun + 1), len(self.parts)):
            if self.parts[k].page == page and self.parts[k].announced:
                self._go_to(k)
                self.begun = k
                return

    def _go_to(self, place):
        """Share the time that passed among the parts before `place`, by their estimates."""
        done = self.parts[self.place : place]
        now = self.clock()
        spent, meant = now - self.since, sum(part.seconds for part in done)
        for part in done:
            if meant:
                share = spent * part.seconds / meant
                self.took[part.kind] = self.took.get(part.kind, 0.0) + share
                self.meant[part.kind] = self.meant.get(part.kind, 0.0) + part.seconds
        if done:
            self.place, self.since = place, now

    def left(self) -> float:
        """Estimate the seconds that are left, corrected by what was measured."""
        took, meant = sum(self.took.values()), sum(self.meant.values())
        usual = took / meant if meant and meant >= SURE * self.seconds else 1.0

        def expected(part: Part) -> float:
            known = self.meant.get(part.kind)
            return part.seconds * (self.took[part.kind] / known if known else usual)

        waiting = [expected(part) for part in self.parts[self.place :]]
        if not waiting:
            return 0.0
        running = max(0.0, waiting[0] - (self.clock() - self.since))
        return running + sum(waiting[1:])


def tell_seconds(seconds: float) -> str:
    """Write a duration of an estimate: "40 seconds", "43 minutes", "1 h 20 min"."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} second{'s' if round(seconds) > 1 else ''}"
    if seconds < 3570:
        return f"{round(seconds / 60)} minutes"
    return describe_seconds(seconds)


def tell_whole(estimate: Estimate, titles: Mapping[str, str]) -> str:
    """Say how long a report takes on this machine, with the pages that take longest."""
    pages: dict[str, float] = {}
    for part in estimate.parts:
        pages[part.page] = pages.get(part.page, 0.0) + part.seconds
    most = sorted(pages, key=lambda page: -pages[page])[:SHOWN]
    longest = "; ".join(f"{titles[page]}: {tell_seconds(pages[page])}" for page in most)
    others = "; other pages less" if len(pages) > len(most) else ""
    return f"about {tell_seconds(estimate.seconds)} on this machine ({longest}{others})"


def tell_left(estimate: Estimate) -> str:
    """Say how much of a report is left."""
    return f"about {tell_seconds(estimate.left())} left in all"


class Watched:
    """A stream that passes on what a notebook prints, and adds the time left in all.

    A remark follows the line of an image that begins, `OFTEN` seconds at the earliest after the
    last one.
    """

    def __init__(self, stream: TextIO, estimate: Estimate, page: str):
        self.stream, self.estimate, self.page = stream, estimate, page
        self.told = estimate.clock()
        self.line = ""

    def write(self, text: str) -> int:
        """Pass text on."""
        self.stream.write(text)
        *lines, self.line = (self.line + text).split("\n")
        for line in lines:
            self._look(line)
        return len(text)

    def _look(self, line: str) -> None:
        if not BEGUN.match(line):
            return
        self.estimate.begin_image(self.page)
        now = self.estimate.clock()
        if now - self.told >= OFTEN and self.estimate.left() >= LEAST:
            self.told = now
            self.stream.write(f"   {tell_left(self.estimate)}\n")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextlib.contextmanager
def watch(estimate: Estimate | None, page: str) -> Iterator[None]:
    """Say during a page, and after it, how much of the report is left; nothing without estimate."""
    if estimate is None:
        yield
        return
    stream = sys.stdout
    with contextlib.redirect_stdout(cast(TextIO, Watched(stream, estimate, page))):
        yield
    estimate.finish_page(page)
    if estimate.left() >= LEAST:
        print(f"   {tell_left(estimate)}", file=stream, flush=True)
