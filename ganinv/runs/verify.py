"""Render each latent of a run again, with its refinement, and compare its metrics.

They are compared with target.png; where the run kept no pictures, with the square that the record
says, cut again out of the photograph.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from PIL import Image
from torch import Tensor

from ganinv.compute.device import resolve_device
from ganinv.compute.render import render_result
from ganinv.errors import ImageError, WeightsError
from ganinv.generators.base import Generator
from ganinv.generators.load import load_generator
from ganinv.images.crops import Crop, cut_again, find_photograph
from ganinv.images.pixels import from_pil, to_uint8
from ganinv.images.reading import open_image
from ganinv.images.writing import read_png
from ganinv.inversion.latent_files import load_latent, load_noise, maker_of
from ganinv.inversion.refinement import (
    REFINEMENT,
    Refinement,
    check_refinement,
    load_refinement,
    render_refined,
)
from ganinv.measures.reconstruction import METRICS, compute_metrics
from ganinv.runs.gathered import gather_folder, read_gathered
from ganinv.runs.names import RECORD, files_of
from ganinv.runs.params import Params
from ganinv.runs.records import read_metrics


def verify(
    folder: str | Path, *, device: str = "auto", say: Callable[[str], None] = print
) -> dict[str, str]:
    """Render each latent of a run again and compare its metrics; return {id: complaint}.

    The dict is empty when everything came out the same, up to each metric's tolerance.
    Raises ValueError where `folder` holds no run, WeightsError where its generator is not here.
    """
    folder = Path(folder)
    params, images = _recorded(folder)
    gathered: Mapping[str, dict] = images
    if (folder / "metrics.json").is_file():
        gathered = read_gathered(folder / "metrics.json")["images"]
    else:
        say(f"notice: {folder} has no metrics.json; `ganinv collect {folder}` gathers it")
    if not images:
        raise ValueError(f"{folder} holds no finished image to verify")
    generator = _load(params, folder, device)
    complaints = {}
    for name, entry, also in _beside(images, gathered):
        complaint = "metrics.json has it, but there is no record of it"
        if entry is not None:
            complaint = _checked(folder / name, entry, also, generator)
        if complaint:
            complaints[name] = complaint
        say(f"{name}: {complaint or 'same'}")
    return complaints


def _recorded(folder: Path) -> tuple[Params, Mapping[str, dict]]:
    """The parameters and the finished images of a run, by records or by its metrics.json."""
    if not folder.is_dir():
        raise ValueError(f"{folder} holds no run: there is no such folder")
    found = gather_folder(folder)
    if not found["images"] and not found["failed"]:
        found = read_metrics(folder / "metrics.json")
    return Params.load(folder / "params.yaml"), found["images"]


def _beside(
    images: Mapping[str, dict], gathered: Mapping[str, dict]
) -> Iterator[tuple[str, dict | None, dict]]:
    """Each image, its record, and what metrics.json says of it; None where there is no record."""
    for name, also in gathered.items():
        if name in images:
            yield name, images.get(name), also
    for name in images:
        if name not in gathered:
            yield name, images.get(name), {}
    for name in gathered:
        if name not in images:
            yield name, None, {}


def _checked(folder: Path, entry: dict, also: dict, generator: Generator) -> str:
    # those that were computed: a result may be older than a metric, and than its neighbours
    names = [m for m in METRICS if m in entry or m in also] or list(METRICS)
    try:
        return _complaint(folder, entry, also, names, generator)
    except (OSError, ValueError) as error:
        return str(error)


def _load(params: Params, folder: Path, device: str) -> Generator:
    """The run's generator; where it is not there, the message says where it was looked for."""
    try:
        return load_generator(params.generator, resolve_device(device))
    except WeightsError as error:
        file = folder / "params.yaml"
        where = f"{Path().resolve()} and, as {file} says, from {folder.resolve()}"
        raise WeightsError(f"{error} (looked for from {where})") from None


