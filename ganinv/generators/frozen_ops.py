"""Convolutions and activations of frozen layers, which keep less than autograd's own.

Autograd keeps all that the gradients to weights and biases need. These need the gradients to what
a layer is given, and for weights that are to be tuned hand over to autograd's own.
"""

import torch
import torch.nn.functional as F

SLOPE = 0.2  # of every leaky ReLU


class _FrozenConv(torch.autograd.Function):
    """A convolution, or a transposed one, whose weight takes no gradient.

    Each is the other's adjoint, so the backward pass needs the weight alone; autograd's own keeps
    the input as well.
    """

    @staticmethod
    def forward(ctx, x, weight, transposed, stride, padding, groups):
        ctx.save_for_backward(weight)
        ctx.options = transposed, stride, padding, groups
        return _convolve(x, weight, *ctx.options)

    @staticmethod
    def backward(ctx, grad):
        transposed, *options = ctx.options
        return _convolve(grad, *ctx.saved_tensors, not transposed, *options), *[None] * 5


def _convolve(x, weight, transposed, stride, padding, groups):
    convolve = F.conv_transpose2d if transposed else F.conv2d
    return convolve(x, weight, stride=stride, padding=padding, groups=groups)


def frozen_conv(
    x: torch.Tensor,
    weight: torch.Tensor,
    *,
    transposed: bool = False,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
) -> torch.Tensor:
    """Apply `conv2d` or `conv_transpose2d` by a frozen weight, in x's own type."""
    return _FrozenConv.apply(x, weight.to(x.dtype), transposed, stride, padding, groups)


def convolve(
    x: torch.Tensor,
    weight: torch.Tensor,
    *,
    transposed: bool = False,
    stride: int = 1,
    padding: int = 0,
) -> torch.Tensor:
    """Apply `frozen_conv`, or autograd's own where the weight is to take a gradient."""
    if weight.requires_grad:
        return _convolve(x, weight.to(x.dtype), transposed, stride, padding, 1)
    return frozen_conv(x, weight, transposed=transposed, stride=stride, padding=padding)


class _Activate(torch.autograd.Function):
    """a = clamp(leaky_relu(factors * x + noise + bias)), which keeps its result and no input.

    A leaky ReLU can be undone, so the backward pass finds factors * x again from a; where the
    clamp cut, no gradient flows.
    """

    @staticmethod
    def forward(ctx, x, factors, noise, bias, limit):
        x = _activate(x, factors, noise, bias, limit)
        ctx.save_for_backward(x, factors, noise, bias)
        ctx.limit = limit
        return x

    @staticmethod
    def backward(ctx, grad):
        a, factors, noise, bias = ctx.saved_tensors
        slope = 1 - (1 - SLOPE) * (a < 0).to(a.dtype)
        grad = grad * slope
        if ctx.limit is not None:
            limit = torch.full((), ctx.limit, dtype=a.dtype, device=a.device)  # as a was rounded
            grad = torch.where(a.abs() < limit, grad, 0)
        scaled = a / slope - bias
        scaled = scaled if noise is None else scaled - noise
        wide = torch.promote_types(a.dtype, torch.float32)  # bf16 would lose small summands
        grad_factors = (grad * scaled).sum((2, 3), keepdim=True, dtype=wide) / factors
        grad_noise = None
        if noise is not None and ctx.needs_input_grad[2]:
            grad_noise = grad.sum(1, keepdim=True).sum_to_size(noise.shape)
        return grad * factors, grad_factors.to(factors.dtype), grad_noise, None, None


def _activate(x, factors, noise, bias, limit):
    x = x * factors + bias
    x = F.leaky_relu(x if noise is None else x + noise, SLOPE)
    return x if limit is None else x.clamp(-limit, limit)


def activate(
    x: torch.Tensor,
    factors: torch.Tensor,
    noise: torch.Tensor | None,
    bias: torch.Tensor,
    limit: float | None,
) -> torch.Tensor:
    """Compute clamp(leaky_relu(factors * x + noise + bias)) of x (N, C, H, W).

    A bias that takes no gradient costs none.
    """
    function = _activate if bias.requires_grad else _Activate.apply
    return function(x, factors, noise, bias, limit)
