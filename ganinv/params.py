"""Typed parameters: the same flat names in YAML, in a notebook's parameters cell and in `--set`.

YAML is read by its 1.2 core rules, because under 1.1 (PyYAML's default) `on` is a boolean and
`1e-3` is a string. A name that does not exist, a value of the wrong type and a key given twice
are errors before anything runs.
"""

import difflib
import re
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ganinv.errors import ParamsError

LOSS_TERMS = ("l2", "l2_full", "lpips", "lpips_vgg", "lpips_alex", "vgg", "domain")
STARTS = ("mean_w", "random", "encoder")


class Params(BaseModel):
    """Everything that decides a run. The defaults here are the only ones."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    generator: str = "ffhq-student"
    """a name in checkpoints/manifest.yaml, or a path to a weight file"""
    images: list[str] = Field(["samples"], min_length=1)
    """files, folders, sample:NAME, or samples for all sample photographs"""
    align: bool = True
    """find the face and crop it as FFHQ does; off takes the image's centre square"""
    space: Literal["w", "w+", "z"] = "w+"
    """w: one vector for all layers; w+: one vector per style input; z: of a DCGAN, which has no
    other"""
    coordinates: Literal["w", "style"] = "w"
    """what Adam's rate is equal in: the numbers of w, or the directions that styles tell apart"""
    init: str = "mean_w"
    """mean_w, random, encoder, or the path of a saved latent"""
    encoder: str | None = None
    """what `init: encoder` starts from and `loss: {domain: …}` asks, a name or a path"""
    loss: str | dict[str, float] = "lpips"
    """l2, lpips, or weights of l2, l2_full (at full size), lpips, lpips_vgg, lpips_alex, vgg (plain
    features) and domain to be summed"""
    lpips_net: Literal["vgg", "alex"] = "vgg"
    """the network behind the loss term named lpips"""
    loss_resolution: int = Field(256, ge=8)
    """both images are box-averaged to this size before the loss, unless smaller already"""
    optimizer: Literal["adam", "lbfgs"] = "adam"
    lr: float = Field(0.05, gt=0, allow_inf_nan=False)
    """Adam's learning rate, or the first step length that L-BFGS tries"""
    lr_schedule: Literal["ramp", "constant"] = "ramp"
    """of Adam; L-BFGS's line search finds its own step lengths"""
    line_search: int = Field(25, ge=1, le=25)
    """how often L-BFGS may render within a step"""
    steps: int = Field(300, ge=0)
    plateau: int = Field(0, ge=0)
    """end early: where the best loss fell by less than 1 % in so many steps, the rate falls as at
    the end of a ramp, and the search is over; 0 never does"""
    noise_injection: float = Field(0.0, ge=0, allow_inf_nan=False)
    """spread of the noise added to the latent, as a share of w_std; 0 from three quarters on"""
    noise_maps: Literal["stored", "optimized", "dropped"] = "stored"
    """of the generator: stored as they are, optimized too, or so and dropped from the result"""
    noise_regularizer: float = Field(1e5, ge=0, allow_inf_nan=False)
    """weight of the penalty that keeps optimized noise maps free of pictures"""
    seed: int = Field(0, ge=0, lt=2**63)
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    precision: Literal["auto", "float32", "bf16"] = "auto"
    """of the search; the final image and all metrics are float32 always"""
    compile: Literal["auto", "on", "off"] = "auto"
    log_every: int = Field(25, ge=0)
    """steps between lines of progress; 0 is silent"""
    snapshot_every: int = Field(25, ge=0)
    """steps between the pictures of progress.gif; 0 keeps none"""
    out: str = "runs/default"

    @field_validator("images", mode="before")
    @classmethod
    def _one_image_is_a_list(cls, value):
        return [value] if isinstance(value, str) else value

    @field_validator("lr", "noise_injection", "noise_regularizer", mode="before")
    @classmethod
    def _whole_numbers_are_floats(cls, value):
        return float(value) if type(value) is int else value

    @field_validator("loss", mode="before")
    @classmethod
    def _known_loss_terms(cls, value):
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, (list, dict)) or not names:
            raise ValueError("give l2, lpips, or a mapping of weights")
        for name in names:
            if name not in LOSS_TERMS:
                raise ValueError(f"no loss term {name!r}; there are {', '.join(LOSS_TERMS)}")
        if isinstance(value, dict):
            _check_weights(value)
            return {name: float(weight) for name, weight in value.items()}
        return value

    @model_validator(mode="after")
    def _lpips_needs_pixels(self):
        if self.loss_resolution < 32 and re.search("lpips|vgg", str(self.loss)):
            raise ValueError("loss_resolution: LPIPS and VGG need at least 32 pixels")
        return self

    @model_validator(mode="after")
    def _line_searches_stay_in_place(self):
        moving = self.noise_injection or self.plateau or self.noise_maps != "stored"
        if self.optimizer == "lbfgs" and moving:
            raise ValueError("noise_injection, noise_maps and plateau go with optimizer: adam")
        if self.plateau and self.noise_injection:
            raise ValueError("plateau: with noise_injection, no loss is that of the latent kept")
        return self

    def inversion(self):
        """The parameters that `ganinv.invert` takes, by name."""
        return self.model_dump(include=set(INVERSION))

    def replace(self, **changes):
        """A checked copy with some parameters changed."""
        return make_params(self.model_dump() | changes)


