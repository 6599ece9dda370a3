"""What the parameters of every training have."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class TrainingParams(BaseModel):
    """What every training has."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    seed: int = Field(0, ge=0, lt=2**63)
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    precision: Literal["auto", "float32", "bf16"] = "auto"
    log_every: int = Field(20, ge=0)
    """steps between lines of progress; 0 is silent"""
    save_every: int = Field(100, ge=1)
    """steps between checkpoints, each with a look at what was learnt, and its picture"""

    @field_validator("*", mode="before")
    @classmethod
    def _whole_numbers_are_floats(cls, value, info):
        kind = cls.model_fields[info.field_name].annotation
        return float(value) if kind is float and type(value) is int else value
