"""Verdicts of the study "What the code is good for", with intervals over photographs."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ganinv.analysis.edited import Study, seconds_taken
from ganinv.analysis.finished import Experiment, value
from ganinv.analysis.statistics import mean_interval, rank_correlation
from ganinv.analysis.verdicts import (
    CONFIRMED,
    NOT_DECIDED,
    REFUTED,
    Comparison,
    Verdict,
    listed,
)
from ganinv.files import write_json
from ganinv.measures.reconstruction import METRICS
from ganinv.numerics import NUMERICS
from ganinv.runs.environment import describe_machine, published_environment
from ganinv.runs.params import Params

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
FEWEST = 8  # photographs, for a verdict
TREND = "rank correlation with the distance between rows over each photograph's kinds of codes"


@dataclass(frozen=True)
class Found:
    """All that is judged: the runs of `experiments`, and their codes, edited.

    `machine` says what the seconds were taken on, "" where that is not known.
    """

    experiments: Sequence[Experiment]
    study: Study
    short: str
    long: str
    machine: str = ""

    @property
    def codes(self) -> list[Experiment]:
        """The runs that are codes alone."""
        return [e for e in self.experiments if e.params.refine == "none"]

    def run(self, name: str) -> Experiment:
        """Return a run by its name."""
        return next(e for e in self.experiments if e.name == name)

    def metric(self, run: str, name: str) -> np.ndarray:
        """Return a metric of a run for each image, NaN where there is none: float64 (images,)."""
        values = [value(self.run(run), i, name) for i in self.study.images]
        return np.array([math.nan if x is None else x for x in values], dtype=float)

    def refined(self, kind: str, features: str = "carry") -> str:
        """Return the name of the variant that refines the short code by `kind`."""
        return next(
            v.name
            for v in self.study.variants
            if v.experiment.params.refine == kind and v.features == features
        )

    def variant_run(self, variant: str) -> str:
        """Return the name of a variant's run."""
        return next(v.experiment.name for v in self.study.variants if v.name == variant)


def judge(found: Found) -> list[Verdict]:
    """Judge the hypotheses of the study, in their order."""
    return [
        _verdict(found, claim, compare(found))
        for claim, compare in (
            (
                f"the nearer to W a code lies, the less it reproduces: {TREND}",
                compare_reconstruction,
            ),
            (f"the nearer to W a code lies, the better it edits: {TREND}", compare_editing),
            (
                f"a short code with refined features, {found.short} + features, is nearer to the "
                f"photograph, sooner, and easier to edit than the long code, {found.long}",
                compare_short,
            ),
            (
                "features that are carried along with the edit, and weights, leave less of a ghost "
                "than features that are left where they were",
                compare_ghosts,
            ),
        )
    ]


def _verdict(found: Found, claim: str, comparisons: list[Comparison]) -> Verdict:
    """A verdict over comparisons: each holds where its whole interval lies on the right side.

    A claim is of all its measures, so one that lies wholly on the other side refutes it.
    """
    told = [c for c in comparisons if c.interval.count]
    detail = "; ".join(c.detail for c in told) or "nothing of it could be measured"
    sides = [c.side for c in comparisons]
    held, total = sides.count(1), len(sides)
    n = len(found.study.images)
    word = CONFIRMED if held == total else REFUTED if -1 in sides else NOT_DECIDED
    opening = f"{_rule(total)} It held in {held} of {total}"
    if n < FEWEST:
        word = NOT_DECIDED
        opening = f"On {_photographs(n)} nothing is decided, it takes {FEWEST}"
    return Verdict(
        claim, word, held, total, f"{opening}: {detail}.", tuple(comparisons), "measures"
    )


def _rule(count: int) -> str:
    """Say how so many measures make one verdict."""
    whole = "both" if count == 2 else f"all {WORDS[count]}"
    return f"Confirmed where {whole} measures are, refuted as soon as one of them is."


def _photographs(n):
    return f"{n} photograph" + ("s" if n != 1 else "")


def compare_reconstruction(found: Found) -> list[Comparison]:
    """Compare, over kinds of codes, the distance between rows with what is reproduced."""
    return [
        _trend(found, "LPIPS-alex", lambda e: found.metric(e, "lpips_alex"), -1),
        _trend(found, "PSNR", lambda e: found.metric(e, "psnr"), 1),
    ]


def compare_editing(found: Found) -> list[Comparison]:
    """Compare, over kinds of codes, the distance between rows with how edits go."""
    measured = found.study.measured
    return [
        _trend(found, "own change", lambda e: measured(e, "own"), -1),
        _trend(found, "own ÷ others", lambda e: measured(e, "selectivity"), -1),
        _trend(found, "identity lost", lambda e: measured(e, "lost"), 1),
    ]


