"""The parameters of a GAN's training; the defaults here are the only ones."""

from typing import Self

from pydantic import Field, field_validator, model_validator

from ganinv.losses.adversarial import OBJECTIVES
from ganinv.params import PATH
from ganinv.training.gan.augment import CHANGES, NONE, read_changes
from ganinv.training.settings import TrainingParams


class GanParams(TrainingParams):
    """Flat names, as in params/gan_*.yaml. The defaults are DCGAN's (arXiv 1511.06434)."""

    images: str = Field(
        "faces",
        json_schema_extra=PATH,
        description="faces (drawn from the FFHQ student; faces:N so many of them), cats, "
        "abstract-art, portraits, congress, set:NAME/PART, a folder",
    )
    align: bool = Field(
        False,
        description="cut the largest face out of each image as FFHQ's were, and leave out images "
        "without one; else the centre square is taken. Drawn faces are aligned already",
    )
    resolution: int = Field(64, ge=8, description="pixels a side, a power of two")
    width: int = Field(
        64,
        ge=1,
        description="channels of both networks at half the resolution; they double towards 4x4",
    )
    z_dim: int = Field(128, ge=1, description="size of the generator's latent z")
    objective: str = Field(
        "nonsaturating",
        json_schema_extra={"names": list(OBJECTIVES)},
        description="the pair of losses",
    )
    spectral_norm: bool = Field(
        False,
        description="hold the largest singular value of the discriminator's weights at 1; no "
        "other normalization then",
    )
    gp_weight: float = Field(
        10.0,
        ge=0,
        allow_inf_nan=False,
        description="lambda of wgan-gp's gradient penalty; the other objectives have none",
    )
    critic_steps: int = Field(
        1, ge=1, description="steps of the discriminator for each of the generator"
    )
    batch: int = Field(64, ge=2, description="images a step, of each kind")
    steps: int = Field(
        5000, ge=0, description="of the generator; more of them go on with a finished training"
    )
    patience: int = Field(
        0,
        ge=0,
        description="looks in a row without a lower FID that end a training before its steps; the "
        "generator of the lowest is kept then. 0: all steps are done, and the last is kept",
    )
    lr_generator: float = Field(
        2e-4, gt=0, allow_inf_nan=False, description="Adam's rate for the generator"
    )
    lr_discriminator: float = Field(
        2e-4, gt=0, allow_inf_nan=False, description="Adam's rate for the discriminator"
    )
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's, of both networks")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's, of both networks")
    ema: float = Field(
        10_000.0,
        ge=0,
        allow_inf_nan=False,
        description="half-life, in images, of the generator's running average, which is what is "
        "kept; 0 keeps the generator as it is",
    )
    flip: bool = Field(True, description="show each image mirrored half of the time")
    diff_augment: str = Field(
        NONE,
        json_schema_extra={"names": [NONE, *CHANGES], "also": "several of these with commas"},
        description="random changes that D sees of real and of drawn images alike, where the set "
        "is small",
    )
    measure_count: int = Field(
        1000,
        ge=0,
        description="drawn images that are compared with as many real ones at every look, 8 at "
        "least and no more than there are; 0 measures nothing",
    )
    grid: int = Field(8, ge=2, description="rows and columns of the pictures of samples")
    save_every: int = Field(
        500,
        ge=1,
        description="steps between checkpoints, each with a picture and measures of the samples",
    )
    out: str = Field(
        "runs/gan",
        json_schema_extra=PATH,
        description="the folder for the training",
    )

    @field_validator("resolution")
    @classmethod
    def _power_of_two(cls, value: int) -> int:
        if value & (value - 1):
            raise ValueError("a power of two, 8 or more")
        return value

    @field_validator("objective")
    @classmethod
    def _is_in_the_table(cls, value: str) -> str:
        if value not in OBJECTIVES:
            raise ValueError(f"there are {', '.join(map(repr, OBJECTIVES))}")
        return value

    @field_validator("diff_augment")
    @classmethod
    def _is_made_of_changes(cls, value: str) -> str:
        return ",".join(read_changes(value)) or NONE

    @model_validator(mode="after")
    def _can_be_measured(self) -> Self:
        if 0 < self.measure_count < 8:
            raise ValueError("measure_count: 8 images at least, or 0 to measure nothing")
        if self.measure_count and self.resolution < 16:
            raise ValueError("measure_count: images under 16 pixels have no features; give it 0")
        if self.patience and not self.measure_count:
            raise ValueError("patience: it looks at FID, which needs a measure_count above 0")
        return self

    @property
    def norm(self) -> str:
        """Name the discriminator's normalization; see `generators.dcgan`."""
        return "none" if self.spectral_norm else OBJECTIVES[self.objective].norm
