"""Axes along which the generator's styles differ, for Adam to move along."""

import torch
from torch import Tensor

from ganinv.generators.base import Generator
from ganinv.inversion.spaces import Space

AXES_POWER = 0.5  # p of `style_axes`: 0 turns w's axes only, 1 is what the styles do to w


@torch.no_grad()
def style_axes(generator: Generator, space: Space) -> Tensor:
    """Return axes (rows, w_dim, w_dim) along which a search may move, for each row that moves.

    `u @ axes[r]` is a step in row r. Styles are affine in w (arXiv 1912.04958, section 2.1). Where
    s^2 and v are eigenvalues and eigenvectors of A^T A, A the stacked matrices of all styles that a
    row feeds, each scaled to length 1, the axes are v s^p, with a root mean square length of 1.
    Adam moves all coordinates alike, in w even those that hardly reach the image; along these axes
    it moves further where the styles change more. Raises ValueError for a generator without styles.
    """
    matrices = space.style_matrices(find_style_matrices(generator))
    return torch.stack([_axes(row, generator.w_dim).to(generator.w_avg) for row in matrices])


def resolve_coordinates(coordinates: str, optimizer: str, generator: Generator) -> str:
    """Turn auto into style for Adam on a generator with style inputs, else into w.

    Rates were compared for Adam alone: reports/benchmarks/README.md, "Rates and coordinates".
    """
    if coordinates != "auto":
        return coordinates
    return "style" if optimizer == "adam" and generator.style_matrices() else "w"


def find_style_matrices(generator: Generator) -> list[list[Tensor]]:
    """Return a generator's `style_matrices`. Raises ValueError for a generator without styles."""
    matrices = generator.style_matrices()
    if not matrices:
        raise ValueError(
            f"coordinates: style needs style inputs, which {generator.name} lacks; set coordinates "
            "to w"
        )
    return matrices


def _axes(matrices: list[Tensor], width: int) -> Tensor:
    if not matrices:  # the row feeds nothing
        return torch.eye(width)
    stacked = torch.cat([matrix.double() / matrix.double().norm() for matrix in matrices])
    values, vectors = torch.linalg.eigh(stacked.T @ stacked)
    lengths = (values / values.max()).clamp_min(1e-6) ** (AXES_POWER / 2)
    return (vectors * lengths / lengths.square().mean().sqrt()).T
