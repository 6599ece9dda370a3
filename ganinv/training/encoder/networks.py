"""The networks of an encoder's training: the frozen generator, the encoder that learns to invert
it, the discriminator, LPIPS; and the optimizers of the two that learn."""

from typing import Any

import torch
from torch import Tensor, nn

from ganinv.compute.compile import resolve_compile
from ganinv.compute.device import autocast, resolve_precision
from ganinv.compute.processes import ALONE, Processes
from ganinv.compute.render import make_renderer
from ganinv.encoders.domain import DomainEncoder, domain_config
from ganinv.generators.base import Generator
from ganinv.images.pixels import box_resize, quantize
from ganinv.losses.lpips import load_lpips
from ganinv.training.encoder.discriminator import Discriminator
from ganinv.training.encoder.earlier import load_start
from ganinv.training.encoder.settings import EncoderParams
from ganinv.training.loop import Say


class Networks:
    """All networks on the generator's device; `params` say how they are made.

    `resolution` is that of the encoder, at which images are drawn and compared. `earlier` is the
    head that the encoder begins from, and its hash, or None. `part` are the rows of a batch that
    are this process's: a compiled generator renders so many; `learner` and `judge` are the
    encoder's head and the discriminator as they are trained by all processes.
    """

    def __init__(
        self,
        params: EncoderParams,
        generator: Generator,
        say: Say,
        processes: Processes = ALONE,
    ) -> None:
        self.processes, self.part = processes, processes.part(params.batch)
        self.params, self.generator, self.device = params, generator, generator.device
        self.precision = resolve_precision(params.precision, self.device)
        self.config = domain_config(generator)
        self.resolution: int = self.config["resolution"]
        self.discriminator_size = min(params.discriminator_resolution, self.resolution)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(params.seed)
            self.encoder = DomainEncoder(**self.config)
            self.discriminator = Discriminator(size=self.discriminator_size).to(self.device)
        self.earlier = None if params.start is None else load_start(params.start, self.encoder)
        self.encoder.w_avg.copy_(generator.w_avg)
        self.encoder.to(self.device).attach_trunk()
        self.encoder.reduce.requires_grad_(False)
        self.lpips = load_lpips("vgg", self.device)
        compiled = resolve_compile(params.compile, generator, params.steps)
        self.learner = processes.parallel(_Head(self.encoder))
        self.judge = processes.parallel(self.discriminator)
        # last: what cannot be used is told before. The others find what the first has compiled
        self.render_full, self.compiled = processes.first_then_others(
            make_renderer, generator, self.precision, compiled, say, batch=len(self.part)
        )
        self.optimizer = torch.optim.Adam(self._groups(), betas=(0.9, 0.99))
        self.adversary = torch.optim.Adam(
            self.discriminator.parameters(), lr=params.discriminator_lr, betas=(0.0, 0.99)
        )

    def _groups(self):
        """One group per layer. A step of Adam moves every weight alike, and so an output by the
        rate times the number of inputs: rates are divided by it (Yang et al. 2022, arXiv
        2203.03466, table 3). The 1x1 convolutions keep what the closed form gave them."""
        layers = self.encoder.base, self.encoder.hidden, self.encoder.offsets
        return [
            dict(params=[*layer.parameters()], lr=0.0, share=1 / layer.in_features)
            for layer in layers
        ]

    @property
    def modules(self) -> dict[str, nn.Module]:
        """List the two that learn, by the names that a checkpoint has for them."""
        return {"encoder": self.encoder, "discriminator": self.discriminator}

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """List theirs, by the names that a checkpoint has for them."""
        return {"adam": self.optimizer, "adversary": self.adversary}

    def state(self) -> dict[str, dict[str, Any]]:
        """List the tensors of each module that a checkpoint keeps: all but the encoder's trunk."""
        return {"encoder": self.encoder.head(), "discriminator": self.discriminator.state_dict()}

    def render_small(self, ws: Tensor) -> Tensor:
        """Render this process's part of a batch (N, 3, resolution, resolution), with gradients."""
        return box_resize(self.render_full(ws), self.resolution)

    @torch.no_grad()
    def render(self, ws: Tensor) -> Tensor:
        """Render images (N, 3, resolution, resolution) on the clamped 8-bit grid, any N."""
        batch, count = len(self.part), len(ws)
        filled = torch.cat((ws, ws[:1].expand(-count % batch, -1, -1)))
        parts = [self.render_small(part) for part in filled.split(batch)]
        return quantize(torch.cat(parts)[:count])

    @torch.no_grad()
    def see(self, images: Tensor) -> list[Tensor]:
        """Compute the trunk's features of images, a list of (N, width, grid, grid)."""
        with autocast(self.device, self.precision):
            return [x.float() for x in self.encoder.see(images)]

    def codes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Compute w (N, 1, w_dim) and offsets (N, num_ws, w_dim); images get no gradient."""
        return self.learner(self.see(images))

    def distance(self, images: Tensor, wanted: Tensor) -> Tensor:
        """Compute LPIPS-VGG (N,) of two batches of images; gradients flow to `images`."""
        last = torch.channels_last
        with autocast(self.device, self.precision):
            target = self.lpips.targets(wanted.contiguous(memory_format=last))
            seen = self.lpips.features(images.contiguous(memory_format=last))
            return self.lpips.distance(seen, target)

    @torch.no_grad()
    def mean_distance(self, images: Tensor, wanted: Tensor) -> float:
        """Compute the mean LPIPS-VGG of any number of images."""
        parts = zip(images.split(8), wanted.split(8), strict=True)
        return torch.cat([self.distance(a, b) for a, b in parts]).mean().item()


class _Head(nn.Module):
    """What of the encoder learns, as a module that can be called: levels -> w and offsets."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, levels):
        return self.encoder.codes(self.encoder.gather(levels))
