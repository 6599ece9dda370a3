"""The parameters of an encoder's training; the defaults here are the only ones."""

from typing import Literal

from pydantic import Field, model_validator

from ganinv.training.settings import TrainingParams


class EncoderParams(TrainingParams):
    """Flat names, as in params/encoder.yaml."""

    generator: str = "ffhq-student"
    """a name in checkpoints/manifest.yaml, or a path to a weight file"""
    photographs: str | None = None
    """a folder of photographs to mix in; none are needed"""
    photograph_share: float = Field(0.25, ge=0, le=1)
    """of each batch, where there is a folder"""
    truncation_min: float = Field(0.5, ge=0, allow_inf_nan=False)
    truncation_max: float = Field(1.0, ge=0, allow_inf_nan=False)
    mixing: float = Field(0.4, ge=0, le=1)
    """share of drawn images whose finer rows come from a second w"""
    clean: float = Field(0.25, ge=0, le=1)
    """share of the drawn images that are left as drawn; the latent loss is theirs alone"""
    change: float = Field(0.4, ge=0, le=1)
    """probability that another image is composed, moved, recoloured, for each of the three"""
    start: str | None = None
    """an encoder trained earlier for the same generator, a name or a path, to begin from in place
    of the closed form"""
    fit_samples: int = Field(4000, ge=0)
    """drawn images for the closed-form start of w (ridge regression); 0 starts from w_avg"""
    fit_ridge: float = Field(0.5, gt=0, allow_inf_nan=False)
    """its strength, as a share of the mean squared length of the features"""
    steps: int = Field(2000, ge=0)
    batch: int = Field(8, ge=2)
    lr: float = Field(0.02, gt=0, allow_inf_nan=False)
    """Adam's, divided by each layer's number of inputs, falling to 0 along a half cosine"""
    progressive: float = Field(0.0, ge=0, lt=1)
    """share of the steps in which style inputs get their offset one by one, coarse to fine"""
    latent: float = Field(0.1, ge=0, allow_inf_nan=False)
    """weight of the squared distance to the known latent, per w_std squared"""
    pixels: float = Field(0.5, ge=0, allow_inf_nan=False)
    """weight of the mean squared difference on [-1, 1] (eq. 2)"""
    features: float = Field(1.0, ge=0, allow_inf_nan=False)
    """weight of LPIPS-VGG, which stands for eq. 2's VGG features"""
    adversarial: float = Field(0.02, ge=0, allow_inf_nan=False)
    """weight of the discriminator's verdict (eq. 2's last term)"""
    offsets: float = Field(0.02, ge=0, allow_inf_nan=False)
    """weight of the offsets' mean squared length, per w_std squared"""
    discriminator_lr: float = Field(1e-4, gt=0, allow_inf_nan=False)
    discriminator_resolution: int = Field(64, ge=8)
    r1_gamma: float = Field(10.0, ge=0, allow_inf_nan=False)
    r1_every: int = Field(8, ge=1)
    """steps between penalties, each then taken that many times (lazy regularization)"""
    held_out: int = Field(32, ge=1)
    """drawn images, truncation 0.8, that are looked at and never trained on"""
    compile: Literal["auto", "on", "off"] = "auto"
    out: str = "runs/encoder"

    @model_validator(mode="after")
    def _truncation_in_order(self):
        if self.truncation_min > self.truncation_max:
            raise ValueError("truncation_min is above truncation_max")
        if self.discriminator_resolution & (self.discriminator_resolution - 1):
            raise ValueError("discriminator_resolution is a power of two")
        return self
