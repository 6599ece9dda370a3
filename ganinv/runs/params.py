"""The parameters of a run: those of a search, and what is inverted where."""

from typing import Any

from pydantic import Field, field_validator

from ganinv.inversion.params import SearchParams
from ganinv.params import DEVICES


class Params(SearchParams):
    """Everything that decides a run."""

    generator: str = Field(
        "ffhq-student",
        description="a name in checkpoints/manifest.yaml, or a path to a weight file",
    )
    images: list[str] = Field(
        ["samples"],
        min_length=1,
        description="files, folders, sample:NAME, or samples for all sample photographs",
    )
    align: bool = Field(
        True,
        description="find the face and crop it as FFHQ does; off takes the image's centre square",
    )
    device: str = Field("auto", pattern=DEVICES, description="auto, cpu, cuda or cuda:N")
    out: str = Field("runs/default", description="the folder for results")

    @field_validator("images", mode="before")
    @classmethod
    def _one_image_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


load_params, collect_params = Params.load, Params.collect  # the public names of both
