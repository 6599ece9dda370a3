"""What a search minimizes: a weighted sum of the terms in the table of `terms`."""

import functools
import operator
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ganinv.images.pixels import at_least_float32, box_resize
from ganinv.losses.terms import Goal, OwnTerm, loss_weights, row_of


def make_loss(
    loss: str | dict[str, float],
    target: Tensor,
    *,
    lpips_net: str,
    loss_resolution: int,
    precision: str = "float32",
    compiled: str = "off",
    encode: Callable[[Tensor], Tensor] | None = None,
    own: Mapping[str, OwnTerm] | None = None,
) -> Callable[..., tuple[Tensor, dict[str, Tensor]]]:
    """Return a function of images (N, 3, H, W) and their ws: (total (), {term: value ()}).

    `loss` is the name of a term or a mapping of weights; `target` (3, H, W) is that of every image,
    or (N, 3, H, W) has one for each. Images and targets are box-averaged to `loss_resolution`.
    Terms of weight 0 are not computed. `compiled` "on" compiles what LPIPS does after its network.
    `encode` maps images (N, 3, H, W) to codes like ws (N, num_ws, w_dim), for terms that need an
    encoder; `own` holds the functions of terms of one's own, {own:NAME: it}. Raises ValueError
    where one is missing, and ParamsError where such a function returns no scalar with a gradient.
    """
    weights = loss_weights(loss)
    with torch.no_grad():
        full = at_least_float32(target if target.ndim == 4 else target[None])
        small = box_resize(full, loss_resolution)
    goal = Goal(full, small, lpips_net, precision, compiled, encode)
    terms = {name: row_of(name, own).make(goal) for name in weights}

    def evaluate(images: Tensor, ws: Tensor | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        images = at_least_float32(images)
        small = box_resize(images, loss_resolution)
        if small.requires_grad:  # channels-last, as networks return it, would slow the way back
            small.register_hook(torch.Tensor.contiguous)
        values = {name: term(images, small, ws) for name, term in terms.items()}
        weighted = [weights[name] * value for name, value in values.items()]
        return functools.reduce(operator.add, weighted), values

    return evaluate
