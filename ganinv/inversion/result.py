"""The result of a search: how it shows itself, and the files it is saved as."""

import html
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import Tensor

from ganinv import figures
from ganinv.core_yaml import dump_yaml
from ganinv.errors import BadArgumentsError
from ganinv.files import remove_file, write_csv, write_json, write_text
from ganinv.images.pixels import to_uint8
from ganinv.images.writing import save_png
from ganinv.inversion.latent_files import GeneratorFile, save_latent
from ganinv.inversion.params import SearchParams
from ganinv.inversion.refinement import (
    REFINEMENT,
    Refinement,
    describe_refinement,
    save_refinement,
)
from ganinv.inversion.search import Found
from ganinv.measures.reconstruction import metric_words

SHOWN_SIDE = 224  # pixels of a picture in a notebook


@dataclass(frozen=True)
class Inversion:
    """What a search found, on the CPU.

    `latent` (num_ws, w_dim) is the best seen and `best_step` the step that evaluated it; `noise`
    are the optimized maps that belong to it, {} where the generator's own do. `refinement` is what
    was then added (see `inversion.refinement`), float16, or {}; `best_step` and `best_loss` are
    then those of the refinement, `code_image` is what the latent alone renders, and `code_metrics`
    say how good that is. `image` and `target` are (3, H, W) in [-1, 1], `image` not clamped.
    `history` has one dict per step: step, phase ("code" or "refine"), loss, its terms, lr, seconds
    (those of the start included) and evaluations, both counted from the start, and best_step, the
    step that evaluated the best so far of its phase. `stopped` is the reason where the search ended
    early, else "", and `interrupted` whether an interrupt ended it. `settings` are the precision
    and whether the search was compiled, as it really ran; `params` are those of the search;
    `generator` and `generator_sha256` the generator's name and the hash of its weight file.
    """

    latent: Tensor
    noise: dict[str, Tensor]
    image: Tensor
    target: Tensor
    history: list[dict]
    metrics: dict[str, float]
    best_step: int
    best_loss: float
    evaluations: int
    seconds: float
    stopped: str
    settings: dict[str, str]
    snapshots: list[tuple[int, np.ndarray]] = field(default_factory=list)
    trace: list[Found] = field(default_factory=list)
    interrupted: bool = False
    refinement: Refinement = field(default_factory=dict)
    code_image: Tensor | None = None
    code_metrics: dict[str, float] = field(default_factory=dict)
    params: SearchParams | None = None
    generator: str = ""
    generator_sha256: str = ""

    def __repr__(self) -> str:
        """Return a line: shapes, steps, metrics."""
        parts = [f"latent {tuple(self.latent.shape)}", f"image {tuple(self.image.shape)}"]
        if self.noise:
            parts.append(f"{len(self.noise)} noise maps")
        if self.refinement:
            parts.append(f"refined by {describe_refinement(self.refinement)}")
        return f"Inversion({', '.join(parts + self._numbers())})"

    def _numbers(self) -> list[str]:
        """The steps, the metrics and how it ended, in words."""
        best = f" (best: {self.best_step}, loss {self.best_loss:.4g})" if self.history else ""
        shown = metric_words(self.metrics)
        return [f"{len(self.history)} steps{best}", *shown, *([self.stopped] * bool(self.stopped))]

    def _repr_html_(self) -> str:
        """Show target, reconstruction and their difference in a notebook, with the metrics.

        Of a refined result also what the latent alone renders, with its metrics.
        """
        target, result = to_uint8(self.target), to_uint8(self.image)
        pictures = {"target": target}
        if self.code_image is not None:
            pictures["the code alone"] = to_uint8(self.code_image)
        pictures["reconstruction"] = result
        pictures["difference, black for none"] = figures.difference_image(target, result)
        shown = [
            figures.image_html(_sized(picture), alt=name, caption=name)
            for name, picture in pictures.items()
        ]
        lines = [" · ".join([*([self.generator] * bool(self.generator)), *self._numbers()])]
        if self.refinement:
            lines.append(f"refined by {describe_refinement(self.refinement)}")
            lines[-1] += f"; the code alone: {' · '.join(metric_words(self.code_metrics))}"
        text = "".join(f"<div>{html.escape(line)}</div>" for line in lines)
        row = f'<div style="display: flex; flex-wrap: wrap; gap: 0.6rem">{"".join(shown)}</div>'
        return f"<div>{row}{text}</div>"

    def save(self, folder: str | Path) -> Path:
        """Write the result into a folder, made where it is missing, and return its path.

        `~` is expanded. It holds the files of `save_result`, metrics.json (the metrics and how the
        search went) and, where they are known, the parameters as params.yaml. Each file is whole
        or absent. Raises BadArgumentsError for a folder without a name or one that is a file,
        WriteError where a file cannot be written.
        """
        place = _folder(folder)
        save_result(place, self)
        write_json(place / "metrics.json", self.summary())
        if self.params is not None:
            write_text(place / "params.yaml", dump_yaml(self.params.model_dump()))
        return place

    def summary(self) -> dict:
        """Return the metrics and how the search went, as plain numbers and words."""
        return (
            self.metrics
            | self.settings
            | {
                "seconds": self.seconds,
                "steps": len(self.history),
                "evaluations": self.evaluations,
                "best_step": self.best_step,
                "best_loss": self.best_loss,
                "stopped": self.stopped,
                "interrupted": self.interrupted,
                "generator": self.generator,
                "generator_sha256": self.generator_sha256,
            }
            | ({"code": self.code_metrics} if self.refinement else {})
        )


