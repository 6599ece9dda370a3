"""A sample of what is published, computed again: latents rendered, and one short run.

The same versions on the same CPU give the same bits. On another machine the last bits differ: one
encoder's code on an AMD EPYC and on an Intel Xeon lay within 2e-6 in every metric, dB and LPIPS
alike. The tolerances are those of `ganinv verify`.
"""

import random
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganinv.compute.device import resolve_device
from ganinv.compute.render import render_result
from ganinv.errors import GaninvError
from ganinv.files import read_json, sha256_file
from ganinv.generators.base import Generator
from ganinv.generators.load import load_generator
from ganinv.images.alignment import cut_squares
from ganinv.images.pixels import from_pil
from ganinv.images.reading import open_image
from ganinv.inversion.latent_files import load_latent, load_noise, maker_of
from ganinv.measures.reconstruction import METRICS, compute_metrics
from ganinv.report.numbered import FIGURES
from ganinv.report.publish import LATENTS
from ganinv.report.told import SUMMARIES
from ganinv.runs.experiment import run_experiment
from ganinv.runs.inputs import find_photos
from ganinv.runs.params import Params
from ganinv.runs.sets import is_here
from ganinv.runs.verify import differs

SAMPLE = 3  # latents that are rendered again
RECIPE, PORTRAITS = "encoder", "portraits"  # of starts.json, and the set that it is on
SHORT = 5  # steps of a run that is computed again, at most


@dataclass(frozen=True)
class Again:
    """A result computed again: where it is published, its entry there, and its metrics now."""

    place: str
    entry: Mapping[str, Any]
    metrics: Mapping[str, float]

    @property
    def decibels(self) -> float:
        """By how much PSNR differs; it is null in JSON, and infinite, where the pixels agree."""
        published, now = METRICS["psnr"].read(self.entry["psnr"]), self.metrics["psnr"]
        return 0.0 if published == now else abs(published - now)

    def complaints(self) -> list[str]:
        """Say which metrics differ by more than their tolerance."""
        names = [name for name in METRICS if name in self.entry]
        found = (differs(name, dict(self.entry), dict(self.metrics)) for name in names)
        return [f"{self.place} computed again: {text}" for text in found if text]


def latents_of(folder: Path) -> list[tuple[str, str]]:
    """List the experiments' results that are published, (experiment, image id) each."""
    return [
        (name, image_id)
        for name in SUMMARIES
        if (folder / f"{name}.json").is_file()
        for image_id in read_json(folder / f"{name}.json")["metrics"]["images"]
    ]


def check_latents(folder: Path) -> list[str]:
    """Compare the latents with their checksums: one sentence for each that is another, or gone.

    So it is for a checksum whose result has gone.
    """
    checksums = dict(read_json(folder / FIGURES / f"{LATENTS}.json"))
    there = latents_of(folder)
    left = checksums.keys() - {f"{name}/{image_id}" for name, image_id in there}
    faults = [
        f"the result {place}, of which a latent is kept, is not there" for place in sorted(left)
    ]
    for name, image_id in there:
        path = folder / LATENTS / name / f"{image_id}.safetensors"
        wanted = checksums.get(f"{name}/{image_id}")
        if not path.is_file():
            faults.append(f"{path.relative_to(folder)} is not there")
        elif sha256_file(path) != wanted:
            faults.append(f"{path.relative_to(folder)} is not the latent that was published")
    return faults


def render_sample(
    folder: Path,
    count: int = SAMPLE,
    seed: int = 0,
    load: Callable[..., Generator] = load_generator,
) -> Iterator[Again]:
    """Render a seeded sample of the published latents again, and measure them.

    Raises ValueError, in a sentence, for a latent or a photograph that cannot be used.
    """
    there = latents_of(folder)
    for name, image_id in random.Random(seed).sample(there, min(count, len(there))):
        summary = read_json(folder / f"{name}.json")
        params = Params.make(summary["params"])
        generator = load(params.generator, resolve_device("cpu"))
        path = folder / LATENTS / name / f"{image_id}.safetensors"
        latent, metadata = load_latent(path)
        if maker_of(metadata) != generator.sha256:
            raise ValueError(f"{path.relative_to(folder)} was made with other weights")
        image = render_result(generator, latent, load_noise(path))
        entry = summary["metrics"]["images"][image_id]
        target = _target(params, image_id, entry, generator.resolution)
        yield Again(f"{name}.json, {image_id}", entry, compute_metrics(image, target))


def _target(params, image_id, entry, size):
    """The photograph as it was inverted. Raises ValueError where it is not there, or another."""
    found = find_photos(params.images, params.align, params.face, only={image_id})
    if not found:
        raise ValueError(f"no photograph of {', '.join(params.images)} has the id {image_id}")
    (photo,) = found
    if sha256_file(photo.path) != entry["image_sha256"]:
        raise ValueError(f"{photo.path} is not the photograph that {image_id} was made of")
    (cut,) = cut_squares(open_image(photo.path), size, photo.align, face=photo.face or "largest")
    return from_pil(cut.image)


def run_short(folder: Path) -> Again | None:
    """Run the first search of starts.json again: an encoder's code, before any step.

    None where its portraits are not here (`ganinv data portraits` fetches them). Raises ValueError
    where starts.json is of longer searches, or the run fails.
    """
    file = folder / "starts.json"
    if not is_here(PORTRAITS):
        return None
    found = read_json(file)
    row = next(row for row in found["runs"] if row["recipe"] == RECIPE)
    settings = found["recipes"][RECIPE]["params"]
    if settings["steps"] > SHORT:
        raise ValueError(f"{file.name}: a search of {settings['steps']} steps is no short run")
    image_id = row["photograph"]
    with tempfile.TemporaryDirectory() as work:
        own: dict[str, Any] = {"images": [f"set:{PORTRAITS}/study"], "out": work, "device": "cpu"}
        own |= {"log_every": 0, "snapshot_every": 0, "keep": "latents"}
        params = Params.make(settings | own)
        try:
            run = run_experiment(params, only={image_id}, say=lambda text: None)
        except GaninvError as error:
            raise ValueError(str(error)) from None
    if image_id not in run.results["images"]:
        raise ValueError(f"{file.name}, {image_id}: {run.results['failed'].get(image_id)}")
    return Again(f"{file.name}, {RECIPE} on {image_id}", row, run.results["images"][image_id])