def _trend(found: Found, what: str, read: Callable[[str], np.ndarray], wanted: int) -> Comparison:
    """The rank correlation of rows' distance and a measure over each photograph's codes."""
    names = [e.name for e in found.codes]
    distances = np.array([found.study.placed(name, "distance") for name in names])
    values = np.array([read(name) for name in names])  # (codes, images)
    pairs = zip(distances.T, values.T, strict=True)
    interval = mean_interval([rank_correlation(a, b) for a, b in pairs])
    side = "above" if wanted > 0 else "below"
    detail = f"{what} {interval.show(2, signed=True)}, expected {side} 0"
    return Comparison(interval, wanted, detail, what)


def compare_short(found: Found) -> list[Comparison]:
    """Compare the short code with refined features, carried along, with the long code."""
    variant = found.refined("features")
    run, long = found.variant_run(variant), found.long
    images, measured = found.study.images, found.study.measured
    seconds, long_seconds = (
        seconds_taken(found.experiments, found.run(e), images) for e in (run, long)
    )
    lpips, long_lpips = (found.metric(e, "lpips_alex") for e in (run, long))
    taken = f"seconds ({found.machine})" if found.machine else "seconds"
    return [
        _difference("nearer to the photograph", "LPIPS-alex", lpips, long_lpips, -1, 3),
        _difference("sooner", taken, seconds, long_seconds, -1, 0),
        *(
            _difference(words, what, measured(variant, name), measured(long, name), wanted, 2)
            for words, what, name, wanted in (
                ("its edits move their attribute further", "own change", "own", 1),
                ("its edits move their attribute more alone", "own ÷ others", "selectivity", 1),
                ("its edits lose less of the person", "identity lost", "lost", -1),
            )
        ),
    ]


def compare_ghosts(found: Found) -> list[Comparison]:
    """Compare the ghosting of carried features, and of weights, with that of features left."""
    left = found.study.measured(found.refined("features", "stay"), "ghosting")
    return [
        _difference(
            f"{name} leave less of a ghost",
            f"ghosting of {name}",
            found.study.measured(found.refined(kind), "ghosting"),
            left,
            -1,
            3,
        )
        for name, kind in (("carried features", "features"), ("weights", "weights"))
    ]


def _difference(
    words: str, what: str, new: np.ndarray, old: np.ndarray, wanted: int, digits: int
) -> Comparison:
    """The mean difference of a measure between two variants of the same photographs."""
    interval = mean_interval(new - old)
    there = ~np.isnan(new - old)
    before, after = (float(x[there].mean()) if there.any() else math.nan for x in (old, new))
    detail = (
        f"{what} {before:.{digits}f} → {after:.{digits}f}, difference "
        f"{interval.show(digits, signed=True)}"
    )
    return Comparison(interval, wanted, detail, words)


def advise(found: Found) -> str:
    """Give the page's advice in Markdown, as far as the comparison of short and long bears it."""
    n = len(found.study.images)
    comparisons = compare_short(found)
    if n < FEWEST:
        return f"**No advice yet**: this run is on {_photographs(n)}, and advice needs {FEWEST}."
    held = [c.words for c in comparisons if c.side == 1]
    against = [c.words for c in comparisons if c.side == -1]
    open_ = [c.words for c in comparisons if not c.side]
    if len(held) == len(comparisons):
        return (
            "**Take a short code and refine it.** A short code plus a refinement is nearer to the "
            "photograph, sooner, and easier to edit than a long code."
        )
    parts = [
        f"{what}: {'; '.join(words)}."
        for what, words in (
            ("Against a long code it holds", held),
            ("The opposite holds of", against),
            ("Not decided", open_),
        )
        if words
    ]
    return " ".join(
        ["**A short code plus a refinement is not shown to be better in all.**", *parts]
    )


def write_summary(
    path: str | Path,
    params: Params,
    found: Found,
    verdicts: Iterable[Verdict],
    advice: str,
    settings: Mapping[str, Any] | None = None,
    seen: Iterable[str] = (),
) -> None:
    """Write the study as JSON: metrics of each run, places of codes, edits, verdicts, advice.

    `seen` are sentences on what the figures say. `settings` are by name what
    decides the edits beside the parameters.
    """
    runs = {}
    for e in found.experiments:
        each = {i: {m: entry.get(m) for m in METRICS} for i, entry in e.images.items()}
        seconds = {i: e.images[i]["seconds"] for i in found.study.images}
        runs[e.name] = {"images": each, "seconds": seconds, "failed": e.metrics["failed"]}
        runs[e.name] |= {"environment": published_environment(e.folder)}
    own = {d.name: found.study.own_attribute(d.name) for d in found.study.directions}
    write_json(
        path,
        {
            "params": params.model_dump(exclude={"out"}),
            "numerics": NUMERICS,
            **(settings or {}),
            "experiments": runs,
            "attributes": own,
            "places": found.study.places,
            "edits": found.study.rows,
            "verdicts": listed(verdicts),
            "advice": advice,
            "seen": list(seen),
            "made": describe_machine("cpu"),
        },
    )
