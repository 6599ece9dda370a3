"""The parameters of a search; the defaults here are the only ones."""

import os
from collections.abc import Container
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ganinv.compute.names import PRECISION
from ganinv.errors import shorten
from ganinv.inversion.spaces import SPACES
from ganinv.losses.terms import TERMS, is_term, loss_weights, row_of
from ganinv.params import FOLDER, LATER, PATH, Strict

STARTS = ("mean_w", "random", "encoder")
MEANT_STARTS: dict[str, Any] = {  # by what people write
    "mean": "mean_w",
    "w_mean": "mean_w",
    "w_avg": "mean_w",
    "e4e": "encoder",
}
MEANT_TERMS: dict[str, Any] = {"mse": "l2", "pixels": "l2", "perceptual": "lpips"}
UNREFINED: dict[str, Any] = {"refine": "none", "refine_locality": 0.0}  # parameters of a code alone
LABELLED = STARTS[:2]  # those that are drawn, in a class where one is asked for


class SearchParams(Strict):
    """What `invert` takes."""

    space: str = Field(
        "w+",
        json_schema_extra={"names": list(SPACES), "synonyms": {"wp": "w+", "w++": "w+"}},
        description="w: one vector for all layers; w+: one vector per style input; z: of a DCGAN, "
        "which has no other",
    )
    coordinates: Literal["auto", "w", "style"] = Field(
        "auto",
        description="what Adam's rate is equal in: w, its numbers, or style, the directions that "
        "styles tell apart; auto is style where a generator has styles, and w for L-BFGS",
    )
    init: str = Field(
        "mean_w",
        json_schema_extra={"names": list(STARTS), "synonyms": MEANT_STARTS} | FOLDER,
        description="mean_w, random, encoder, or the path of a saved latent, or of a run, whose "
        "images begin with their own latents there; a refinement beside it is gone on from; also "
        "other tools' .npz, .npy and .pt, and FILE:NAME, a latent of several in one",
    )
    init_any: bool = Field(
        False,
        description="start from a saved latent also where its file says that it was made with "
        "another generator",
    )
    init_spread: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        json_schema_extra=LATER,
        description="how far the start is moved, as a share of w_std, in a direction that seed "
        "draws: restarts of one search differ in seed alone",
    )
    label: int | None = Field(
        None,
        ge=0,
        json_schema_extra=LATER,
        description="the class, counted from 0, that init: mean_w or random begins in, of a "
        "generator that has classes; without it mean_w is the mean of all, and random draws one",
    )
    encoder: str | None = Field(
        None,
        json_schema_extra=PATH,
        description="what init: encoder starts from and loss: {domain: …} asks, a name or a path",
    )
    loss: str | dict[str, float] = Field(
        {"lpips": 1.0, "l2": 0.5},
        json_schema_extra={"names": list(TERMS), "synonyms": MEANT_TERMS},
        description="l2, lpips, or weights of l2, l2_full (at full size), lpips, lpips_vgg, "
        "lpips_alex, vgg (plain features) and domain to be summed",
    )
    lpips_net: Literal["vgg", "alex"] = Field(
        "vgg", description="the network behind the loss term named lpips"
    )
    loss_resolution: int = Field(
        256,
        ge=8,
        description="both images are box-averaged to this size before the loss, unless smaller "
        "already",
    )
    optimizer: Literal["adam", "lbfgs"] = Field("adam", description="adam or lbfgs")
    lr: float = Field(
        0.1,
        gt=0,
        allow_inf_nan=False,
        description="Adam's learning rate, or the first step length that L-BFGS tries",
    )
    lr_schedule: Literal["ramp", "constant"] = Field(
        "ramp", description="of Adam; L-BFGS's line search finds its own step lengths"
    )
    lr_rampup: float = Field(
        0.05,
        ge=0,
        le=0.5,
        json_schema_extra=LATER,
        description="the share of the steps in which a ramp rises; 0 begins at the full rate",
    )
    line_search: int = Field(
        25, ge=1, le=25, description="how often L-BFGS may render within a step"
    )
    steps: int = Field(450, ge=0, description="steps of the optimizer, for each image")
    plateau: int = Field(
        0,
        ge=0,
        description="end early: where the best loss fell by less than 1 % in so many steps, the "
        "rate falls as at the end of a ramp, and the search is over; 0 never does",
    )
    noise_injection: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="spread of the noise added to the latent, as a share of w_std; 0 from three "
        "quarters on",
    )
    noise_maps: Literal["stored", "optimized", "dropped"] = Field(
        "stored",
        description="of the generator: stored as they are, optimized too, or so and dropped from "
        "the result",
    )
    noise_regularizer: float = Field(
        1e5,
        ge=0,
        allow_inf_nan=False,
        description="weight of the penalty that keeps optimized noise maps free of pictures",
    )
    refine: Literal["none", "features", "weights", "both"] = Field(
        "none",
        description="what is fitted to the photograph after the latent is found: none, features "
        "(an offset to those of one resolution), weights (of the generator), or both",
    )
    refine_steps: int = Field(50, ge=0, description="steps of the refinement")
    refine_lr: float | Literal["auto"] = Field(
        "auto",
        json_schema_extra={"also": "a number above 0"},
        description="Adam's rate in the refinement; auto is 0.09 for features and 0.0003 "
        "for weights; for both it is that of features, and weights keep this ratio to it",
    )
    refine_lr_schedule: Literal["ramp", "constant"] = Field(
        "ramp",
        description="ramp rises over 5 steps and falls by a cosine over the second half",
    )
    refine_resolution: int = Field(
        64, ge=4, description="the resolution of the features that get an offset"
    )
    refine_loss: str | dict[str, float] = Field(
        {"l2_full": 4.0, "lpips_vgg": 1.0, "lpips_alex": 1.0},
        json_schema_extra={"names": list(TERMS), "synonyms": MEANT_TERMS},
        description="what the refinement minimizes, as loss",
    )
    refine_loss_resolution: int = Field(
        256, ge=8, description="as loss_resolution, for refine_loss"
    )
    refine_stop: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="end the refinement once the first LPIPS term of refine_loss is so low; 0 "
        "takes all steps",
    )
    refine_locality: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="weight of the regularizer that keeps other images of the generator as they "
        "are while weights move",
    )
    seed: int = Field(0, ge=0, lt=2**63, description="of every random draw, with the image's name")
    precision: Literal["auto", "float32", "bf16"] = Field(
        "auto",
        json_schema_extra=PRECISION,
        description="of the search; the final image and all metrics are float32 always",
    )
    compile: Literal["auto", "on", "off"] = Field(
        "auto", description="torch.compile; auto where a compiler is at hand and steps are many"
    )
    log_every: int = Field(25, ge=0, description="steps between lines of progress; 0 is silent")
    snapshot_every: int = Field(
        25,
        ge=0,
        description="steps between the pictures of progress.gif, which has steps 5 and 10 too; 0 "
        "keeps none",
    )

    @property
    def all_steps(self) -> int:
        """The steps of the search and of the refinement together."""
        return self.steps + (self.refine_steps if self.refine != "none" else 0)

    def deciding(self, names: Container[str]) -> dict[str, Any]:
        """Return what results are known by, as `Strict.deciding`.

        Where nothing is refined, the parameters of the refinement decide nothing.
        """
        values = super().deciding(names)
        if self.refine == "none":
            values = {name: x for name, x in values.items() if not name.startswith("refine")}
        return values

    @field_validator("space")
    @classmethod
    def _known_space(cls, value: str) -> str:
        if value not in SPACES:
            raise ValueError(f"there are the spaces {', '.join(SPACES)}")
        return value

    @field_validator("refine_lr", mode="before")
    @classmethod
    def _rate_is_positive(cls, value: Any) -> Any:
        if value == "auto" or (type(value) in (int, float) and 0 < value < float("inf")):
            return value if value == "auto" else float(value)
        raise ValueError("give auto, or a number above 0")

    @field_validator("loss", "refine_loss", mode="before")
    @classmethod
    def _known_terms(cls, value: Any) -> Any:
        names = [value] if isinstance(value, str) else value
        if callable(value) or (isinstance(value, dict) and any(map(callable, value))):
            raise ValueError("a function is no parameter; give it to ganinv.invert(…, loss=…)")
        if not isinstance(names, (list, dict)) or not names:
            raise ValueError("give l2, lpips, or a mapping of weights")
        for name in names:
            if not is_term(name):
                shown = shorten(repr(name))
                raise ValueError(f"no loss term {shown}; there are {', '.join(TERMS)}")
        if isinstance(value, dict):
            _check_weights(value)
            return {name: float(weight) for name, weight in value.items()}
        return value

    @model_validator(mode="after")
    def _terms_have_pixels(self) -> "SearchParams":
        for before, loss, resolution in (
            ("", self.loss, self.loss_resolution),
            ("refine_", self.refine_loss, self.refine_loss_resolution),
        ):
            for name in loss_weights(loss):
                pixels = row_of(name).pixels
                if resolution < pixels:
                    raise ValueError(
                        f"{before}loss_resolution: {name} needs at least {pixels} pixels"
                    )
        return self

    @model_validator(mode="after")
    def _a_label_chooses_the_start(self) -> "SearchParams":
        if self.label is not None and self.init not in LABELLED:
            raise ValueError(
                f"label chooses the class of a start that is drawn, init: {' or '.join(LABELLED)}; "
                "leave it out with another"
            )
        return self

    @model_validator(mode="after")
    def _what_is_asked_can_be_refined(self) -> "SearchParams":
        terms = loss_weights(self.refine_loss)
        if self.refine_stop and not any(name.startswith("lpips") for name in terms):
            raise ValueError("refine_stop: refine_loss has no LPIPS term that could be so low")
        if self.refine_locality and self.refine not in ("weights", "both"):
            raise ValueError(
                "refine_locality: only weights change other images; set refine: weights"
            )
        return self

    @model_validator(mode="after")
    def _line_searches_stay_in_place(self) -> "SearchParams":
        moving = self.noise_injection or self.plateau or self.noise_maps != "stored"
        if self.optimizer == "lbfgs" and moving:
            raise ValueError("noise_injection, noise_maps and plateau go with optimizer: adam")
        if self.plateau and self.noise_injection:
            raise ValueError("plateau: with noise_injection, no loss is that of the latent kept")
        return self


def start_folder(init: str) -> Path | None:
    """Return the folder of saved latents that a start names, None for a word or a file."""
    return Path(init) if init not in STARTS and os.path.isdir(init) else None


def losses_of(params: SearchParams) -> list[str | dict[str, float]]:
    """Return what a search minimizes: its loss, and that of its refinement where it has one."""
    return [params.loss] + ([] if params.refine == "none" else [params.refine_loss])


def _check_weights(weights: dict[str, Any]) -> None:
    for name, weight in weights.items():
        if type(weight) not in (int, float) or not 0 <= weight < float("inf"):
            raise ValueError(
                f"the weight of {name} must be a number, 0 or more; got {shorten(repr(weight))}"
            )
    if not any(weights.values()):
        raise ValueError("at least one loss weight must be above 0")
