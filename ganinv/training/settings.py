"""What the parameters of every training have."""

from typing import Literal

from pydantic import Field, field_validator

from ganinv.compute.names import DEVICE, PRECISION, check_device
from ganinv.params import PATH, Strict


class TrainingParams(Strict):
    """What every training has. The fields without a default have one in each subclass."""

    seed: int = Field(
        0, ge=0, lt=2**63, description="of all that is drawn: the weights at the start, every batch"
    )
    device: str = Field(
        "auto",
        json_schema_extra=DEVICE,
        description="auto, cpu, cuda or cuda:N",
    )
    precision: Literal["auto", "float32", "bf16"] = Field(
        "auto",
        json_schema_extra=PRECISION,
        description="of the networks; auto is bf16 where the hardware computes in it",
    )
    log_every: int = Field(20, ge=0, description="steps between lines of progress; 0 is silent")
    save_every: int = Field(
        100,
        ge=1,
        description="steps between checkpoints, each with a look at what was learnt, and its "
        "picture",
    )
    steps: int = Field(ge=0, description="steps in all")
    out: str = Field(json_schema_extra=PATH, description="the folder for the training")

    _device_is_one = field_validator("device")(check_device)
