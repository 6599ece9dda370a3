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
4. The few choices of rows that come nearest to what is asked are rendered, mended once by what was
   measured of them, and the best is taken.
5. Each direction is checked on faces that nothing was chosen by. One that does not move its own
   attribute, or moves another with it, is left out.

Changes of attributes are in standard deviations over drawn faces. Everything measured is kept in a
folder, so that the same command goes on after a kill.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganinv.compute.memory import kept_memory
from ganinv.editing.attributes import ATTRIBUTES, VERSION
from ganinv.editing.directions import along, principal_components, spread
from ganinv.editing.effects import (
    TRUNCATION,
    Effects,
    Faces,
    Kept,
    Say,
    identity_change,
    mean_change,
    rising_share,
)
from ganinv.editing.layers import describe_rows, parse_layers
from ganinv.editing.named import describe_row, named_path, save_named
from ganinv.errors import BadArgumentsError, printable
from ganinv.generators.base import Generator
from ganinv.paths import cache_folder

RIDGE = 0.05  # of the number of draws, on whitened w: .03 to .1 did equally well on held-out ones
HELD_OUT = 5  # each fifth draw
ENDS = (-2.0, 2.0)  # strengths at which moves are measured
STEPS = (-2.0, -1.0, 0.0, 1.0, 2.0)  # and directions are checked
EXTRA = 6  # principal components of W that combinations may use beside the mean changes
STIFF = 0.02  # weight of a combination's squared length against others' squared changes
PERSON = (0.0, 0.25, 1.0, 4.0)  # and of the squared change of identity: each is tried
TRIED = 2  # choices of rows that are measured, the best by the effects
FORETOLD = 0.5  # the held-out correlation without which no direction is looked for
# what a direction has to do between strengths -2 and 2: its own change in deviations, others' as a
# share of it, the share of faces on which it rises at every step, and the distance of identity
OWN, OTHERS, RISING, SAME = 1.5, 1 / 3, 0.95, 0.45
AIMS = 2.2, 0.25, 0.42  # and what is aimed at, with room for other faces: own, others, identity
KEEP_EVERY = 50  # draws
FINE = 4  # the part of rows above 32 pixels
FEWEST = 30  # faces that were measured


@dataclass(frozen=True)
class Plan:
    """How much is drawn and measured.

    `samples` faces to regress, `faces` to measure moves on, `checked` to check directions on;
    `seed` draws all of them. `same` are the attributes whose change leaves the person the same.
    """

    attributes: tuple[str, ...] = tuple(ATTRIBUTES)
    samples: int = 1000
    faces: int = 12
    checked: int = 40
    seed: int = 0
    same: tuple[str, ...] = tuple(
        name for name, a in ATTRIBUTES.items() if a.kind in ("expression", "light")
    )


@dataclass(frozen=True)
class Found:
    """A direction of an attribute: w (w_dim,) of one standard deviation, and the rows it moves."""

    w: Tensor
    layers: str


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
        chooser = Chooser(effects(1_000_000, plan.faces), basis, deviations, plan.same)
        unseen = effects(2_000_000, plan.checked)
        found, rows = {}, {}
        for i, name in enumerate(faces.names):
            foretold = {"held_out_correlation": correlations[i].item()}
            if not correlations[i] >= FORETOLD:
                rows[name] = foretold | {"holds": False, "fails": ["correlation"]}
                continue
            found[name] = f = chooser.choose(i)
            move = _move(generator, f.w, f.layers)
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
        "asked": {"own": OWN, "others": OTHERS, "rising": RISING, "identity": SAME},
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


def _ridge(x, y):
    y = y - y.mean(0)
    return torch.linalg.solve(x.T @ x + RIDGE * len(x) * torch.eye(x.shape[1]).to(x), x.T @ y)


