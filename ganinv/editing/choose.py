"""Choose, for an attribute, the combination of moves and the rows that change it alone.

The steps 2 to 4 of `find`: by measured effects, least squares in place of boundaries' normals.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ganinv.editing.directions import along, principal_components
from ganinv.editing.effects import Effects, identity_change, mean_change
from ganinv.editing.layers import describe_rows, parse_layers
from ganinv.generators.base import Generator

ENDS = (-2.0, 2.0)  # strengths at which moves are measured
EXTRA = 6  # principal components of W that combinations may use beside the mean changes
STIFF = 0.02  # weight of a combination's squared length against others' squared changes
PERSON = (0.0, 0.25, 1.0, 4.0)  # and of the squared change of identity: each is tried
MENDED = 2  # times that a combination is mended
# what is aimed at between the ends: the own change in standard deviations, others' as a share of
# it, and the distance of identity; a bit more than `find` asks for, since other faces differ
AIMS = 2.2, 0.25, 0.4
FINE = 4  # the part of rows above 32 pixels


@dataclass(frozen=True)
class Found:
    """A direction of an attribute: w (w_dim,), which strength 1 adds, and the rows it moves."""

    w: Tensor
    layers: str


class Chooser:
    """Chooses, for an attribute, the combination of mean changes and the rows that move it alone.

    Moves are measured on the faces of `effects`, combinations on those of `further`. `basis`
    (A, w_dim) are the mean changes, `deviations` (A,) the attributes', `shares` (A,) those of the
    standard deviation of W that are left when the other attributes are held; `same` names those
    whose change is to leave the person the same. Principal components of W, which change much of a
    picture, join the basis: what a mean change does beside its attribute can be undone by them.
    """

    def __init__(
        self,
        effects: Effects,
        further: Effects,
        basis: Tensor,
        deviations: Tensor,
        shares: Tensor,
        same: Sequence[str],
    ) -> None:
        self.effects, self.further, self.shares = effects, further, shares
        self.deviations, self.same = deviations, same
        self.generator, self.names = effects.faces.generator, effects.faces.names
        components = principal_components(self.generator)[1][:EXTRA]
        moves = [*basis, *components]
        names = [*self.names, *(f"component {k}" for k in range(len(components)))]
        self.basis = torch.stack([_unit(self.generator, w) for w in moves])  # (M, w_dim)
        self.parts = row_parts(self.generator)
        known = [
            [self.change(effects, name, w, part) for name, w in zip(names, self.basis, strict=True)]
            for part in self.parts
        ]
        self.e = torch.stack([torch.stack([e for e, _ in row]) for row in known])  # (P, M, A)
        # of descriptors, for faces that every move left a face: (P, M, F, 128)
        person = torch.stack([torch.stack([d for _, d in row]) for row in known])
        self.person = person[:, :, person.isfinite().all(3).all(0).all(0)]

    def change(self, effects: Effects, name: str, w: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Measure what w does from end to end: attributes (A,) in deviations, descriptors (F, 128).

        `rows`, bool (num_ws,), are those that move.
        """
        layers = describe_rows(rows)
        move = move_of(self.generator, w, layers)
        measured, changed = effects.of(f"{name} in rows {layers}", move, ENDS)
        return mean_change(measured, self.deviations), changed

    def choose(self, i: int) -> Found:
        """Choose the direction of attribute number `i`."""
        offered = []
        for count in range(1, len(self.parts) + 1):
            for chosen in itertools.combinations(range(len(self.parts)), count):
                e, person = (x[list(chosen)].sum(0) for x in (self.e, self.person))
                offered.append((*self._best(i, e, person), chosen, e))
        _, x, chosen, e = min(offered, key=lambda choice: choice[0])
        return self._mended(i, chosen, x, e)

    def _best(self, i, e, person):
        """The best combination in some rows, by what is foretold of it: (score, x)."""
        form = torch.einsum("mfd,nfd->mn", person, person) / max(person.shape[1], 1)
        found = []
        for weight in PERSON if self._keeps_person(i) else PERSON[:1]:
            x = solve(e, i, weight * form)
            x = x / self._length(x, i)
            identity = identity_change(torch.einsum("m,mfd->fd", x, person))
            found.append((self.score(x @ e, i, identity), x))
        return min(found, key=lambda pair: pair[0])

    def _mended(self, i, chosen, x, e):
        """The best of a combination and what it becomes when it is mended by what it does."""
        rows, results = torch.stack([self.parts[part] for part in chosen]).any(0), []
        for _ in range(MENDED + 1):
            w = x @ self.basis / self._length(x, i)
            change, changed = self.change(self.further, self.names[i], w, rows)
            identity = identity_change(changed)
            found = Found(w * self._kept_share(i, identity), describe_rows(rows))
            results.append((self.score(change, i, identity), found))
            if not change[i] > 0:
                break
            excess = change / change[i]
            excess[i] = 0
            x = x / (x @ e[:, i]) - solve_for(e, excess, i)
        return min(results, key=lambda pair: pair[0])[1]

    def _kept_share(self, i, identity):
        """What is left of a strength, so that the ends still are the person that is to stay."""
        if not self._keeps_person(i) or math.isnan(identity):
            return 1.0
        return min(1.0, AIMS[2] / identity)

    def _keeps_person(self, i):
        return self.names[i] in self.same

    def _length(self, x, i):
        """How many times a combination is as long as strength 1 of attribute `i` is."""
        w = x @ self.basis
        return w.norm() / (_unit(self.generator, w).norm() * self.shares[i])

    def score(self, change: Tensor, i: int, identity: float) -> float:
        """Say how far a change (A,) is from what is aimed at: below 1, all of it holds.

        `identity` is the distance of the ends, NaN where it is not known.
        """
        own = max(change[i].item(), 1e-6)
        others = torch.cat([change[:i], change[i + 1 :]]).abs()
        worst = others.max().item() if len(others) else 0.0
        return max(AIMS[0] / (own * self._kept_share(i, identity)), worst / own / AIMS[1])


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


def _unit(generator: Generator, w: Tensor) -> Tensor:
    """w (w_dim,) of one standard deviation of W, float64."""
    return along(generator, w.expand(generator.num_ws, -1))[0].double()


def move_of(generator: Generator, w: Tensor, layers: str) -> Tensor:
    """What strength 1 of w (w_dim,) adds to the rows of a code: float32 (num_ws, w_dim)."""
    return torch.where(parse_layers(layers, generator)[:, None], w, 0.0).float()
