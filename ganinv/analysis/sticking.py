"""What refinements leave on a face that they were not made for, in sentences made from figures."""

from collections.abc import Iterable

from ganinv.analysis.beyond import Edits, sticks_at
from ganinv.analysis.statistics import mean_interval
from ganinv.analysis.verdicts import FEWEST, joined


def tell_sticking(edits: Edits, names: Iterable[str]) -> str:
    """Say which refinements stick to another face, and whether the correlation tells.

    One that does clearly more to the other face than to its own sticks, one that does clearly less
    does not; the rest are not decided. "" with fewer images than can decide.
    """
    names = list(names)
    sides: dict[int, list[str]] = {1: [], 0: [], -1: []}
    for name in names:
        change = mean_interval(sticks_at(edits, name, -1) - sticks_at(edits, name, 0))
        if change.count < FEWEST:
            return ""
        sides[change.sign].append(name)
    texts = [
        f"{joined(_of(edits, name) for name in sides[side])} {does}."
        for side, does in (
            (1, "stick: they do more to another face than to their own"),
            (-1, "do less to another face than to their own, so little of them sticks"),
            (0, "do about as much to another face as to their own"),
        )
        if sides[side]
    ]
    said = "LPIPS-alex at t = 0 → t = 1: " + " ".join(texts)
    keeps = {n: edits.over_images(n, lambda row: row["correlation"]).mean() for n in names}
    first = max(keeps, key=lambda name: keeps[name])
    least = min(names, key=lambda name: sticks_at(edits, name, -1).mean())
    if first == least:
        return said
    return (
        f"{said} The correlation puts {first} first ({keeps[first]:.3f}), and it cannot see a "
        f"picture that lies over the face; by what sticks, the first is {least}, and {first} "
        f"leaves {sticks_at(edits, first, -1).mean():.3f} on another face."
    )


def _of(edits: Edits, name: str) -> str:
    before, after = (sticks_at(edits, name, place).mean() for place in (0, -1))
    return f"{name} ({before:.3f} → {after:.3f})"
