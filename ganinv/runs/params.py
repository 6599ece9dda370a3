"""The parameters of a run: those of a search, and what is inverted where."""

import re
from typing import Any, Literal

from pydantic import Field, field_validator

from ganinv.compute.names import DEVICE, check_device
from ganinv.inversion.params import SearchParams
from ganinv.params import PATH


class Params(SearchParams):
    """Everything that decides a run."""

    generator: str = Field(
        "ffhq-student",
        json_schema_extra=PATH,
        description="a name in checkpoints/manifest.yaml, or a path to a weight file",
    )
    images: list[str] = Field(
        ["samples"],
        min_length=1,
        json_schema_extra=PATH,
        description="files, folders, sample:NAME, samples for all sample photographs, set:NAME or "
        "set:NAME/PART",
    )
    align: bool = Field(
        True,
        description="find the face and crop it as FFHQ does; off takes the image's centre square",
    )
    face: str = Field(
        "largest",
        json_schema_extra={"names": ["largest", "all"], "also": "a number"},
        description="which face of a photograph with several: largest, all (each by itself), or a "
        "number, 1 being the largest",
    )
    device: str = Field(
        "auto",
        json_schema_extra=DEVICE,
        description="auto, cpu, cuda or cuda:N",
    )
    out: str = Field(
        "auto",
        json_schema_extra=PATH,
        description="the folder for results; auto is one below runs/ that is named after the "
        "parameters, so that other parameters have another",
    )

    keep: Literal["latents", "pictures", "all"] = Field(
        "all",
        description="what is written of each image beside its record: latents (and refinements), "
        "pictures (also target, reconstruction and both in a panel), or all (also the difference, "
        "histories, curve and animation)",
    )

    _device_is_one = field_validator("device")(check_device)

    @field_validator("face", mode="before")
    @classmethod
    def _a_face_is_a_word_or_a_number(cls, value: Any) -> Any:
        text = str(value)
        if isinstance(value, bool) or not re.fullmatch(r"largest|all|[1-9][0-9]?", text):
            raise ValueError("give largest, all, or a number from 1")
        return text

    @field_validator("images", mode="before")
    @classmethod
    def _one_image_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


load_params, collect_params = Params.load, Params.collect  # the public names of both
