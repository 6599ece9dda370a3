"""What the parameters of every training have."""

from typing import Literal

from pydantic import Field

from ganinv.params import DEVICES, Strict


class TrainingParams(Strict):
    """What every training has."""

    seed: int = Field(0, ge=0, lt=2**63)
    device: str = Field("auto", pattern=DEVICES)
    precision: Literal["auto", "float32", "bf16"] = "auto"
    log_every: int = Field(20, ge=0)
    """steps between lines of progress; 0 is silent"""
    save_every: int = Field(100, ge=1)
    """steps between checkpoints, each with a look at what was learnt, and its picture"""
