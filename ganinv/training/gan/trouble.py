"""What goes wrong in a GAN's training without any number becoming infinite, told from its history.

Collapse: the generator draws one image, or few, where it had drawn different ones before. No
variety: it has not drawn different ones yet; it may be slow, or never come to it. Where k images
come equally often, the mean squared distance between two draws is 1 - 1/k of that between two
images of their spread: the threshold of a half is that of two images. Distances are taken between
box means at 16x16, in which images that are only blurred, as early in a training, differ as much as
sharp ones.

A discriminator that has won: its loss stays under a hundredth of that of one that scores 0
throughout. Then the discriminator has nothing left to learn, and with the minimax objective the
generator's gradient vanishes, too. The Wasserstein loss is 0 at such scores and has no lower bound:
its critic cannot win in this sense.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from ganinv.images.pixels import box_resize
from ganinv.losses.adversarial import OBJECTIVES

COARSE = 16  # pixels
COLLAPSED = 0.5  # of the real images' mean squared distance
LOOKS = 2  # in a row that have to agree
EARLY = 200  # steps in which every generator draws about one grey image
WON = 0.01  # of the loss of a discriminator that scores 0
WINNING_STEPS = 100


def spread(images: torch.Tensor) -> float:
    """Compute the mean squared distance between box means of two of N > 1 images (N, 3, H, W)."""
    return 2 * box_resize(images, COARSE).double().var(0).mean().item()


def find_trouble(history: Sequence[Mapping[str, Any]], objective: str) -> dict[str, str]:
    """Find {kind: sentence} that the end of a training's history shows; {} where all is well.

    `history` are rows with `step`: those of steps have `discriminator` and `generator_gradient`,
    those of looks have `spread`, that of the samples over that of real images.
    """
    found = {}
    looks = [row["spread"] for row in history if "spread" in row and row["step"] > EARLY]
    if len(looks) >= LOOKS and max(looks[-LOOKS:]) < COLLAPSED:
        kind, when = ("collapse", "any more") if max(looks) >= COLLAPSED else ("no variety", "yet")
        found[kind] = (
            f"the samples hardly differ {when}: their mean squared distance is {looks[-1]:.2f} of "
            "the real images'"
        )
    rows = [row for row in history if "discriminator" in row]
    undecided = OBJECTIVES[objective].discriminator(torch.zeros(1), torch.zeros(1)).item()
    recent = [row["discriminator"] for row in rows[-WINNING_STEPS:]]
    if undecided and len(recent) == WINNING_STEPS and max(recent) < WON * undecided:
        now, then = _median(rows[-WINNING_STEPS:]), _median(rows[:WINNING_STEPS])
        found["overpowered"] = (
            f"the discriminator tells all fakes apart: its loss stayed under {WON:.0%} of that of "
            f"one that scores 0 for {WINNING_STEPS} steps (the generator's gradient is {now:.2g}; "
            f"it was {then:.2g} at the start)"
        )
    return found


def tell_trouble(history: Sequence[Mapping[str, Any]], objective: str) -> list[dict[str, Any]]:
    """Tell all of a history's troubles, each where it begins: a list of {step, kind, text}."""
    began: list[dict[str, Any]] = []
    before: dict[str, str] = {}
    for end, row in enumerate(history, start=1):
        if "spread" in row:
            found = find_trouble(history[:end], objective)
            began += begun(row["step"], found, before)
            before = found
    return began


def begun(step: int, found: Mapping[str, str], before: Iterable[str]) -> list[dict[str, Any]]:
    """List what of `found` {kind: sentence} was not among `before`: [{step, kind, text}]."""
    return [
        {"step": step, "kind": kind, "text": text}
        for kind, text in found.items()
        if kind not in before
    ]


def _median(rows):
    return torch.tensor([row["generator_gradient"] for row in rows]).median().item()
