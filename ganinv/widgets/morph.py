"""Controls for the way between two inverted faces: two choices, and a slider for how far."""

import time
from pathlib import Path
from typing import Any

import ipywidgets
from torch import Tensor

from ganinv.compute.device import resolve_precision
from ganinv.compute.render import make_preview
from ganinv.editing.morph import Way
from ganinv.editing.sources import read_code
from ganinv.errors import printable
from ganinv.inversion.latent_files import LATENT
from ganinv.inversion.refinement import weight_changes
from ganinv.runs.names import SAVED
from ganinv.runs.records import is_finished, read_record
from ganinv.widgets.shared import LIVE, Face, Note, open_codes, preview_of

STEP = 0.05  # of the way


class MorphWidget(ipywidgets.VBox):
    """Two inverted faces to choose, and a slider for the share of the way from one to the other.

    The faces are those of the runs in `out`, or of the run that `out` is. The way is that of `Way`:
    straight, with refined features that move along. *Look again* finds what was inverted since.
    """

    def __init__(self, out: str | Path = "runs/quickstart") -> None:
        self.out = Path(out)
        self.face, self.message = Face(), Note()
        self.first = ipywidgets.Dropdown(description="from")
        self.second = ipywidgets.Dropdown(description="to")
        self.share = ipywidgets.FloatSlider(
            0.5, min=0.0, max=1.0, step=STEP, description="share", readout_format=".0%"
        )
        self.look_button = ipywidgets.Button(description="Look again")
        self.look_button.on_click(self.look)
        self._way: Way | None = None
        self._is_looking = False
        super().__init__()
        self.look()
        for choice in (self.first, self.second):
            choice.observe(self.choose, "value")
        self.share.observe(self.render, "value")

    def look(self, _: Any = None) -> None:
        """Look for inverted faces; keep the choices where they are still there."""
        faces = {printable(name): path for name, path in find_faces(self.out).items()}
        chosen = self.first.value, self.second.value
        self._is_looking = True
        for number, choice in enumerate((self.first, self.second)):
            choice.options = list(faces.items())
            there = [path for path in faces.values() if path == chosen[number]]
            choice.value = next(iter(there or list(faces.values())[number:]), None)
        self._is_looking = False
        if len(faces) < 2:
            self.children = [self.look_button, self.message]
            self.message.tell(
                f"A morph needs two inverted faces; {self.out} holds {len(faces) or 'none'}. "
                "Invert another one, then look again."
            )
            return
        choices = ipywidgets.HBox([self.first, self.second, self.look_button])
        self.children = [choices, self.face, self.share, self.message]
        self.choose()

    def choose(self, _: Any = None) -> None:
        """Read the two faces that are chosen, and show the share of the way between them."""
        if self._is_looking:
            return
        self._way = None
        with self.message.told():
            paths = self.first.value, self.second.value
            generator, codes = open_codes([read_code(path.parent.name, path) for path in paths])
            # changed weights make another generator at each place, not worth compiling
            tuned = any(weight_changes(code.refinement) for code in codes)
            precision = resolve_precision("auto", generator.device)
            draw = make_preview(precision, "off") if tuned else preview_of(codes[0], generator)
            self._way = Way(generator, codes, draw=draw)
            self._picture()  # which may compile
            started = time.perf_counter()
            self.face.show(self._picture())
            self.share.continuous_update = time.perf_counter() - started < LIVE
            self.message.tell()

    def render(self, _: Any = None) -> None:
        """Show the face at the share of the way that the slider stands at."""
        if self._way is not None:
            with self.message.told():
                self.face.show(self._picture())
                self.message.tell()

    def _picture(self) -> Tensor:
        assert self._way is not None
        return self._way.render(self.share.value)


def find_faces(out: str | Path) -> dict[str, Path]:
    """Find the latents of finished images in a run, or in the runs of a folder, by their names.

    A name is the image's, with its run's where `out` holds several. Edits are left out.
    """
    found = sorted({*Path(out).glob(f"*/{LATENT}"), *Path(out).glob(f"*/*/{LATENT}")})
    faces = {}
    for path in found:
        folder = path.parent
        record = read_record(folder.parent, folder.name)
        if folder.parent.name != SAVED and (record is None or is_finished(record)):
            faces[folder.relative_to(out).as_posix()] = path
    return faces
