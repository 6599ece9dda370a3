"""The parameters of an encoder's training; the defaults here are the only ones."""

from typing import Any, Literal, Self

from pydantic import Field, field_serializer, field_validator, model_validator

from ganinv.params import PATH
from ganinv.training.settings import TrainingParams


def _weight(default, description):
    return Field(default, ge=0, allow_inf_nan=False, description=f"weight of {description}")


class EncoderParams(TrainingParams):
    """Flat names, as in params/encoder.yaml."""

    generator: str = Field(
        "ffhq-student",
        json_schema_extra=PATH,
        description="a name in checkpoints/manifest.yaml, or a path to weights",
    )
    photographs: list[str] | None = Field(
        None,
        min_length=1,
        json_schema_extra=PATH,
        description="photographs to mix in: folders, set:NAME or set:NAME/PART; none are needed",
    )
    photograph_share: float = Field(
        0.25, ge=0, le=1, description="share of photographs in a batch, where there are some"
    )
    truncation_min: float = Field(
        0.5, ge=0, allow_inf_nan=False, description="least truncation of drawn images"
    )
    truncation_max: float = Field(
        1.0, ge=0, allow_inf_nan=False, description="largest truncation of drawn images"
    )
    mixing: float = Field(
        0.4,
        ge=0,
        le=1,
        description="share of drawn images whose finer rows come from a second w",
    )
    clean: float = Field(
        0.25,
        ge=0,
        le=1,
        description="share of the drawn images that are left as drawn; the latent loss is theirs "
        "alone",
    )
    change: float = Field(
        0.4,
        ge=0,
        le=1,
        description="probability that another image is composed, moved, recoloured, for each of "
        "the three",
    )
    start: str | None = Field(
        None,
        json_schema_extra=PATH,
        description="an encoder trained earlier for the same generator, a name or a path, to "
        "begin from in place of the closed form",
    )
    fit_samples: int = Field(
        4000,
        ge=0,
        description="drawn images for the closed-form start of w (ridge regression); 0 starts "
        "from w_avg",
    )
    fit_ridge: float = Field(
        0.5,
        gt=0,
        allow_inf_nan=False,
        description="strength of the ridge, as a share of the mean squared length of the features",
    )
    steps: int = Field(2000, ge=0, description="steps in all")
    batch: int = Field(8, ge=2, description="images a step")
    lr: float = Field(
        0.02,
        gt=0,
        allow_inf_nan=False,
        description="Adam's rate, divided by each layer's number of inputs, falling to 0 along a "
        "half cosine",
    )
    progressive: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the steps in which style inputs get their offset one by one, coarse "
        "to fine",
    )
    latent: float = _weight(0.1, "the squared distance to the known latent, per w_std squared")
    pixels: float = _weight(0.5, "the mean squared difference on [-1, 1] (eq. 2)")
    features: float = _weight(1.0, "LPIPS-VGG, which stands for eq. 2's VGG features")
    adversarial: float = _weight(0.02, "the discriminator's verdict (eq. 2's last term)")
    offsets: float = _weight(0.02, "the offsets' mean squared length, per w_std squared")
    discriminator_lr: float = Field(
        1e-4, gt=0, allow_inf_nan=False, description="Adam's rate for the discriminator"
    )
    discriminator_resolution: int = Field(
        64, ge=8, description="pixels a side that the discriminator sees, a power of two"
    )
    r1_gamma: float = _weight(10.0, "the gradient penalty on real images (half of it, eq. 3)")
    r1_every: int = Field(
        8,
        ge=1,
        description="steps between penalties, each then taken that many times (lazy "
        "regularization)",
    )
    held_out: int = Field(
        32,
        ge=1,
        description="drawn images, truncation 0.8, that are looked at and never trained on",
    )
    compile: Literal["auto", "on", "off"] = Field(
        "auto", description="whether torch.compile compiles the generator; auto where it pays"
    )
    out: str = Field(
        "runs/encoder",
        json_schema_extra=PATH,
        description="the folder for the training",
    )

    @field_validator("photographs", mode="before")
    @classmethod
    def _one_name_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_serializer("photographs")
    def _a_list_of_one_is_a_name(self, value: list[str] | None) -> list[str] | str | None:
        return value[0] if value and len(value) == 1 else value  # as earlier checkpoints have it

    @model_validator(mode="after")
    def _truncation_in_order(self) -> Self:
        if self.truncation_min > self.truncation_max:
            raise ValueError("truncation_min is above truncation_max")
        if self.discriminator_resolution & (self.discriminator_resolution - 1):
            raise ValueError("discriminator_resolution is a power of two")
        return self
