"""Find directions of attributes without labels: draw faces, measure them, regress, part, check.

1. Faces are drawn, and each attribute is measured. The mean change of w with an attribute a is
   Cov(w, a) = C b: b from a ridge regression of a on w, C the covariance of W.
2. Moves along these, in rows of one resolution at a time, are rendered on other faces. The effects
   E on every attribute are measured, and how the face's descriptor changes.
3. For an attribute and a choice of rows that combination of the mean changes is taken which, by
   these effects, moves it alone and leaves the person the same: least squares. It is what is left
   of the mean change when what it shares with the others is removed, as for InterFaceGAN's
   conditional directions (Shen et al. 2020, arXiv 1907.10786, section 3.2), here by measured
   effects in place of boundaries' normals.
4. The choice of rows that comes nearest to what is asked is rendered on further faces, and mended
   by what was measured of it.
5. Each direction is checked on faces that nothing was chosen by. One that does not move its own
   attribute, or moves another with it, is left out.

Changes of attributes are in standard deviations over drawn faces. Strength 1 of a direction is the
standard deviation of W along it with the other attributes held: that of all faces, times
sqrt(1 - R^2) of the attribute's regression on the others. It is less where, for an expression or
light, strengths -2 and 2 would show two persons. Everything measured is kept in a
folder, so that the same command goes on after a kill.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganinv.compute.memory import kept_memory
from ganinv.editing.attributes import ATTRIBUTES, VERSION
from ganinv.editing.check import ASKED, SAME_PERSON, check
from ganinv.editing.choose import Chooser, Found, move_of
from ganinv.editing.directions import spread
from ganinv.editing.effects import TRUNCATION, Effects, Faces, Kept, Say
from ganinv.editing.named import describe_row, named_path, save_named
from ganinv.errors import BadArgumentsError, printable
from ganinv.generators.base import Generator
from ganinv.paths import cache_folder

RIDGE = 0.05  # of the number of draws, on whitened w: .03 to .1 did equally well on held-out ones
HELD_OUT = 5  # each fifth draw
FORETOLD = 0.5  # the held-out correlation without which no direction is looked for
KEEP_EVERY = 50  # draws
FEWEST = 30  # faces that were measured


@dataclass(frozen=True)
class Plan:
    """How much is drawn and measured.

    `samples` faces to regress, `faces` to measure moves on, `mended` to mend directions on,
    `checked` to check them on; `seed` draws all of them. `same` are the attributes whose change
    leaves the person the same.
    """

    attributes: tuple[str, ...] = tuple(ATTRIBUTES)
    samples: int = 1000
    faces: int = 12
    mended: int = 24
    checked: int = 40
    seed: int = 0
    same: tuple[str, ...] = SAME_PERSON


def find_all(
    faces: Faces, plan: Plan, folder: str | Path, say: Say = print
) -> tuple[dict[str, Found], dict[str, Any]]:
    """Find a direction of every attribute, and check it: ({name: direction}, card).

    The card says of each what it moves and whether it holds. What is measured lies in `folder`.
    Raises BadArgumentsError where the generator's pictures cannot be measured.
    """
    generator = faces.generator
    about = {
        "sha256": generator.sha256,
        "attributes": faces.names,
        "measures": VERSION,
        "truncation": TRUNCATION,
    }

    def effects(which, count):
        seed = plan.seed + which
        kept = Kept(Path(folder) / f"faces{which}.safetensors", about | dict(seed=seed, n=count))
        return Effects(faces, faces.draw_all(seed, count), kept, say)

    with kept_memory(generator.device):
        kept = Kept(Path(folder) / "draws.safetensors", about | {"seed": plan.seed})
        w, measured = draw(faces, plan, kept, say)
        deviations = _deviations(measured)
        basis, correlations = regress(generator, w, measured)
        chooser = Chooser(
            effects(1_000_000, plan.faces),
            effects(3_000_000, plan.mended),
            basis,
            deviations,
            held_shares(measured),
            plan.same,
        )
        unseen = effects(2_000_000, plan.checked)
        found, rows = {}, {}
        for i, name in enumerate(faces.names):
            foretold = {"held_out_correlation": correlations[i].item()}
            if not correlations[i] >= FORETOLD:
                rows[name] = foretold | {"holds": False, "fails": ["correlation"]}
                continue
            found[name] = f = chooser.choose(i)
            move = move_of(generator, f.w, f.layers)
            checked = check(unseen, i, move, deviations, name in plan.same)
            rows[name] = {"layers": f.layers} | foretold | checked
    card = {
        "generator": generator.name,
        "sha256": generator.sha256,
        "truncation": TRUNCATION,
        "seed": plan.seed,
        "samples": len(w),
        "faces": plan.faces,
        "checked": plan.checked,
        "asked": ASKED,
        "deviations": dict(zip(faces.names, deviations.tolist(), strict=True)),
        "directions": rows,
    }
    return found, card


def find_named(
    generator: Generator,
    plan: Plan,
    *,
    out: str | Path | None = None,
    work: str | Path | None = None,
    say: Say = print,
) -> Path:
    """Find a generator's directions and write those that hold, with their card; return the file.

    `out` is by default where `directions` looks, `work` a folder of the cache. Raises
    BadArgumentsError as `find_all` does, and where none holds, WriteError.
    """
    path = named_path(generator) if out is None else Path(out)
    key = generator.sha256[:12] or "unnamed"
    folder = cache_folder() / "directions" / key if work is None else Path(work)
    faces = Faces(generator, plan.attributes, say)
    found, card = find_all(faces, plan, folder, say)
    for name, row in card["directions"].items():
        say(f"{name}: {describe_row(row)}")
    held = {
        name: (f.w, f.layers, ATTRIBUTES[name].words)
        for name, f in found.items()
        if card["directions"][name]["holds"]
    }
    if not held:
        raise BadArgumentsError(
            "no direction does what is asked of it; more --samples may help (what was measured "
            f"lies in {printable(folder)})"
        )
    save_named(path, held, generator, card)
    return path


def draw(faces: Faces, plan: Plan, kept: Kept, say: Say) -> tuple[Tensor, Tensor]:
    """Draw faces and measure them: w (N, w_dim) and attributes (N, A), float64, those with a face.

    Raises BadArgumentsError where hardly any shows one.
    """
    w = list(kept.tensors.get("w", torch.empty(0)))[: plan.samples]
    measured = list(kept.tensors.get("measured", torch.empty(0)))[: plan.samples]
    rng = torch.Generator().manual_seed(plan.seed)
    for i in range(plan.samples):
        ws = faces.draw(rng)
        if i < len(w):
            continue
        w.append(ws[0])
        measured.append(faces.measure(faces.picture(ws)))
        if (i + 1) % KEEP_EVERY == 0 or i + 1 == plan.samples:
            kept.put(w=torch.stack(w), measured=torch.stack(measured))
            say(f"drawn and measured: {i + 1} of {plan.samples} faces")
            _check_enough(measured)
    there = torch.stack(measured).isfinite().all(1)
    _check_enough(measured)
    return torch.stack(w)[there].double(), torch.stack(measured)[there]


def _check_enough(measured):
    there = sum(bool(row.isfinite().all()) for row in measured)
    if there < min(FEWEST, len(measured) / 2):
        raise BadArgumentsError(
            f"a face was found in {there} of {len(measured)} pictures of this generator: its "
            "directions cannot be found by measures of faces; take sefa:K or pca:K"
        )


def regress(generator: Generator, w: Tensor, measured: Tensor) -> tuple[Tensor, Tensor]:
    """Estimate the mean change of w with each attribute: (A, w_dim); and how well w foretells it.

    That is the correlation of the regression from w (N, w_dim) with the attributes (N, A) of each
    fifth draw, which it was not made by. Both float64.
    """
    values, vectors = torch.linalg.eigh(spread(generator).covariance)
    scale = values.clamp(min=values.max() * 1e-9).sqrt()
    white = (w - spread(generator).mean) @ vectors / scale  # (N, w_dim)
    a = (measured - measured.mean(0)) / _deviations(measured)
    held = torch.arange(len(w)) % HELD_OUT == HELD_OUT - 1
    foretold = white[held] @ _ridge(white[~held], a[~held])
    pairs = zip(foretold.T, a[held].T, strict=True)
    correlations = torch.stack([torch.corrcoef(torch.stack(pair))[0, 1] for pair in pairs])
    changes = _ridge(white, a).T * scale @ vectors.T  # C b, for C = V scale^2 V^T
    return changes, correlations


def _deviations(measured):
    """Standard deviations (A,), of what does not vary hardly any."""
    return measured.std(0).clamp(min=1e-9)


def held_shares(measured: Tensor) -> Tensor:
    """What of each attribute's standard deviation is left when the others are held: (A,).

    sqrt(1 - R^2) of its linear regression on the others, of attributes (N, A).
    """
    a = (measured - measured.mean(0)) / _deviations(measured)
    correlation = a.T @ a / (len(a) - 1) + 1e-6 * torch.eye(a.shape[1]).to(a)
    return torch.linalg.inv(correlation).diagonal().rsqrt().clamp(max=1.0)


def _ridge(x, y):
    y = y - y.mean(0)
    return torch.linalg.solve(x.T @ x + RIDGE * len(x) * torch.eye(x.shape[1]).to(x), x.T @ y)
