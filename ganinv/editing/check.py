"""Check directions: what each moves between strengths -2 and 2, and whether that is what is asked.

It moves its own attribute by at least so many standard deviations, no other by more than a share of
that, rises at every step on nearly all faces, and, for expressions and light, leaves the person the
same.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganinv.compute.memory import kept_memory
from ganinv.editing.attributes import ATTRIBUTES, VERSION
from ganinv.editing.directions import Direction, directions, moving_rows
from ganinv.editing.effects import (
    Effects,
    Faces,
    Kept,
    Say,
    identity_change,
    mean_change,
    rising_share,
)
from ganinv.editing.named import cards_of, deviations_of
from ganinv.errors import BadArgumentsError, UnknownNameError, printable
from ganinv.generators.base import Generator
from ganinv.params import unknown_name
from ganinv.paths import cache_folder
from ganinv.weights.store import sha256_tensors

STEPS = (-2.0, -1.0, 0.0, 1.0, 2.0)  # strengths at which directions are checked
SHIFT = 3  # pixels by which a picture is moved to see how sure a measure is
# what a direction has to do between strengths -2 and 2: its own change in deviations, others' as a
# share of it, the share of faces on which it rises at every step, and the distance of identity
OWN, OTHERS, RISING, SAME = 1.5, 1 / 3, 0.95, 0.45
ASKED = {"own": OWN, "others": OTHERS, "rising": RISING, "identity": SAME}
SAME_PERSON = tuple(name for name, a in ATTRIBUTES.items() if a.kind in ("expression", "light"))
UNSEEN = 7_000_000  # added to a seed: `find` draws no faces by it


def check(effects: Effects, i: int, move: Tensor, deviations: Tensor, same: bool) -> dict[str, Any]:
    """Check a direction on unseen faces: what it moves, and whether that is what is asked.

    `same` says whether the person has to stay the same. A step may fall by as little as the measure
    changes when a picture is moved by `SHIFT` pixels.
    """
    slack = 2 * effects.uncertainty(SHIFT)[i].item()
    name = effects.faces.names[i]
    measured, changed = effects.of(f"{name}, checked", move, STEPS)
    change, rising = mean_change(measured, deviations), rising_share(measured[:, :, i], slack)
    own, identity = change[i].item(), identity_change(changed)
    others = {n: x for n, x in zip(effects.faces.names, change.tolist(), strict=True) if n != name}
    worst = max((abs(x) for x in others.values()), default=0.0)
    asked = {
        "own": own >= OWN,
        "others": worst <= OTHERS * own,
        "rising": rising >= RISING,
        "identity": not same or not identity >= SAME,
    }
    return {
        "own": own,
        "others": others,
        "rising": rising,
        "identity": identity,
        "holds": all(asked.values()),
        "fails": [what for what, held in asked.items() if not held],
    }


def named_with_deviations(
    generator: Generator, names: Sequence[str] = ()
) -> tuple[dict[str, Direction], Tensor]:
    """Return named directions, all or those in `names`, and the attributes' deviations (A,).

    The deviations are those of drawn faces, as the card beside the directions has them. Raises
    BadArgumentsError where the generator has no directions, or no card, and UnknownNameError.
    """
    known = {name: d for name, d in directions(generator).items() if name in ATTRIBUTES}
    deviations = next((deviations_of(card) for _, card in cards_of(generator)), {})
    if not known or not deviations.keys() >= ATTRIBUTES.keys():
        raise BadArgumentsError(
            f"{printable(generator.name)} has no named directions with their card; `ganinv "
            "directions find` finds them"
        )
    for name in names:
        if name not in known:
            raise UnknownNameError(unknown_name(name, known, "direction"))
    chosen = {name: known[name] for name in names or known}
    return chosen, torch.tensor([deviations[name] for name in ATTRIBUTES]).double()


def check_all(
    effects: Effects, chosen: Mapping[str, Direction], deviations: Tensor
) -> dict[str, dict[str, Any]]:
    """Check named directions on the faces of `effects`: {name: what `check` says}."""
    rows = {}
    for name, direction in chosen.items():
        moving = moving_rows(effects.faces.generator, direction)[:, None]
        move = torch.where(moving, direction.move.cpu(), 0.0).float()
        i = effects.faces.names.index(name)
        rows[name] = check(effects, i, move, deviations, name in SAME_PERSON)
    return rows


def measure_named(
    generator: Generator,
    names: Sequence[str] = (),
    *,
    ws: Sequence[Tensor] | None = None,
    count: int = 200,
    seed: int = 0,
    work: str | Path | None = None,
    say: Say = print,
) -> dict[str, Any]:
    """Check named directions on codes, or on `count` drawn faces that `find` has not seen.

    `ws` are the codes, each (num_ws, w_dim). Returns {"generator", "sha256", "faces", "drawn",
    "seed", "asked", "directions": {name: row}}. What is measured lies in the folder `work`, by
    default below the cache, so that the same call goes on. Raises as `named_with_deviations` does.
    """
    chosen, deviations = named_with_deviations(generator, names)
    faces = Faces(generator, tuple(ATTRIBUTES), say)
    codes = faces.draw_all(seed + UNSEEN, count) if ws is None else [x.cpu().float() for x in ws]
    key = sha256_tensors(*codes)
    about = {"sha256": generator.sha256, "measures": VERSION, "codes": key}
    folder = cache_folder() / "directions" if work is None else Path(work)
    kept = Kept(folder / f"checked-{key[:12]}.safetensors", about)
    with kept_memory(generator.device):
        rows = check_all(Effects(faces, codes, kept, say), chosen, deviations)
    found = {"generator": generator.name, "sha256": generator.sha256, "faces": len(codes)}
    return found | dict(drawn=ws is None, seed=seed, asked=ASKED, directions=rows)