class Chooser:
    """Chooses, for an attribute, the combination of mean changes and the rows that move it alone.

    `basis` (A, w_dim) are the mean changes, `deviations` (A,) the attributes'; `same` names those
    whose change is to leave the person the same. Principal components of W, which change much of a
    picture, join the basis: what a mean change does beside its attribute can be undone by them.
    """

    def __init__(
        self, effects: Effects, basis: Tensor, deviations: Tensor, same: Sequence[str]
    ) -> None:
        self.effects, self.deviations, self.same = effects, deviations, same
        self.generator, self.names = effects.faces.generator, effects.faces.names
        components = principal_components(self.generator)[1][:EXTRA]
        moves = [*basis, *components]
        names = [*self.names, *(f"component {k}" for k in range(len(components)))]
        self.basis = torch.stack([_unit(self.generator, w) for w in moves])  # (M, w_dim)
        self.parts = row_parts(self.generator)
        known = [
            [self.change(name, w, part) for name, w in zip(names, self.basis, strict=True)]
            for part in self.parts
        ]
        self.e = torch.stack([torch.stack([e for e, _ in row]) for row in known])  # (P, M, A)
        # of descriptors, for faces that every move left a face: (P, M, F, 128)
        person = torch.stack([torch.stack([d for _, d in row]) for row in known])
        self.person = person[:, :, person.isfinite().all(3).all(0).all(0)]

    def change(self, name: str, w: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Measure what w does from end to end: attributes (A,) in deviations, descriptors (F, 128).

        `rows`, bool (num_ws,), are those that move.
        """
        layers = describe_rows(rows)
        move = _move(self.generator, w, layers)
        measured, changed = self.effects.of(f"{name} in rows {layers}", move, ENDS)
        return mean_change(measured, self.deviations), changed

    def choose(self, i: int) -> Found:
        """Choose the direction of attribute number `i`."""
        offered = []
        for count in range(1, len(self.parts) + 1):
            for chosen in itertools.combinations(range(len(self.parts)), count):
                e, person = (x[list(chosen)].sum(0) for x in (self.e, self.person))
                offered.append((*self._best(i, e, person), chosen, e))
        offered.sort(key=lambda choice: choice[0])
        tried = [self._mended(i, chosen, x, e) for _, x, chosen, e in offered[:TRIED]]
        return min(tried, key=lambda pair: pair[0])[1]

    def _best(self, i, e, person):
        """The best combination in some rows, by what is foretold of it: (score, x)."""
        form = torch.einsum("mfd,nfd->mn", person, person) / max(person.shape[1], 1)
        found = []
        for weight in PERSON if self._keeps_person(i) else PERSON[:1]:
            x = solve(e, i, weight * form)
            x = x / self._length(x)
            identity = identity_change(torch.einsum("m,mfd->fd", x, person))
            found.append((self.score(x @ e, i, identity), x))
        return min(found, key=lambda pair: pair[0])

    def _mended(self, i, chosen, x, e):
        """The score and the direction of a combination, mended once by what was measured of it."""
        rows, results = torch.stack([self.parts[part] for part in chosen]).any(0), []
        for again in range(2):
            w = _unit(self.generator, x @ self.basis)
            change, changed = self.change(self.names[i], w, rows)
            score = self.score(change, i, identity_change(changed))
            results.append((score, Found(w, describe_rows(rows))))
            if again or not change[i] > 0:
                break
            excess = change / change[i]
            excess[i] = 0
            x = x / (x @ e[:, i]) - solve_for(e, excess, i)
        return min(results, key=lambda pair: pair[0])

    def _keeps_person(self, i):
        return self.names[i] in self.same

    def _length(self, x):
        w = x @ self.basis
        return w.norm() / _unit(self.generator, w).norm()

    def score(self, change: Tensor, i: int, identity: float) -> float:
        """Say how far a change (A,) is from what is aimed at: below 1, all of it holds.

        `identity` is the distance of the ends, NaN where it is not known.
        """
        own = max(change[i].item(), 1e-6)
        others = torch.cat([change[:i], change[i + 1 :]]).abs()
        worst = others.max().item() if len(others) else 0.0
        parts = [AIMS[0] / own, worst / own / AIMS[1]]
        if self._keeps_person(i) and not math.isnan(identity):
            parts.append(identity / AIMS[2])
        return max(parts)


def row_parts(generator: Generator) -> list[Tensor]:
    """Part the rows of ws by resolution: bool (num_ws,) each, without empty ones.

    They are those of StyleGAN2 at 4, 8, 16 and 32 pixels and above, two rows each but the last.
    """
    teacher = torch.tensor(generator.teacher_rows or list(range(generator.num_ws)))
    parts = [(teacher // 2).clamp(max=FINE) == part for part in range(FINE + 1)]
    return [part for part in parts if part.any()]


def solve(e: Tensor, i: int, person: Tensor | float = 0.0) -> Tensor:
    """Combine moves so that attribute `i` changes by 1 and the others by little: x (M,).

    `e` (M, A) is what each of M moves does, `person` (M, M) a quadratic form that is to be small
    too. Minimizes the others' squared changes, that, and a little of the squared length of x, which
    noise in `e` would make long.
    """
    others = torch.cat([e[:, :i], e[:, i + 1 :]], 1)
    stiff = STIFF * e[:, i].square().mean() * torch.eye(len(e)).to(e)
    gram = others @ others.T + stiff + person
    x = torch.linalg.solve(gram, e[:, i])
    return x / (x @ e[:, i])


def solve_for(e: Tensor, wanted: Tensor, i: int) -> Tensor:
    """Combine moves to the change `wanted` (A,), by least squares with the same little length."""
    stiff = STIFF * e[:, i].square().mean() * torch.eye(len(e)).to(e)
    return torch.linalg.solve(e @ e.T + stiff, e @ wanted)


def check(effects: Effects, i: int, move: Tensor, deviations: Tensor, same: bool) -> dict[str, Any]:
    """Check a direction on unseen faces: what it moves, and whether that is what is asked.

    `same` says whether the person has to stay the same.
    """
    name = effects.faces.names[i]
    measured, changed = effects.of(f"{name}, checked", move, STEPS)
    change, rising = mean_change(measured, deviations), rising_share(measured[:, :, i])
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


def _unit(generator: Generator, w: Tensor) -> Tensor:
    """w (w_dim,) of one standard deviation of W, float64."""
    return along(generator, w.expand(generator.num_ws, -1))[0].double()


def _move(generator: Generator, w: Tensor, layers: str) -> Tensor:
    """What strength 1 of w (w_dim,) adds to the rows of a code: float32 (num_ws, w_dim)."""
    return torch.where(parse_layers(layers, generator)[:, None], w, 0.0).float()
