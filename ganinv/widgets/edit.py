"""Controls for edits of an inverted face: a slider for each direction, the picture above them."""

import time
from pathlib import Path
from typing import Any

import ipywidgets
import torch
from torch import Tensor

from ganinv.editing.carry import Rendered
from ganinv.editing.directions import Direction, directions, find_direction
from ganinv.editing.edit import edit
from ganinv.editing.sources import Code, find_one, read_code
from ganinv.errors import printable
from ganinv.files import full_path, write_json
from ganinv.generators.base import Generator
from ganinv.images.pixels import to_uint8
from ganinv.images.writing import save_png
from ganinv.inversion.latent_files import LATENT, save_latent
from ganinv.inversion.refinement import (
    FEATURES,
    REFINEMENT,
    Refinement,
    feature_offsets,
    render_refined,
    save_refinement,
)
from ganinv.runs.names import SAVED
from ganinv.widgets.choices import WIDE
from ganinv.widgets.shared import LIVE, Face, Note, open_codes, preview_of

MOST = 3.0  # standard deviations of W, to either side
STEP = 0.5
COMPONENTS = 5  # of W, where the generator has no named directions


class EditWidget(ipywidgets.VBox):
    """An inverted face with a slider for each named direction of its generator; they add up.

    `source` is an image's folder in a run, or a latent's file; a refinement goes along. Reset sets
    the sliders to 0, Save writes picture and latent to edits/ in the run's folder. Sliders render
    while they move where a picture takes less than `live` seconds, else when they are let go; how
    many it took is in `seconds`. What goes wrong is told below them.
    """

    def __init__(self, source: str | Path, live: float = LIVE) -> None:
        self.face, self.about, self.message = Face(), Note(), Note()
        self.sliders: dict[str, ipywidgets.FloatSlider] = {}
        self.reset_button = ipywidgets.Button(description="Reset")
        self.save_button = ipywidgets.Button(description="Save")
        self.reset_button.on_click(self.reset)
        self.save_button.on_click(self.save)
        self.live, self.seconds = live, 0.0
        self._is_resetting = False
        super().__init__([self.message])
        with self.message.told():
            self._open(source)
            buttons = ipywidgets.HBox([self.reset_button, self.save_button])
            self.children = [
                self.face,
                self.about,
                *self.sliders.values(),
                buttons,
                self.message,
            ]

    @property
    def strengths(self) -> dict[str, float]:
        """The directions that are not at 0, with their strengths."""
        return {name: slider.value for name, slider in self.sliders.items() if slider.value}

    def latent(self) -> Tensor:
        """Return the code moved along all directions (num_ws, w_dim), as the sliders stand."""
        latent = self.code.latent
        for name, strength in self.strengths.items():
            latent = edit(self.generator, latent, self.directions[name], strength)
        return latent

    def render(self, _: Any = None) -> None:
        """Show the face as the sliders stand."""
        if not self._is_resetting:
            with self.message.told():
                self.face.show(self._rendered(self.latent()))
                self.message.tell()

    def reset(self, _: Any = None) -> None:
        """Set all sliders to 0, and show the face that was inverted."""
        self._is_resetting = True
        for slider in self.sliders.values():
            slider.value = 0.0
        self._is_resetting = False
        self.render()

    def save(self, _: Any = None) -> None:
        """Write the edit to a folder of its own, and say where."""
        with self.message.told():
            folder = _new_folder(self.code)
            save_edit(folder, self.generator, self.code, self.latent(), self.strengths)
            self.message.tell(f"saved in {folder}")

    def _open(self, source: str | Path) -> None:
        self.generator, (self.code,) = open_codes([read_code(*find_one(full_path(source)))])
        self._rendered = Rendered(
            self.generator, self.code, render=preview_of(self.code, self.generator)
        )
        self.face.show(self._rendered(self.code.latent))
        named = dict(sorted(directions(self.generator).items()))
        self.directions = named or components(self.generator)
        self.seconds = self._time_an_edit()
        about = f"Strengths are standard deviations of W; a picture takes {self.seconds:.2g} s."
        if not named:
            what = "these are the first principal components of W"
            about = f"{self.generator.name} has no named directions; {what}. {about}"
        self.about.tell(about)
        for name, direction in self.directions.items():
            self.sliders[name] = _slider(direction, continuous=self.seconds < self.live)
            self.sliders[name].observe(self.render, "value")

    def _time_an_edit(self) -> float:
        """Seconds for a picture of an edit; the first one may compile, and does not count."""
        edited = edit(self.generator, self.code.latent, next(iter(self.directions.values())), 1.0)
        self._rendered(edited)
        started = time.perf_counter()
        self.face.show(self._rendered(edited))
        seconds = time.perf_counter() - started
        self.face.show(self._rendered(self.code.latent))
        return seconds


def components(generator: Generator) -> dict[str, Direction]:
    """Return the first principal components of a generator's W, as directions by their names."""
    names = [f"pca:{k}" for k in range(min(COMPONENTS, generator.w_dim))]
    return {name: find_direction(generator, name) for name in names}


@torch.no_grad()
def save_edit(
    folder: Path, generator: Generator, code: Code, latent: Tensor, strengths: dict[str, float]
) -> None:
    """Write an edit of a code as a folder that holds a code again, with its picture.

    It holds edit.png, of the generator's size and in float32, latent.safetensors, of a refined code
    refinement.safetensors, and edit.json: the image and the strengths. Raises WriteError.
    """
    refinement = carried_refinement(generator, code, latent)
    if refinement:
        save_refinement(folder / REFINEMENT, refinement, generator)
    image = render_refined(generator, latent, code.noise, refinement)
    save_png(folder / "edit.png", to_uint8(image))
    save_latent(folder / LATENT, latent, generator, code.noise)
    write_json(folder / "edit.json", {"image": code.id, "strengths": strengths})


def carried_refinement(generator: Generator, code: Code, latent: Tensor) -> Refinement:
    """Return the refinement of a code as it goes with an edit, float16: its offsets move along."""
    refinement = {name: x.half() for name, x in code.refinement.items()}
    if feature_offsets(code.refinement):
        offsets = Rendered(generator, code).offsets_at(latent)
        refinement |= {f"{FEATURES}{r}": x.half().cpu() for r, x in offsets.items()}
    return refinement


def _new_folder(code: Code) -> Path:
    """The first of edits/ID-1, edits/ID-2, … that is not there, in the folder of the code's run."""
    place = code.path.parent.parent if code.path.name == LATENT else code.path.parent
    number = 1
    while (folder := place / SAVED / f"{code.id}-{number}").exists():
        number += 1
    return folder


def _slider(direction: Direction, *, continuous: bool) -> ipywidgets.FloatSlider:
    return ipywidgets.FloatSlider(
        0.0,
        min=-MOST,
        max=MOST,
        step=STEP,
        description=printable(direction.name),
        tooltip=direction.about,
        readout_format="+.1f",
        continuous_update=continuous,
        style={"description_width": "8em"},
        layout=WIDE,
    )
