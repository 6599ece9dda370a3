"""Finished trainings of small GANs, read back to be compared, and what is kept of each.

The results of a training are one JSON file, from which tables and pages are made where the training
itself is there no more: its card, the measures of its looks, its curves in few points, how steady
it was, how many different images its samples are near to, some samples, and a film of them. They
belong to one key: a hash of the parameters, the images and the generation of numerics.
"""

import base64
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ganinv.figures import data_uri
from ganinv.files import read_json, write_json
from ganinv.generators.base import Generator
from ganinv.generators.load import load_generator
from ganinv.images.pixels import to_uint8
from ganinv.images.writing import read_png
from ganinv.measures.distributions import nearest, set_features
from ganinv.seeds import image_rng
from ganinv.training.checkpoint import read_history
from ganinv.training.gan.checks import GAN
from ganinv.training.gan.networks import hash_images
from ganinv.training.gan.settings import GanParams
from ganinv.training.gan.train import GENERATOR, train_gan
from ganinv.training.gan.trouble import tell_trouble

LATE = 0.5  # of the steps
POINTS = 200  # of a curve: what more steps there are is averaged
CURVES = (
    "discriminator",
    "generator",
    "real",
    "fake",
    "discriminator_gradient",
    "generator_gradient",
)
RESULTS = "results"  # the folder of results, beside those of trainings
KEPT_ROWS = 4  # of the last grid of samples
CORNER = 4  # rows and columns of a grid that are the training's film
FRAMES, FRAME_QUALITY = 8, 70  # of the film that is kept
DIGITS = 6  # of a curve's numbers


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A finished training: its name, card and looks at its samples.

    `looks` are the rows of its history with measures, `curves` means of its steps' rows in at most
    `POINTS` runs of steps, by name, `step` among them. `unsteadiness` is the spread of the
    logarithm of the generator's gradient norm in the later half of the steps, `neighbours` the
    share of samples with different nearest images, NaN where that was not counted. `folder` is
    where it lies, None where only its results are here; `samples` are rows of its last grid, uint8
    (H, W, 3). `frames` are what is kept of its film, (step, data URI) each.
    """

    name: str
    card: Mapping[str, Any]
    looks: Sequence[Mapping[str, Any]]
    trouble: Sequence[Mapping[str, Any]]
    curves: Mapping[str, Sequence[float]]
    unsteadiness: float
    samples: np.ndarray
    neighbours: float = float("nan")
    folder: Path | None = None
    frames: Sequence[tuple[int, str]] = ()

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters, by name."""
        return self.card["params"]

    @property
    def last(self) -> Mapping[str, Any]:
        """The last look."""
        return self.looks[-1]

    @property
    def measured(self) -> int:
        """The number of samples that a look measures."""
        return min(self.params["measure_count"], self.card["images"]["count"])

    def film(self) -> list[tuple[int, np.ndarray]]:
        """Read the same z as drawn on the way: [(step, uint8 (H, W, 3))], in its order.

        A picture is the upper left `CORNER` rows and columns of a grid. Where only results are
        here, these are the frames that they hold, or the last samples alone.
        """
        if self.folder is None:
            kept = [(step, decode(uri)) for step, uri in self.frames]
            return kept or [(self.last["step"], self._corner(self.samples))]
        found = _pictures(self.folder)
        return [(_step_of(path), self._corner(read_png(path))) for path in found]

    def _corner(self, picture):
        size = picture.shape[1] // self.params["grid"]
        return picture[: CORNER * size, : CORNER * size]

    def setback(self) -> float:
        """Find the largest rise of KID above the lowest before it, at looks of the later steps."""
        looks = [row for row in self.looks if "kid" in row]
        late = [row["kid"] for row in looks if row["step"] >= LATE * looks[-1]["step"]]
        lowest = np.minimum.accumulate(late)
        return float((np.asarray(late) - lowest).max())


def read_training(folder: str | Path, name: str) -> Trained:
    """Read the training that was finished in a folder."""
    folder = Path(folder)
    card, history = read_json(folder / "card.json"), read_history(folder)
    steps = [row for row in history if "discriminator" in row]
    return Trained(
        name=name,
        card=card,
        looks=[row for row in history if "spread" in row],
        trouble=tell_trouble(history, card["params"]["objective"]),
        curves=thin(steps),
        unsteadiness=unsteadiness([row["generator_gradient"] for row in steps]),
        samples=read_png(_pictures(folder)[-1]),
        folder=folder,
    )


def _pictures(folder):
    return sorted((folder / "samples").glob("step_*.png"))


def _step_of(path):
    return int(path.stem.removeprefix("step_"))