def save_result(folder: Path, inversion: Inversion) -> None:
    """Write what every folder of a result holds, whole files or none.

    They are those of `save_latents` and `save_pictures`, difference.png, history.csv and
    history.json. Raises WriteError.
    """
    save_pictures(folder, inversion)
    target, result = to_uint8(inversion.target), to_uint8(inversion.image)
    save_png(folder / "difference.png", figures.difference_image(target, result))
    save_latents(folder, inversion)
    write_csv(folder / "history.csv", inversion.history)
    write_json(folder / "history.json", inversion.history)


def save_latents(folder: Path, inversion: Inversion) -> None:
    """Write what a result is: latent.safetensors, which names the generator.

    Of a refined result also refinement.safetensors. Raises WriteError.
    """
    origin = GeneratorFile(inversion.generator, inversion.generator_sha256)
    remove_file(folder / REFINEMENT)  # another result's, which would be taken for this one's
    save_latent(folder / "latent.safetensors", inversion.latent, origin, inversion.noise)
    if inversion.refinement:
        save_refinement(folder / REFINEMENT, inversion.refinement, origin)


def save_pictures(folder: Path, inversion: Inversion) -> None:
    """Write target.png and reconstruction.png.

    Of a refined result also code.png, what the latent alone renders. Raises WriteError.
    """
    save_png(folder / "target.png", to_uint8(inversion.target))
    save_png(folder / "reconstruction.png", to_uint8(inversion.image))
    remove_file(folder / "code.png")  # another result's, which would be taken for this one's
    if inversion.code_image is not None:
        save_png(folder / "code.png", to_uint8(inversion.code_image))


def _folder(folder):
    if not str(folder):
        raise BadArgumentsError("name the folder to save into; got an empty name")
    try:
        folder = Path(folder).expanduser()
    except RuntimeError as error:  # the home of a user who does not exist
        raise BadArgumentsError(f"{folder}: {error}") from None
    if folder.exists() and not folder.is_dir():
        raise BadArgumentsError(f"{folder} is a file; name a folder to save into")
    return folder


def _sized(picture):
    """Bring a picture near the size that is shown: tiny ones are enlarged by whole factors."""
    factor = max(1, SHOWN_SIDE // picture.shape[1])
    return figures.shrink(picture.repeat(factor, 0).repeat(factor, 1), SHOWN_SIDE)
