"""BatchNorm over a batch that lies in several processes (Ioffe and Szegedy 2015, arXiv 1502.03167).

torch's own, SyncBatchNorm, computes on GPUs only and has no second derivative. Here sums are taken
over the processes by an operation that autograd differentiates as often as one likes, the mean
before the variance, since the difference of the two moments would lose digits.
"""

import torch
from torch import Tensor, nn

from ganinv.images.pixels import at_least_float32


class WholeBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d of images (N, C, H, W) that takes the statistics of all processes' images."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        values = at_least_float32(x)
        here = values.new_full((1,), x.numel() / x.shape[1])  # numbers in a channel
        sums = sum_over_processes(torch.cat((values.sum((0, 2, 3)), here)))
        count = sums[-1].detach()
        mean = sums[:-1] / count  # (C,)
        centred = values - mean[:, None, None]
        var = sum_over_processes(centred.square().sum((0, 2, 3))) / count
        self._remember(mean, var * (count / (count - 1)))
        scale = self.weight * (var + self.eps).rsqrt()
        return torch.addcmul(self.bias[:, None, None], centred, scale[:, None, None]).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean, var):
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(var, self.momentum)


def take_whole_batches(module: nn.Module) -> None:
    """Let every BatchNorm2d in a module, which has weights and running statistics, take the
    statistics of all processes' images; its state stays as it is."""
    for child in module.modules():
        if type(child) is nn.BatchNorm2d:
            child.__class__ = WholeBatchNorm2d


def sum_over_processes(tensor: Tensor) -> Tensor:
    """Compute the sum of a tensor over all processes, through which gradients flow."""
    return _Sum.apply(tensor)


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tensor):
        summed = tensor.contiguous().clone()
        torch.distributed.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx, gradient):
        return _Sum.apply(gradient)  # each process's part is in every process's sum
