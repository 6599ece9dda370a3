"""What the widgets share: faces shown in place, errors told as sentences, the generator kept."""

import contextlib
import html
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import ipywidgets
import numpy as np
import torch
import traitlets
from PIL import Image
from torch import Tensor

from ganinv.compute.device import resolve_device, resolve_precision
from ganinv.compute.render import make_preview
from ganinv.core_yaml import read_yaml
from ganinv.editing.sources import Code, fit_code, load_for
from ganinv.errors import GaninvError, printable
from ganinv.generators.base import Generator
from ganinv.images.pixels import box_resize, to_pil

SIDE = 512  # pixels of a face that is shown
LARGE = 768  # of a result
ROOM = "calc(100% - 4px)"  # what controls have beside their margins
TEXT = "line-height: 1.5; overflow-wrap: anywhere"  # else lines are as high as controls
LIVE = 0.3  # seconds: a picture that takes less is rendered while a slider moves
QUALITY = 95  # of JPEG, whose colours are as fine as its lines; PNG takes ten times as long

_kept: dict[tuple[str, str], Generator] = {}  # the last one: compiling it again takes seconds


class Face(ipywidgets.Image):
    """A face that is shown in place of the last one, `side` pixels wide, or as wide as there is
    room for; `alt` says to those who cannot see it what it is.

    A picture of ipywidgets has no description, but its page reads one where there is a tooltip.
    """

    description = traitlets.Unicode("").tag(sync=True)

    def __init__(self, side: int = SIDE, alt: str = "a face") -> None:
        self.side = side
        layout = {"width": f"{side}px", "max_width": ROOM, "height": "auto"}
        super().__init__(format="jpeg", layout=layout)
        self.tooltip = alt
        self.add_class("ganinv-face")

    def show(self, image: Tensor) -> None:
        """Show an image (3, H, W) in [-1, 1], averaged to `side` pixels."""
        self.draw(np.asarray(to_pil(box_resize(image[None].float(), self.side)[0])))

    def draw(self, picture: np.ndarray) -> None:
        """Show a picture (H, W, 3) of 8 bits as it is."""
        data = io.BytesIO()
        Image.fromarray(picture).save(data, format="JPEG", quality=QUALITY, subsampling=0)
        self.value = data.getvalue()


class Note(ipywidgets.HTML):
    """Lines of text; what stands in them is text, whatever it looks like."""

    def tell(self, *texts: object) -> None:
        """Show texts, each on a line, in place of the last ones."""
        lines = "<br>".join(html.escape(printable(text)) for text in texts)
        self.value = f'<div style="{TEXT}">{lines}</div>' if texts else ""

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Show an error that a user may see as a sentence, in a `with` statement."""
        try:
            yield
        except (GaninvError, OSError, torch.OutOfMemoryError) as error:
            self.tell(error)


def open_codes(codes: Sequence[Code]) -> tuple[Generator, list[Code]]:
    """Load the generator that all the codes belong to, on the best device; the last one is kept.

    Returns the codes as `fit_code` does. Raises BadArgumentsError or WeightsError, as `load_for`.
    """
    key = codes[0].sha256, codes[0].generator
    known = _kept.get(key) if len({code.sha256 for code in codes}) == 1 else None
    if known is not None and codes[0].sha256:
        return known, [fit_code(code, known) for code in codes]
    generator, fitted = load_for(codes, device=resolve_device("auto"))
    _kept.clear()
    _kept[key] = generator
    return generator, fitted


def keep_generator(generator: Generator) -> None:
    """Keep a generator that a search has loaded, for the codes that it finds."""
    _kept.clear()
    _kept[generator.sha256, generator.name] = generator


def preview_of(code: Code, generator: Generator) -> Callable[..., Tensor]:
    """Make the function that renders while sliders move, compiled where the code's search was."""
    return make_preview(
        resolve_precision("auto", generator.device), "on" if was_compiled(code.path) else "off"
    )


def was_compiled(latent: Path) -> bool:
    """Whether a latent's search was compiled: by params.yaml beside it or of its run, else not."""
    for folder in (latent.parent, latent.parent.parent):
        with contextlib.suppress(GaninvError, OSError):
            return bool(read_yaml(folder / "params.yaml").get("compile") == "on")
    return False
