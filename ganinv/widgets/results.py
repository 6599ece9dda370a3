"""A result on disk, shown large: a slider over photograph and reconstruction, numbers, files."""

import base64
import html
from pathlib import Path

import ipywidgets

from ganinv.errors import printable
from ganinv.figures import difference_image
from ganinv.images.pixels import to_uint8
from ganinv.inversion.latent_files import LATENT
from ganinv.inversion.refinement import REFINEMENT
from ganinv.inversion.result import Inversion
from ganinv.measures.reconstruction import metric_words
from ganinv.widgets.shared import TEXT
from ganinv.widgets.slide import Slide

PHOTO, FOUND, CODE, APART = "photograph", "reconstruction", "the latent alone", "difference"
LINK = "color: var(--jp-content-link-color, #0b57d0); text-decoration: underline"
FILES = {  # what they are
    "reconstruction.png": ("picture (PNG)", "image/png"),
    "progress.gif": ("the search (GIF)", "image/gif"),
    LATENT: ("latent", "application/octet-stream"),
    REFINEMENT: ("refinement", "application/octet-stream"),
}


class ResultView(ipywidgets.VBox):
    """An image's folder in a run and what was read from it: slider, metrics, links to files."""

    def __init__(self, folder: Path, found: Inversion) -> None:
        target, result = to_uint8(found.target), to_uint8(found.image)
        pictures = {PHOTO: target, FOUND: result}
        if found.code_image is not None:
            pictures[CODE] = to_uint8(found.code_image)
        pictures[APART] = difference_image(target, result)
        self.slide = Slide(pictures)
        self.numbers = ipywidgets.HTML(_numbers(found))
        self.files = ipywidgets.HTML(links(folder))
        super().__init__([self.slide, self.numbers, self.files])


def _numbers(found: Inversion) -> str:
    lines = [" · ".join(metric_words(found.metrics))]
    if found.code_metrics:
        lines.append("the latent alone: " + " · ".join(metric_words(found.code_metrics)))
    if found.stopped:
        lines.insert(0, found.stopped)
    return "".join(f'<div style="{TEXT}">{html.escape(line)}</div>' for line in lines)


def links(folder: Path) -> str:
    """Make links that save a result's files, named after its image, and say where they lie.

    The files are in the links themselves: a notebook's server, Colab and a page of one's own each
    have other addresses for them.
    """
    parts = []
    for name, (what, kind) in FILES.items():
        path = folder / name
        if not path.is_file():
            continue
        data = path.read_bytes()
        saved = html.escape(printable(f"{folder.name}-{name}"), quote=True)
        uri = f"data:{kind};base64,{base64.b64encode(data).decode()}"
        parts.append(f'<a style="{LINK}" href="{uri}" download="{saved}">{what}</a>')
        parts[-1] += f" {_size(len(data))}"
    place = html.escape(printable(folder))
    lines = f"Save: {' · '.join(parts)}<br>All files: <code>{place}</code>"
    return f'<div style="{TEXT}">{lines}</div>'


def _size(count: int) -> str:
    return f"({count / 1e6:.1f} MB)" if count >= 1e6 else f"({max(1, round(count / 1e3))} kB)"
