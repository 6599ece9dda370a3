"""The protocol that every encoder meets: image -> codes, one for each style input."""

from typing import Any, Self

import torch
from torch import nn


class Encoder(nn.Module):
    """Base of all encoders.

    Attributes: `name`; `sha256` of the weight file ("" when built in memory); `resolution` in
    pixels, which the network sees; `num_ws`, the number of codes; `w_dim`, their width.

    Called with images (N, 3, H, H) in [-1, 1], H >= `resolution`, it gives codes (N, num_ws,
    w_dim), its latent average added.
    """

    name: str = ""
    sha256: str = ""
    resolution: int
    num_ws: int
    w_dim: int

    @classmethod
    def check_file(cls, config: dict[str, Any], state: dict[str, torch.Tensor]) -> None:
        """Raise ValueError for a file of another network, saying which; else loading may say."""

    def attach_trunk(self) -> Self:
        """Bring a frozen trunk that is not in its own file, where it has one; return the encoder.

        Raises WeightsError where the trunk's weights are not here.
        """
        return self

    def check_images(self, images: torch.Tensor) -> None:
        """Raise ValueError unless images are (N, 3, H, H) with H of `resolution` or more."""
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"the encoder takes images (N, 3, H, W); got {tuple(images.shape)}")
        height, width = images.shape[2:]
        if height != width:
            raise ValueError(f"the encoder takes square images; got {width}x{height}")
        if height < self.resolution:
            wanted = f"{self.resolution}x{self.resolution}"
            raise ValueError(
                f"the encoder takes images of {wanted} or larger; got {width}x{height}"
            )
