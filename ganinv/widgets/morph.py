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
from ganinv.inversion.refinement import weight_changes
from ganinv.widgets.choices import LABELS, WIDE
from ganinv.widgets.pair import FacePair
from ganinv.widgets.shared import LIVE, Face, Note, open_codes, preview_of

STEP = 0.05  # of the way


class MorphWidget(ipywidgets.VBox):
    """Two inverted faces to choose, and a slider for the share of the way from one to the other.

    The faces are those of the runs in `out`, or of the run that `out` is. The way is that of `Way`:
    straight, with refined features that move along. *Look again* finds what was inverted since.
    """

    def __init__(self, out: str | Path = "runs/quickstart") -> None:
        self.face, self.message = Face(), Note()
        self.pair = FacePair(out, ("from", "to"), "A morph", self.choose)
        self.share = ipywidgets.FloatSlider(
            0.5,
            min=0.0,
            max=1.0,
            step=STEP,
            description="share",
            readout_format=".0%",
            layout=WIDE,
            style=LABELS,
        )
        self._way: Way | None = None
        super().__init__()
        self.look()
        self.share.observe(self.render, "value")

    def look(self) -> None:
        """Look for inverted faces; keep the choices where they are still there."""
        self.pair.look()

    def choose(self) -> None:
        """Read the two faces that are chosen, and show the share of the way between them."""
        self.children = [self.pair]
        if not self.pair.is_whole:
            return
        self.children = [self.pair, self.face, self.share, self.message]
        self._way = None
        with self.message.told():
            paths = self.pair.paths
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
