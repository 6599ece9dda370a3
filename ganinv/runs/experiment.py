"""Parameters -> images, generator, one inversion per image -> records.

Images are done one after another, each saved before the next begins. The same call again
continues: what is finished under the same settings, weights and image bytes is kept.
"""

import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ganinv.compute.device import resolve_device
from ganinv.encoders.base import Encoder
from ganinv.errors import ImageError, ParamsError
from ganinv.files import sha256_file, write_json
from ganinv.generators.base import Generator
from ganinv.generators.load import load_generator
from ganinv.images.alignment import frame
from ganinv.images.pixels import from_pil
from ganinv.images.reading import open_image, read_bytes
from ganinv.inversion.invert import Inversion, invert, resolve
from ganinv.inversion.spaces import check_space
from ganinv.inversion.starts import check_start, find_encoder
from ganinv.inversion.style_axes import find_style_matrices
from ganinv.numerics import NUMERICS
from ganinv.runs.environment import environment
from ganinv.runs.inputs import Photo, find_photos
from ganinv.runs.params import Params
from ganinv.runs.records import SETTINGS, Results, save_inversion, write_params
from ganinv.weights.manifest import ensure


@dataclass(frozen=True)
class Run:
    """What `run_experiment` did: where, under which resolved parameters, with what results."""

    out: Path
    params: Params
    photos: list[Photo]
    results: dict

    @property
    def failed(self) -> dict[str, str]:
        """The images that failed, with their reasons."""
        return self.results["failed"]


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
    """Hash all that decides an image's result, the image aside: parameters, weights, numerics."""
    values = params.model_dump(include=SETTINGS)
    if Path(params.init).is_file():
        values["init"] = hashlib.sha256(Path(params.init).read_bytes()).hexdigest()
    text = json.dumps([numerics, values, weights], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def run_experiment(
    params: Params,
    *,
    fresh: bool = False,
    say: Callable[[str], None] = print,
    invert: Callable[..., Inversion] = invert,
) -> Run:
    """Invert every image of `params` into `params.out`; return a `Run`.

    An image that cannot be read, has no face to align, or whose loss stops being finite is noted
    in the results' "failed" with its reason, and the others are done. `fresh` ignores what an
    earlier call finished; `invert` is the function that searches. Raises ParamsError or
    WeightsError before anything runs.
    """
    device = resolve_device(params.device)
    photos = find_photos(params.images, params.align, params.out)
    generator = load_generator(params.generator, device)
    params = settle(params, generator)
    encoder = prepare(params, generator)
    weights = weights_used(generator, encoder)
    out = Path(params.out)
    ids = [photo.id for photo in photos]
    results = Results(out, settings_key(params, weights), ids, fresh)
    if (out / "metrics.json").is_file() and not fresh and not (results.images or results.earlier):
        say(f"{out} holds results under other parameters, weights or numerics; they are replaced")
    write_params(out, params)

    @functools.cache
    def note_environment():  # once, and not where everything was finished by an earlier call
        write_json(out / "environment.json", environment(params, weights))

    search = functools.partial(invert, generator, params=params, encoder=encoder)
    for number, photo in enumerate(photos, 1):
        count = f"[{number}/{len(photos)}]"
        _one(photo, count, params, generator, search, results, note_environment, say)
    results.save()
    if not (out / "environment.json").is_file():
        note_environment()
    return Run(out, params, photos, results.as_dict())


def prepare(params: Params, generator: Generator) -> Encoder | None:
    """Check that a search can begin; return the encoder that every image is given, or None.

    Raises ParamsError or WeightsError for a start, or coordinates, that no image could begin with.
    """
    encoder = find_encoder(params, generator)
    try:
        check_space(params.space, generator)
        if params.coordinates == "style":
            find_style_matrices(generator)
        check_start(params, generator, encoder)
    except ValueError as error:
        raise ParamsError(str(error)) from None
    return encoder


def _one(photo, count, params, generator, search, results, note_environment, say):
    """Invert one image into its folder, or note why not."""
    try:
        data = read_bytes(photo.path)
        marks = {"image_sha256": hashlib.sha256(data).hexdigest(), "align": photo.align}
        if results.finished(photo.id, **marks):
            say(f"{count} {photo.id}: finished earlier, kept")
            return
        say(f"{count} {photo.id}")
        framed = frame(
            open_image(data),
            generator.resolution,
            photo.align,
            notice=lambda text: say(f"notice: {photo.path}: {text}"),
        )
        note_environment()
        inversion = search(from_pil(framed), image_id=photo.name)
        results.begin(photo.id)
        save_inversion(
            results.folder / photo.id,
            inversion,
            title=photo.title,
            params=params,
            generator=generator,
        )
    except (ImageError, OSError, torch.OutOfMemoryError) as error:
        say(f"warning: {photo.path}: {error}")
        results.fail(photo.id, f"{photo.title}: {error}")
        return
    if inversion.stopped:
        say(f"warning: {photo.path}: {inversion.stopped}")
        results.fail(photo.id, f"{photo.title}: {inversion.stopped}")
        return
    results.add(photo.id, _entry(photo, inversion) | marks)


def _entry(photo: Photo, inversion: Inversion) -> dict:
    return (
        inversion.metrics
        | inversion.settings
        | {
            "numerics": NUMERICS,
            "seconds": inversion.seconds,
            "steps": len(inversion.history),
            "evaluations": inversion.evaluations,
            "best_step": inversion.best_step,
            "best_loss": inversion.best_loss,
            "title": photo.title,
        }
    )
