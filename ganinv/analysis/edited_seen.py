"""Sentences on edited codes, made from the figures: what a table shows but does not say."""

import numpy as np

from ganinv.analysis.edited_verdicts import FEWEST, Found
from ganinv.analysis.statistics import mean_interval
from ganinv.analysis.verdicts import joined


def see(found: Found) -> list[str]:
    """List what the figures say beside the verdicts; those that they do not bear out are left out.

    With fewer photographs than a verdict needs there are none.
    """
    if len(found.study.images) < FEWEST:
        return []
    sentences = [explain_rows_alike(found), tell_loss_per_move(found)]
    return [text for text in sentences if text]


def explain_rows_alike(found: Found) -> str:
    """Say why codes whose rows are all one edit worse than others: their w lies far out in W.

    "" where no other kind moves its attribute further from a smaller spread.
    """
    study = found.study
    alike = next((e.name for e in found.codes if e.params.space == "w"), None)
    if alike is None:
        return ""
    own, spread = study.measured(alike, "own"), study.placed(alike, "spread")
    others = [e.name for e in found.codes if e.name != alike]
    better = [
        name
        for name in others
        if mean_interval(study.measured(name, "own") - own).sign > 0
        and mean_interval(spread - study.placed(name, "spread")).sign > 0
    ]
    if not better:
        return ""
    moved = joined(f"{name} ({study.measured(name, 'own').mean():.2f})" for name in better)
    near = joined(f"{study.placed(name, 'spread').mean():.2f} of {name}" for name in better)
    return (
        f"All rows of {alike}'s codes are one w, so their distance between rows is 0, and yet they "
        f"move their attribute less far ({own.mean():.2f}) than those of {moved}. Their w lies far "
        f"out: its spread is {spread.mean():.2f}, against {near}, and codes drawn from W have 1."
    )


def tell_loss_per_move(found: Found) -> str:
    """Compare what refined features and the long code lose of the person for what they move."""
    name, long = found.refined("features"), found.long
    new, old = (found.study.measured(x, "per_move") for x in (name, long))
    interval = mean_interval(new - old)
    if not interval.count:
        return ""
    there = ~np.isnan(new - old)
    side = {1: "more", -1: "less"}.get(interval.sign)
    ends = f"loses {side} of the person" if side else "loses not clearly more or less of the person"
    return (
        f"A code that moves less also loses less of the person. For each standard deviation that "
        f"its attribute moves, {name} {ends}: identity {new[there].mean():.2f}, against "
        f"{old[there].mean():.2f} of {long}, difference {interval.show(2, signed=True)}."
    )


def advise_plainly(found: Found) -> str:
    """Say in a sentence which kind edits most cleanly, and which looks most like the photograph.

    Each is the best mean; others that the photographs cannot tell from it are named. "" with fewer
    photographs than a verdict needs, or without figures.
    """
    if len(found.study.images) < FEWEST:
        return ""
    edits = {v.name: found.study.measured(v.name, "selectivity") for v in found.study.variants}
    looks = {e.name: found.metric(e.name, "lpips_alex") for e in found.experiments}
    clean, alike = _best(edits, 1), _best(looks, -1)
    if not clean or not alike:
        return ""
    return (
        f"**For edits, take {_named(clean)}**, which edits most cleanly: own ÷ others "
        f"{edits[clean[0]].mean():.2f}. **For a likeness, take {_named(alike)}**, which looks most "
        f"like the photograph: LPIPS-alex {looks[alike[0]].mean():.3f}."
    )


def _best(values: dict[str, np.ndarray], wanted: int) -> list[str]:
    """The kind of the best mean, then those that are not clearly worse; [] without figures."""
    means = {name: wanted * x.mean() for name, x in values.items() if not np.isnan(x).any()}
    if not means:
        return []
    best = max(means, key=lambda name: means[name])
    rest = [name for name in means if name != best]
    close = [x for x in rest if mean_interval(wanted * (values[best] - values[x])).sign <= 0]
    return [best, *close]


def _named(names: list[str]) -> str:
    also = f" (not clearly before {joined(names[1:])})" if names[1:] else ""
    return names[0] + also
