"""The parameters of a GAN's training; the defaults here are the only ones."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from ganinv.training.settings import TrainingParams


class GanParams(TrainingParams):
    """Flat names, as in params/gan_*.yaml. The defaults are DCGAN's (arXiv 1511.06434)."""

    images: str = "faces"
    """faces (drawn from the FFHQ student; faces:N so many of them), cats, abstract-art, a folder"""
    resolution: int = Field(64, ge=8)
    width: int = Field(64, ge=1)
    """channels of both networks at half the resolution; they double towards 4x4"""
    z_dim: int = Field(128, ge=1)
    objective: Literal["nonsaturating", "minimax", "lsgan", "wgan-gp", "hinge"] = "nonsaturating"
    spectral_norm: bool = False
    """hold the largest singular value of the discriminator's weights at 1; no other
    normalization then"""
    gp_weight: float = Field(10.0, ge=0, allow_inf_nan=False)
    """lambda of wgan-gp's gradient penalty; the other objectives have none"""
    critic_steps: int = Field(1, ge=1)
    """steps of the discriminator for each of the generator"""
    batch: int = Field(64, ge=2)
    steps: int = Field(5000, ge=0)
    """of the generator; more of them go on with a finished training"""
    lr_generator: float = Field(2e-4, gt=0, allow_inf_nan=False)
    lr_discriminator: float = Field(2e-4, gt=0, allow_inf_nan=False)
    beta1: float = Field(0.5, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    """Adam's, of both networks"""
    ema: float = Field(10_000.0, ge=0, allow_inf_nan=False)
    """half-life, in images, of the generator's running average, which is what is kept; 0 keeps the
    generator as it is"""
    flip: bool = True
    """show each image mirrored half of the time"""
    measure_count: int = Field(1000, ge=0)
    """drawn images that are compared with as many real ones at every look, 8 at least and no more
    than there are; 0 measures nothing"""
    grid: int = Field(8, ge=2)
    """rows and columns of the pictures of samples"""
    save_every: int = Field(500, ge=1)
    """steps between checkpoints, each with a picture and measures of the samples"""
    out: str = "runs/gan"

    @field_validator("resolution")
    @classmethod
    def _power_of_two(cls, value):
        if value & (value - 1):
            raise ValueError("a power of two, 8 or more")
        return value

    @model_validator(mode="after")
    def _can_be_measured(self):
        if 0 < self.measure_count < 8:
            raise ValueError("measure_count: 8 images at least, or 0 to measure nothing")
        if self.measure_count and self.resolution < 16:
            raise ValueError("measure_count: images under 16 pixels have no features; give it 0")
        return self

    @property
    def norm(self):
        """The discriminator's normalization; see `generators.dcgan`."""
        if self.spectral_norm:
            return "none"
        return "layer" if self.objective == "wgan-gp" else "batch"
