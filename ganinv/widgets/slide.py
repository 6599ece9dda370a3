"""A slider over two pictures of one size: left of it the first, right of it the second."""

from collections.abc import Mapping
from typing import Any

import ipywidgets
import numpy as np

from ganinv.figures import shrink
from ganinv.widgets.shared import LARGE, Face

LINE = 1  # pixels to either side of where the pictures meet
SHADE = 40  # levels of grey of the line's edges


class Slide(ipywidgets.VBox):
    """Pictures (H, W, 3) of one size, by name; two of them are shown, and a slider parts them.

    The first two are chosen at the start. It is composed here, so that it works wherever widgets
    do.
    """

    def __init__(self, pictures: Mapping[str, np.ndarray]) -> None:
        self.pictures = {name: shrink(picture, LARGE) for name, picture in pictures.items()}
        names = list(self.pictures)
        self.face = Face(LARGE, "two pictures, parted by a line")
        short = {"width": "auto", "max_width": "48%"}
        self.left, self.right = (
            ipywidgets.Dropdown(options=names, value=name, layout=short) for name in names[:2]
        )
        self.share = ipywidgets.FloatSlider(
            0.5, min=0.0, max=1.0, step=0.01, readout=False, layout={"width": "auto"}
        )
        ends = ipywidgets.HBox(
            [self.left, self.right], layout={"justify_content": "space-between", "width": "100%"}
        )
        for control in (self.left, self.right, self.share):
            control.observe(self.draw, "value")
        super().__init__(
            [ends, self.face, self.share], layout={"width": f"{LARGE}px", "max_width": "100%"}
        )
        self.draw()

    def draw(self, _: Any = None) -> None:
        """Show both pictures as the slider stands."""
        left, right = self.pictures[self.left.value], self.pictures[self.right.value]
        self.face.draw(parted(left, right, self.share.value))


def parted(left: np.ndarray, right: np.ndarray, share: float) -> np.ndarray:
    """Put the left `share` of one picture (H, W, 3) before the rest of another, with a line."""
    at = round(share * left.shape[1])
    whole = np.concatenate([left[:, :at], right[:, at:]], axis=1)
    if 0 < at < whole.shape[1]:
        whole[:, max(at - 2 * LINE, 0) : at + 2 * LINE] = SHADE
        whole[:, max(at - LINE, 0) : at + LINE] = 255
    return whole
