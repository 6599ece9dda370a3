"""The networks of a GAN's training, their optimizers, and the images that they are trained on."""

import copy
import hashlib
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from ganinv.compute.device import resolve_precision
from ganinv.compute.processes import ALONE, Processes
from ganinv.errors import ParamsError
from ganinv.generators.dcgan import DCGAN, DCGANDiscriminator
from ganinv.images.pixels import from_uint8
from ganinv.training.gan.settings import GanParams
from ganinv.training.loop import step_rng

STATISTICS = 2048  # draws of z that BatchNorm's statistics are measured on
ALL = slice(None)


def hash_images(images: np.ndarray) -> str:
    """Compute the SHA-256 of images' pixels, in hex."""
    return hashlib.sha256(np.ascontiguousarray(images).data).hexdigest()


class Networks:
    """DCGAN's generator and discriminator, the generator's running average, and real images.

    `images` are uint8 (N, S, S, 3) of the resolution asked for. `learners` are the generator and
    the discriminator as they are trained by all `processes`, `part` the rows of a batch that are
    this one's. Raises ParamsError where all images are the same.
    """

    def __init__(
        self,
        params: GanParams,
        images: np.ndarray,
        device: str | torch.device = "cpu",
        processes: Processes = ALONE,
    ) -> None:
        if (images == images[:1]).all():
            raise ParamsError(f"all images of {params.images} are the same: nothing to be learnt")
        self.params, self.images, self.device = params, images, torch.device(device)
        self.images_sha256 = hash_images(images)
        self.precision = resolve_precision(params.precision, self.device)
        self.config = dict(resolution=params.resolution, width=params.width, z_dim=params.z_dim)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(params.seed)
            self.generator = self._place(DCGAN(**self.config))
            self.discriminator = self._place(
                DCGANDiscriminator(
                    resolution=params.resolution,
                    width=params.width,
                    norm=params.norm,
                    spectral=params.spectral_norm,
                )
            )
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.part = processes.part(params.batch)
        self.learners = processes.parallel(self.generator), processes.parallel(self.discriminator)
        betas = params.beta1, params.beta2
        self.adam_generator = torch.optim.Adam(
            self.generator.parameters(), lr=params.lr_generator, betas=betas
        )
        self.adam_discriminator = torch.optim.Adam(
            self.discriminator.parameters(), lr=params.lr_discriminator, betas=betas
        )

    def _place(self, network):
        return network.to(self.device, memory_format=torch.channels_last)

    @property
    def modules(self) -> dict[str, nn.Module]:
        """List all three networks, by the names that a checkpoint has for them."""
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average": self.average,
        }

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """List the two optimizers, by the names that a checkpoint has for them."""
        return {
            "adam_generator": self.adam_generator,
            "adam_discriminator": self.adam_discriminator,
        }

    def state(self) -> dict[str, dict[str, Any]]:
        """List the tensors of each network."""
        return {name: module.state_dict() for name, module in self.modules.items()}

    def draw_z(self, count: int, rng: torch.Generator) -> Tensor:
        """Draw z (count, z_dim)."""
        return torch.randn(count, self.params.z_dim, generator=rng).to(self.device)

    def draw_real(self, count: int, rng: torch.Generator, flip: bool, rows: slice = ALL) -> Tensor:
        """Draw images (count, 3, S, S) of the set, with repetition, some mirrored if `flip`.

        Gives `rows` of them, float32 in [-1, 1], channels last in memory.
        """
        chosen = torch.randint(len(self.images), (count,), generator=rng)[rows]
        images = from_uint8(self.images[chosen.numpy()], self.device)
        drawn = torch.rand(count, 1, 1, 1, generator=rng)[rows]
        mirrored = (drawn < 0.5 * flip).to(self.device)
        return torch.where(mirrored, images.flip(3), images)

    @torch.no_grad()
    def render(self, zs: Tensor) -> Tensor:
        """Render the running average's images (N, 3, S, S) in [-1, 1] of zs (N, z_dim), any N."""
        return torch.cat([self.average(part) for part in zs.split(self.params.batch)])

    @torch.no_grad()
    def settle(self) -> None:
        """Measure the BatchNorm statistics of the running average on fixed draws of z."""
        zs = self.draw_z(STATISTICS, step_rng(self.params, "statistics"))
        update_bn(zs.split(self.params.batch), self.average)
