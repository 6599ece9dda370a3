"""What walks between codes and published edits say of in-domain codes, in sentences."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganinv.analysis.statistics import mean_interval
from ganinv.files import read_json

SHORTEST = "W+ short"


def describe_walks(walks: Sequence[tuple[str, Any, Sequence[float]]]) -> str:
    """Say how far out the codes between two photographs lie, from (title, pictures, spreads) each.

    The spread of a walk's middle stands against the mean of its ends.
    """
    parts = []
    for title, _, spreads in walks:
        ends = (spreads[0] + spreads[-1]) / 2
        parts.append(f"{title} codes from {ends:.2f} in the mean of the ends to {min(spreads):.2f}")
    nearest = min(walks, key=lambda walk: max(walk[2]))
    return (
        f"On the way the spread falls, from the ends to its least: {'; '.join(parts)}. "
        f"The walk of {nearest[0]} codes stays nearest to the mean of W: at most "
        f"{max(nearest[2]):.2f}, where codes drawn from W have 1."
    )


def in_domain_edits(path: str | Path) -> str:
    """Say how in-domain codes of the published photographs edit, beside plain ones: "" for none.

    `path` is the summary of "What the code is good for". Raises ValueError for a damaged one.
    """
    if not str(path) or not Path(path).is_file():
        return ""
    try:
        summary = read_json(Path(path))
        plain = next((n for n in summary["experiments"] if n.endswith(" short")), SHORTEST)
        found = {n: _measured(summary, n) for n in ("In-domain", plain)}
    except (OSError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no summary of edits, or a damaged one: {error}") from None
    new, old = found.values()
    if len(new["own"]) != len(old["own"]):
        return ""
    there = ~np.isnan(new["own"] + old["own"])
    if not there.any():
        return ""
    new, old = ({key: x[there] for key, x in kind.items()} for kind in (new, old))
    told = []
    for name, label in (
        ("own", "their attribute moves"),
        ("lost", "identity lost"),
        ("lpips", "LPIPS-alex"),
    ):
        change = mean_interval(new[name] - old[name]).show(2, signed=True)
        told.append(f"{label} {old[name].mean():.2f} → {new[name].mean():.2f}, {change}")
    return (
        f"Over {there.sum()} photographs, from {plain} codes to in-domain ones: {'; '.join(told)}."
    )


def _measured(summary: Mapping[str, Any], name: str) -> dict[str, np.ndarray]:
    """Means over the directions: {measure: (images,)}, NaN for photographs that lack any."""
    found: dict[str, list[float]] = {"own": [], "lost": [], "lpips": []}
    for image, entry in sorted(summary["experiments"][name]["images"].items()):
        rows = [r for r in summary["edits"] if r["variant"] == name and r["image"] == image]
        moved = [r["changes"].get(summary["attributes"][r["direction"]], []) for r in rows]
        lost = [r["lost"] for r in rows]
        whole = rows and all(moved) and None not in (*lost, entry["lpips_alex"])
        found["own"].append(float(np.mean([abs(x[0]) for x in moved])) if whole else math.nan)
        found["lost"].append(float(np.mean(lost)) if whole else math.nan)
        found["lpips"].append(entry["lpips_alex"] if whole else math.nan)
    return {key: np.array(values) for key, values in found.items()}
