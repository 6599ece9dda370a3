"""How far a latent is from what the mapping network makes: W, and its spread within W.

Codes near W can be edited (Tov et al. 2021, arXiv 2102.02766, section 3; Zhu et al. 2020, arXiv
2004.00049): W+ lets a search leave W, and these figures say how far it went.
"""

from collections.abc import Iterable

import torch

from ganinv.generators.base import Generator

SAMPLES = 10_000


@torch.no_grad()
def used_rows(generator: Generator) -> torch.Tensor:
    """Tell which rows of W+, bool (num_ws,), change the image: a student may have idle ones."""
    ws = generator.w_avg.expand(1, generator.num_ws, -1).clone().requires_grad_(True)
    with torch.enable_grad():
        power = generator.synthesis(ws).square().mean()
        (gradient,) = torch.autograd.grad(power, ws)  # (1, num_ws, w_dim)
    return gradient[0].abs().sum(1) > 0


def distance_to_w(ws: torch.Tensor, used: torch.Tensor | None = None) -> float:
    """Compute the root mean squared distance of the rows of ws (num_ws, w_dim) from the nearest w.

    The nearest w is the rows' mean; 0 means that ws lies in W. `used`, bool (num_ws,), leaves rows
    out.
    """
    rows = ws if used is None else ws[used]
    return (rows - rows.mean(0)).square().sum(1).mean().sqrt().item()


class WSpread:
    """The spread of a generator's W, from mapped samples: mean and covariance.

    They are float64 on the CPU: `mean` (w_dim,) and `covariance` (w_dim, w_dim).
    """

    @torch.no_grad()
    def __init__(self, generator: Generator, samples: int = SAMPLES, seed: int = 0) -> None:
        rng = torch.Generator().manual_seed(seed)
        z = torch.randn(samples, generator.z_dim, generator=rng).to(generator.device)
        w = generator.mapping(z, generator.random_labels(samples, rng))[:, 0].double().cpu()
        self.mean = w.mean(0)
        self.covariance = (w - self.mean).T @ (w - self.mean) / (samples - 1)

    def distance(self, ws: torch.Tensor, used: torch.Tensor | None = None) -> float:
        """Compute the root mean squared Mahalanobis distance of rows from the mean, per dimension.

        Samples of W have 1. It is sqrt(mean over rows of (w - mean)^T C^-1 (w - mean) / w_dim).
        """
        rows = (ws if used is None else ws[used.to(ws.device)]).double().cpu() - self.mean
        solved = torch.linalg.solve(self.covariance, rows.T).T
        return ((rows * solved).sum(1) / rows.shape[1]).mean().sqrt().item()


def interpolate(a: torch.Tensor, b: torch.Tensor, shares: Iterable[float]) -> torch.Tensor:
    """Place latents (len(shares), num_ws, w_dim) on the line from a to b, both (num_ws, w_dim)."""
    return torch.stack([torch.lerp(a, b, share) for share in shares])
