"""What a call settles before its first photograph: parameters, weights, and the key of both."""

import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ganinv.compute.device import resolve_device
from ganinv.encoders.base import Encoder
from ganinv.errors import ParamsError
from ganinv.files import sha256_file, split_part
from ganinv.generators.base import Generator
from ganinv.generators.load import load_generator
from ganinv.inversion.invert import resolve
from ganinv.inversion.params import losses_of, start_folder
from ganinv.inversion.refinement import beside, check_refine
from ganinv.inversion.result import Inversion
from ganinv.inversion.spaces import check_space
from ganinv.inversion.starts import check_start, find_encoder
from ganinv.inversion.style_axes import find_style_matrices
from ganinv.losses.terms import check_own
from ganinv.numerics import NUMERICS
from ganinv.runs.environment import environment
from ganinv.runs.params import Params
from ganinv.runs.records import SETTINGS
from ganinv.weights.find import ensure


@dataclass(frozen=True)
class Plan:
    """What decides the results of a call, the photographs aside, and the search that makes them.

    `params` have no `auto` left but that of `out`, `key` is the hash of their settings,
    `resolution` the generator's in pixels; `environment` gathers what environment.json says.
    """

    params: Params
    key: str
    resolution: int
    search: Callable[..., Inversion]
    environment: Callable[[], dict[str, Any]]


def make_plan(params: Params, invert: Callable[..., Inversion]) -> Plan:
    """Load what a search needs and settle the parameters; `invert` is the function that searches.

    Raises ParamsError or WeightsError.
    """
    generator = load_generator(params.generator, resolve_device(params.device))
    params = settle(params, generator)
    encoder = prepare(params, generator)
    weights = weights_used(generator, encoder)
    shown = params if params.keep == "all" else params.replace(snapshot_every=0)  # no animation
    return Plan(
        params,
        settings_key(params, weights),
        generator.resolution,
        functools.partial(invert, generator, params=shown, encoder=encoder),
        functools.partial(environment, params, weights),
    )


def settle(params: Params, generator: Generator) -> Params:
    """Replace every `auto` of the parameters by what it means here.

    Raises ParamsError for images too small to be measured.
    """
    if generator.resolution < 32:
        raise ParamsError(
            f"{generator.name} makes images of {generator.resolution} pixels; LPIPS needs 32"
        )
    return resolve(params, generator).model_copy(update={"device": str(generator.device)})


def weights_used(generator: Generator, encoder: Encoder | None = None) -> dict[str, str]:
    """Return the SHA-256 of every weight file that decides the result, by name."""
    used = {generator.name: generator.sha256}
    if encoder is not None:
        used[f"{encoder.name} (encoder)"] = encoder.sha256  # a generator may have the same name
    return used | {name: sha256_file(ensure(name)) for name in ("lpips-alex", "lpips-vgg")}


def settings_key(params: Params, weights: dict[str, str], *, numerics: int = NUMERICS) -> str:
    """Hash all that decides an image's result, the image aside: parameters, weights, numerics.

    Of weights and starts it is their bytes that count, not where they lie, and of a device its
    kind, so that several GPUs can share a run.
    """
    values = params.deciding(SETTINGS - {"generator", "encoder", "init_any"})
    values["device"] = params.device.partition(":")[0]
    file, part = split_part(params.init)
    begun = [file] if file.is_file() else []
    if params.refine != "none" and (refinement := beside(params.init)):
        begun.append(refinement)
    if start_folder(params.init):
        values["init"] = "folder"  # an image's entry says which latent
    if begun:
        values["init"] = "+".join(map(sha256_file, begun)) + (part and f":{part}")
    text = json.dumps([numerics, values, sorted(weights.values())], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def prepare(params: Params, generator: Generator) -> Encoder | None:
    """Check that a search can begin; return the encoder that every image is given, or None.

    Raises ParamsError or WeightsError for a start, or coordinates, that no image could begin with.
    """
    encoder = find_encoder(params, generator)
    try:
        for loss in losses_of(params):
            check_own(loss, {})
        check_refine(params, generator)
        check_space(params.space, generator)
        if params.coordinates == "style":
            find_style_matrices(generator)
        check_start(params, generator, encoder)
    except ValueError as error:
        raise ParamsError(str(error)) from None
    return encoder
