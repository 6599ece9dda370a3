"""Spaces: what moves in a search, and what is rendered of it.

W has one vector (1, w_dim), which every style input takes; W+ (Abdal, Qin, Wonka 2019, arXiv
1904.03189) has num_ws of them, each its own; Z is the space of a generator without mapping, whose
one row is z itself, w_dim = z_dim. To add a space, write its class and its row in `SPACES`.

Nothing here imports torch: parameters are checked against the table first.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from ganinv.generators.base import Generator


class Space:
    """The base of all spaces. `styled` is whether it needs a generator with style inputs."""

    styled = True

    def offered_by(self, generator: "Generator") -> bool:
        """Whether a latent of this generator can be looked for here."""
        return generator.styled == self.styled

    def from_start(self, start: "Tensor", generator: "Generator") -> "Tensor":
        """Turn a start (1 or num_ws, w_dim) into what moves (rows, w_dim)."""
        raise NotImplementedError

    def to_ws(self, moved: "Tensor", generator: "Generator") -> "Tensor":
        """Turn what moves (rows, w_dim) into what is rendered (num_ws, w_dim)."""
        raise NotImplementedError

    def style_matrices(self, matrices: "list[list[Tensor]]") -> "list[list[Tensor]]":
        """Lay a generator's style matrices, by row of ws, onto the rows that move."""
        raise NotImplementedError


class OneVector(Space):
    """One row that moves, for all style inputs: what W and Z share."""

    def from_start(self, start: "Tensor", generator: "Generator") -> "Tensor":
        """Take the mean of the rows, or the one that all of them are."""
        same = bool((start == start[0]).all())  # their mean would differ in the last bits
        return start[:1].clone() if same else start.mean(0, keepdim=True)

    def to_ws(self, moved: "Tensor", generator: "Generator") -> "Tensor":
        """Repeat the row for every style input."""
        return moved.expand(generator.num_ws, -1)

    def style_matrices(self, matrices: "list[list[Tensor]]") -> "list[list[Tensor]]":
        """Put the matrices of all rows together."""
        return [[matrix for row in matrices for matrix in row]]


class W(OneVector):
    """The mapping network's own space."""


class Z(OneVector):
    """The space of a generator that has no mapping network."""

    styled = False


class WPlus(Space):
    """Every style input has its own vector."""

    def from_start(self, start: "Tensor", generator: "Generator") -> "Tensor":
        """Give every style input a copy of its row, or of the only one."""
        return start.expand(generator.num_ws, -1).clone()

    def to_ws(self, moved: "Tensor", generator: "Generator") -> "Tensor":
        """Take the rows as they are."""
        return moved.expand(generator.num_ws, -1)

    def style_matrices(self, matrices: "list[list[Tensor]]") -> "list[list[Tensor]]":
        """Leave each row its own matrices."""
        return matrices


SPACES = {"w": W(), "w+": WPlus(), "z": Z()}


def check_space(space: str, generator: "Generator") -> None:
    """Raise ValueError for a space that the generator does not offer."""
    if space not in SPACES or not SPACES[space].offered_by(generator):
        offered = ", ".join(name for name, s in SPACES.items() if s.offered_by(generator))
        named = f"the generator {generator.name}" if generator.name else "this generator"
        raise ValueError(f"{named} has no space {space}; it offers {offered}")
