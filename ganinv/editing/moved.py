"""What an edit did to a face from its lowest strength to its highest, as numbers and in words.

An attribute's change is counted in the standard deviations that it has over drawn faces, which the
card beside the named directions holds.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ganinv.editing.named import cards_of, deviations_of
from ganinv.editing.strengths import show_strength
from ganinv.errors import printable
from ganinv.inversion.latent_files import Named
from ganinv.measures.identity import identity_distance

LITTLE = 1.0  # standard deviations; an attribute that moves by less is hardly seen to
Attributes = Mapping[str, float] | None
End = tuple[float, np.ndarray, Attributes]  # strength, picture uint8 (H, W, 3), what it shows


def deviation_of(attribute: str, generator: Named) -> float | None:
    """Return the standard deviation of an attribute over drawn faces; None where no card has it."""
    found = (deviations_of(card).get(attribute) for _, card in cards_of(generator))
    return next((value for value in found if value is not None), None)


def measure_moved(low: End, high: End, attribute: str, deviation: float | None) -> dict[str, Any]:
    """Compare the two ends of an edit along a direction that may be named after an attribute.

    Returns {"from", "to": strengths, "own": the attribute's change in standard deviations, None
    where that is unknown, "identity": the distance between the ends, NaN without a face}.
    """
    before, after = low[2], high[2]
    own = None
    if deviation and before and after and attribute in before and attribute in after:
        own = (after[attribute] - before[attribute]) / deviation
    return {
        "from": show_strength(low[0]),
        "to": show_strength(high[0]),
        "own": own,
        "identity": identity_distance(high[1], low[1]),
    }


def describe_moved(direction: str, moved: Mapping[str, Any]) -> str:
    """Say in a line what `measure_moved` found, as edits.json holds it."""
    own, identity = moved["own"], moved["identity"]
    said = []
    if own is not None:
        said.append(f"moves its own attribute by {own:+.2f} standard deviations")
    if identity is None or math.isnan(identity):
        said.append("no face is found to compare the ends by")
    else:
        said.append(f"identity {identity:.2f} between the ends")
    line = f"{printable(direction)} from {moved['from']} to {moved['to']}: {'; '.join(said)}"
    if own is not None and abs(round(own, 2)) < LITTLE:
        line += f". That is less than {LITTLE:g} standard deviation: larger strengths may be needed"
    return line