def _complaint(
    folder: Path, entry: dict, gathered: dict, names: list[str], generator: Generator
) -> str:
    """What is wrong with an image's results; `entry` is its record, `gathered` metrics.json's."""
    latent, metadata = load_latent(folder / "latent.safetensors")
    if maker_of(metadata) != generator.sha256:
        return f"its latent was made with other weights of {generator.name}"
    if tuple(latent.shape) != (generator.num_ws, generator.w_dim):
        return f"its latent has shape {tuple(latent.shape)}"
    refinement = _refinement(folder, entry, generator)
    noise = load_noise(folder / "latent.safetensors")
    code = render_result(generator, latent, noise)
    image = render_refined(generator, latent, noise, refinement) if refinement else code
    target = from_pil(_target(folder, entry)).to(image.device)
    again = compute_metrics(image, target)
    for name in names:
        if fault := differs(name, entry, again):
            return fault
        recorded = entry.get(name, "nothing")
        if gathered.get(name, "nothing") != recorded:
            said = gathered.get(name, "nothing")
            return f"{name} is {recorded}, and {said} in metrics.json; `ganinv collect` gathers it"
    files = files_of(entry)
    if "reconstruction.png" in files and not _is_picture_of(image, folder / "reconstruction.png"):
        return "reconstruction.png is not what its latent renders"
    if gathered.get("code") != entry.get("code"):
        return "the code's metrics are others in metrics.json; `ganinv collect` gathers them"
    if refinement:
        return _complaint_of_code(folder, entry, names, code, target)
    return ""


def _target(folder: Path, entry: dict) -> Image.Image:
    """What was inverted: its picture, or the same square of the photograph."""
    if "target.png" in files_of(entry):
        return open_image(folder / "target.png")
    try:
        crop = Crop.from_dict(entry.get("crop"))
        return cut_again(open_image(find_photograph(crop, folder / RECORD)), crop)
    except ImageError as error:
        raise ValueError(
            f"cannot be compared: it was kept without target.png, and {error}"
        ) from None


def _refinement(folder: Path, entry: dict, generator: Generator) -> Refinement:
    """The refinement that the record speaks of, {} for none. Raises ValueError for another."""
    path = folder / REFINEMENT
    if not isinstance(entry.get("code"), dict):
        if path.is_file():
            raise ValueError(f"{path.name} is there, but its record knows of no refinement")
        return {}
    refinement, metadata = load_refinement(path)
    if maker_of(metadata) != generator.sha256:
        raise ValueError(f"its refinement was made with other weights of {generator.name}")
    check_refinement(refinement, generator, path)
    return refinement


def _complaint_of_code(
    folder: Path, entry: dict, names: list[str], code: Tensor, target: Tensor
) -> str:
    """What is wrong with what the latent alone renders."""
    again = compute_metrics(code, target)
    for name in names:
        if fault := differs(name, entry["code"], again):
            return f"of the latent alone, {fault}"
    if "code.png" in files_of(entry) and not _is_picture_of(code, folder / "code.png"):
        return "code.png is not what its latent renders alone"
    return ""


def differs(name: str, recorded: dict, again: dict[str, float]) -> str:
    """Say in which way a metric differs by more than its tolerance; "" where it does not."""
    value = recorded.get(name, "nothing")
    if _same(value, again[name], METRICS[name].tolerance):
        return ""
    return f"{name} is {again[name]:.5f}, recorded as {value}"


def _is_picture_of(image: Tensor, path: Path) -> bool:
    try:
        stored = read_png(path).astype(int)
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read ({error})") from None
    pixels = to_uint8(image)
    return stored.shape == pixels.shape and abs(stored - pixels).max() <= 2


def _same(recorded: object, computed: float, tolerance: float) -> bool:
    if recorded is None:  # JSON has no infinity, and no NaN for what cannot be measured
        return not math.isfinite(computed)
    return isinstance(recorded, (int, float)) and abs(recorded - computed) <= tolerance