INVERSION = (
    "space",
    "coordinates",
    "init",
    "encoder",
    "loss",
    "lpips_net",
    "loss_resolution",
    "optimizer",
    "lr",
    "lr_schedule",
    "line_search",
    "steps",
    "plateau",
    "noise_injection",
    "noise_maps",
    "noise_regularizer",
    "seed",
    "precision",
    "compile",
    "log_every",
    "snapshot_every",
)


def _check_weights(weights):
    for name, weight in weights.items():
        if type(weight) not in (int, float) or not 0 <= weight < float("inf"):
            raise ValueError(f"the weight of {name} must be a number, 0 or more; got {weight!r}")
    if not any(weights.values()):
        raise ValueError("at least one loss weight must be above 0")


def make_params(values, model=Params):
    """Build `Params`, or another model, from a dict; ParamsError has one line per fault."""
    try:
        return model(**{str(name): value for name, value in values.items()})
    except ValidationError as error:
        raise ParamsError("\n".join(_explain(e, model) for e in error.errors())) from None


def collect_params(namespace):
    """Build `Params` from a notebook's globals: every field must be set in its parameters cell."""
    missing = [name for name in Params.model_fields if name not in namespace]
    if missing:
        raise ParamsError(f"the parameters cell lacks {', '.join(missing)}")
    return make_params({name: namespace[name] for name in Params.model_fields})


def _explain(error, model):
    name = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        return unknown_name(name, model.model_fields, "parameter")
    message = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:  # about several parameters at once
        return message
    return f"{name}: {message} (got {error['input']!r})"


def unknown_name(name, known, what):
    """The sentence for a name that does not exist, with the nearest that do."""
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
    return f"no {what} named {name!r}; {hint}"


def load_params(path=None, overrides=(), model=Params, **changes):
    """Read a YAML file (or none), then `key=value` strings, then keyword changes, as `model`.

    Raises ParamsError for a file that cannot be read, an unknown name or a wrong type.
    """
    values = read_yaml(path) if path is not None else {}
    for item in overrides:
        key, sep, text = item.partition("=")
        if not sep:
            raise ParamsError(f"--set takes key=value; got {item!r}")
        values[key.strip()] = parse_yaml(text, f"--set {item}")
    return make_params(values | changes, model)


def read_yaml(path):
    """Read a YAML mapping from a file."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"cannot read the parameters {path}: {error}") from None
    values = parse_yaml(text, str(path))
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ParamsError(f"{path}: expected lines of `name: value`")
    return values


def parse_yaml(text, where):
    try:
        return yaml.load(text, _CoreLoader)
    except yaml.YAMLError as error:
        raise ParamsError(f"{where}: not valid YAML: {error}") from None


def dump_yaml(values):
    """Write a mapping so that `read_yaml` gives it back."""
    return yaml.dump(values, Dumper=_CoreDumper, sort_keys=False, allow_unicode=True)


class _CoreLoader(yaml.SafeLoader):
    """YAML 1.2 core scalars, and no key twice."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"{key!r} is given twice{node.start_mark}")
        return super().construct_mapping(node, deep)


class _CoreDumper(yaml.SafeDumper):
    """Quotes what YAML 1.1 readers would take for something else."""


_CORE = {  # what plain scalars are, after YAML 1.2, chapter 10.3
    "null": (r"~|null|Null|NULL|", "~nN\0"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
}
_CoreLoader.yaml_implicit_resolvers = {}
for _kind, (_pattern, _first) in _CORE.items():
    for _yaml in (_CoreLoader, _CoreDumper):
        _yaml.add_implicit_resolver(
            f"tag:yaml.org,2002:{_kind}",
            re.compile(rf"^(?:{_pattern})$"),
            [c.strip("\0") for c in _first],
        )


def _int(loader, node):
    return int(node.value, {"0o": 8, "0x": 16}.get(node.value[:2], 10))


def _text(dumper, value):
    # PyYAML writes these bare, and reads them as ends of lines
    style = '"' if any(c in value for c in "\x85\u2028\u2029\ufeff") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_CoreLoader.add_constructor("tag:yaml.org,2002:int", _int)


_CoreDumper.add_representer(str, _text)