def thin(steps: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    """Average the rows of steps in at most `POINTS` runs: {name: values}, with each run's last
    step."""
    parts = np.array_split(np.arange(len(steps)), min(POINTS, max(len(steps), 1)))
    means = {
        name: [float(np.mean([steps[i][name] for i in part])) for part in parts if len(part)]
        for name in CURVES
    }
    return {"step": [steps[part[-1]]["step"] for part in parts if len(part)]} | means


def unsteadiness(gradients: Sequence[float]) -> float:
    """Compute the spread of the logarithm of gradient norms, in the later half; NaN for none."""
    late = np.asarray(gradients[int(LATE * len(gradients)) :], dtype=float)
    return float(np.log(np.maximum(late, 1e-12)).std()) if len(late) else float("nan")


# --- results --------------------------------------------------------------------------------------


def training_key(params: GanParams, images: np.ndarray) -> str:
    """Hash what decides a training's results: its parameters, images (N, S, S, 3) and numerics."""
    values = GAN.decisive(params) | {
        "images": hash_images(images),
        "steps": params.steps,
        "patience": params.patience,
    }
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def write_results(path: str | Path, trained: Trained, key: str) -> None:
    """Write the results of a training as JSON, to be published: without this machine's folders."""
    size = trained.samples.shape[1] // trained.params["grid"]
    kept = {name: value for name, value in vars(trained).items() if name != "folder"}
    about = {k: x for k, x in trained.card["environment"].items() if k != "command"}
    kept["card"] = {**trained.card, "environment": about}
    kept["curves"] = {
        name: [float(f"{value:.{DIGITS}g}") for value in values]
        for name, values in trained.curves.items()
    }
    kept["samples"] = data_uri(trained.samples[: KEPT_ROWS * size])
    kept["frames"] = [(n, data_uri(shown, FRAME_QUALITY)) for n, shown in spaced(trained.film())]
    write_json(path, {"key": key} | kept)


def read_results(path: str | Path, key: str) -> Trained | None:
    """Read results of this key; None where there are none, or of another training."""
    try:
        kept = read_json(path)
        if kept.pop("key") != key:
            return None
        kept["samples"] = decode(kept["samples"])
        return Trained(**kept)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def spaced(frames: Sequence[tuple[int, np.ndarray]]) -> list[tuple[int, np.ndarray]]:
    """Choose at most `FRAMES` pictures of a film, evenly, the first and the last among them."""
    places = np.linspace(0, len(frames) - 1, min(FRAMES, len(frames))).round().astype(int)
    return [frames[place] for place in places]


def decode(uri: str) -> np.ndarray:
    """Decode a picture from a data URI: uint8 (H, W, 3)."""
    encoded = uri.partition(",")[2]
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
        return np.asarray(picture.convert("RGB"))


def make_training(
    params: GanParams,
    name: str,
    images: np.ndarray,
    known: Tensor,
    *,
    kept: Iterable[str | Path] = (),
    fresh: bool = False,
    say: Callable[[str], object] = print,
) -> Trained:
    """Return a training's results; where there are none under its key, train first.

    They lie in `RESULTS` beside `params.out`, or in one of the folders `kept`. `images` (N, S, S,
    3) are those of the set, `known` the features of all but the last of them, as `set_features`
    gives them: as many samples are drawn as are left, and their nearest images counted. With
    `fresh`, results are not looked for. Raises as `train_gan` does.
    """
    key, out = training_key(params, images), Path(params.out)
    own = out.parent / RESULTS / f"{out.name}.json"
    for path in () if fresh else (own, *(Path(folder) / own.name for folder in kept)):
        if found := read_results(path, key):
            say(f"{name}, seed {params.seed}: finished before; its results are in {path}")
            return found
    train_gan(params, fresh=fresh, say=say)
    trained = read_training(out, name)
    samples = draw_samples(trained, len(images) - len(known))
    share, _ = different_neighbours(samples, known)
    trained = replace(trained, neighbours=share)
    write_results(own, trained, key)
    return trained


# --- samples --------------------------------------------------------------------------------------


def draw_samples(trained: Trained, count: int, device: str = "cpu") -> np.ndarray:
    """Draw `count` images of a generator, which is still there, by its seed: uint8 (N, S, S, 3)."""
    if trained.folder is None:
        raise ValueError(f"of {trained.name} only the results are here, not its generator")
    generator = load_generator(trained.folder / GENERATOR, device)
    return draw_images(generator, count, image_rng(trained.params["seed"], "samples"))


@torch.no_grad()
def draw_images(generator: Generator, count: int, rng: torch.Generator) -> np.ndarray:
    """Draw `count` images of a generator, from the z that `rng` draws: uint8 (N, S, S, 3)."""
    z = torch.randn(count, generator.z_dim, generator=rng).to(generator.device)
    images = torch.cat([generator.synthesis(generator.mapping(part)) for part in z.split(64)])
    return np.stack([to_uint8(image) for image in images])


def different_neighbours(
    samples: np.ndarray, known: Tensor, device: str = "cpu"
) -> tuple[float, Tensor]:
    """Count the different images that are the nearest to a sample, by the number of samples.

    The share lies in (0, 1]. Samples are uint8 (N, S, S, 3), `known` the features of the images,
    as `set_features` gives them. Also returns the index of each sample's nearest image.
    """
    index, _ = nearest(known, set_features(samples, device))
    return len(set(index.tolist())) / len(index), index
