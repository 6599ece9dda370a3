"""Pictures of results: difference maps, panels, curves, progress. Pictures are uint8 (H, W, 3)."""

import base64
import html
import io
import itertools
import math
import textwrap
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from PIL import Image, ImageDraw, ImageFont

DIFFERENCE_TOP = 0.5  # mean absolute difference on [0, 1] at which the colour scale ends
# Okabe and Ito's, darkened or lightened to a contrast of 3:1 on white and on a dark page, and two
# that lie farthest from them. In so narrow a band colour-blind eyes need marks and names as well
COLOURS = (
    *("#0072b2", "#d55e00", "#00875f", "#c2679c", "#a87000"),
    *("#7a33ff", "#5c93e5", "#7d7d7d"),
)
INK = "#1d1d1f"
PANEL, REFINED_PANEL = (12, 4.6), (15.6, 4.8)  # inches; the second has one picture more
TITLE = 70  # characters of a line above a curve
SHOWN_STEPS = (0, 5, 10, 25, 50, 100, 300)  # of a search on a strip, where most happens early
LAST_FRAME = 2.0  # seconds that an animation rests on its result
LABEL = 32  # pixels of the line below a frame that names its step


def difference_map(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Average the absolute difference over the channels, on [0, 1]: float (H, W)."""
    return np.abs(a.astype(np.float32) - b.astype(np.float32)).mean(2) / 255


def difference_image(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Colour the difference map, from black for none to yellow for `DIFFERENCE_TOP` and above."""
    scaled = (difference_map(a, b) / DIFFERENCE_TOP).clip(0, 1)
    return (matplotlib.colormaps["inferno"](scaled)[..., :3] * 255).round().astype(np.uint8)


def new_figure(width: float, height: float) -> Figure:
    """Make a matplotlib figure, in inches, that needs no display and no global state."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path | str, dpi: int = 110) -> None:
    """Write a figure in the format that the path's suffix names."""
    figure.savefig(path, format=str(path).rsplit(".", 1)[-1], dpi=dpi)


def pixels(figure: Figure, dpi: int = 110) -> np.ndarray:
    """Draw a figure as a picture, uint8 (H, W, 3)."""
    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(dpi)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def panel(
    target: np.ndarray,
    reconstruction: np.ndarray,
    *,
    title: str,
    caption: str,
    code: np.ndarray | None = None,
) -> Figure:
    """Draw target, reconstruction and their difference side by side, with a scale.

    `code` is what the latent alone renders, of a refined result: it comes after the target.
    """
    shown = {
        "target": target,
        "the code alone": code,
        "reconstruction": reconstruction,
        "mean absolute difference, of full range": difference_map(target, reconstruction),
    }
    pictures = {name: picture for name, picture in shown.items() if picture is not None}
    figure = new_figure(*(PANEL if code is None else REFINED_PANEL))
    axes = figure.subplots(1, len(pictures))
    for axis, (name, picture) in zip(axes, pictures.items(), strict=True):
        drawn = axis.imshow(picture, cmap="inferno", vmin=0, vmax=DIFFERENCE_TOP)
        axis.set_title(name, fontsize=10)
        axis.set_axis_off()
    scale = figure.colorbar(drawn, ax=axes[-1], fraction=0.046, extend="max")
    scale.ax.tick_params(labelsize=8)
    figure.suptitle(plain(title), fontsize=12, fontweight="bold")
    figure.supxlabel(plain(caption), fontsize=10)
    return figure


def plain(text: Any) -> str:
    """Make text that matplotlib can show: `$` would start a formula, a name may be no Unicode."""
    return str(text).encode("utf-8", "replace").decode().replace("$", r"\$")


def loss_curve(
    history: Sequence[Mapping[str, Any]],
    *,
    title: str,
    best_step: int,
    terms: Collection[str],
    ylabel: str = "loss",
) -> Figure:
    """Draw the loss per step on a log scale, with its terms where there are several.

    `terms` are the names that a column of the history may have as a term of the loss. A refinement
    has a loss of its own: it is parted from the search by a line, and no curve crosses that.
    """
    figure = new_figure(7, 4)
    axis = figure.subplots()
    by_phase = itertools.groupby(history, lambda row: row.get("phase"))
    phases = [list(rows) for _, rows in by_phase]
    drawn: dict[str, str] = {}  # colours by name: a term of two phases has one
    for number, rows in enumerate(phases):
        if number:
            _part(axis, (phases[number - 1][-1]["step"] + rows[0]["step"]) / 2)
        steps = [row["step"] for row in rows]
        for key in _columns(rows[0], terms):
            label = None if key in drawn else key  # once in the legend
            colour = drawn.setdefault(key, f"C{len(drawn)}")
            values = [row.get(key, math.nan) for row in rows]
            axis.plot(steps, values, label=label, color=colour, lw=1.6)
    best = next((row for row in history if row["step"] == best_step), None)
    if best:
        axis.plot(best_step, best["loss"], "o", color=INK, label=f"best, step {best_step}")
    _title(figure, title)
    axis.set(xlabel="step", ylabel=plain(ylabel))
    axis.grid(alpha=0.3, which="both")
    if history:
        plain_log(axis)
        axis.legend()
    return figure


def _title(figure: Figure, title: str) -> None:
    """Write a title above the whole figure, in lines that are as long as fits."""
    for letters in range(TITLE, 20, -10):
        text = figure.suptitle(plain(textwrap.fill(title, letters)), fontsize=11)
        if text.get_window_extent().width <= 0.97 * figure.bbox.width:
            return


def _columns(row: Mapping[str, Any], terms: Collection[str]) -> list[str]:
    """The columns of a history that are drawn: the loss, and its terms where it has several."""
    shown = [name for name in row if name in terms]
    return ["loss", *shown] if len(shown) > 1 else ["loss"]


def _part(axis, step):
    """Draw the line at which a refinement begins, its name beside it at the top."""
    axis.axvline(step, color=INK, lw=0.8)
    place = dict(xycoords=("data", "axes fraction"), xytext=(4, -4), textcoords="offset points")
    axis.annotate("refinement", (step, 1), va="top", fontsize=8, **place)


def plain_log(axis: Axes) -> None:
    """Give an axis a log scale with plain numbers: 0.6, not 6 × 10⁻¹."""
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    # over less than a decade, few numbers are powers of ten
    subs = (1, 2, 5) if high > 8 * low else (1, 1.5, 2, 3, 4, 5, 6, 8)
    axis.yaxis.set_major_locator(LogLocator(subs=subs))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())


def progress_frames(
    snapshots: Sequence[tuple[int, np.ndarray]], *, refined_after: float = math.inf
) -> list[np.ndarray]:
    """Write its step below each snapshot (step, picture); the last one is the result.

    `refined_after` is the last step of the search: what comes after it is marked as refined.
    """
    frames = [
        _labelled(picture, f"step {step}{', refined' if step > refined_after else ''}")
        for step, picture in snapshots[:-1]
    ]
    return [*frames, _labelled(snapshots[-1][1], "result")]


def _labelled(picture, text):
    height, width = picture.shape[:2]
    frame = Image.new("RGB", (width, height + LABEL), "white")
    frame.paste(Image.fromarray(picture))
    font = ImageFont.load_default(22)
    ImageDraw.Draw(frame).text((width / 2, height + LABEL / 2), text, INK, font, anchor="mm")
    return np.asarray(frame)


def save_gif(frames: Sequence[np.ndarray], path: Path, seconds: float = 0.25) -> None:
    """Write an animation that shows a frame for `seconds`, rests on the last one and repeats."""
    first, *rest = [Image.fromarray(frame) for frame in frames]
    durations = [seconds * 1000] * len(rest) + [LAST_FRAME * 1000]
    duration = durations if rest else durations[0]  # Pillow takes no list for a single frame
    first.save(path, "GIF", save_all=True, append_images=rest, duration=duration, loop=0)


def told_steps(steps: Sequence[int], most: int = 8) -> list[int]:
    """Choose which of the pictures after so many `steps`, in order, a strip has: their places.

    All of up to `most`; else those nearest to `SHOWN_STEPS`, and the last.
    """
    if len(steps) <= most:
        return list(range(len(steps)))
    last = len(steps) - 1
    wanted = [step for step in SHOWN_STEPS if step < steps[last]]
    nearest = {min(range(last), key=lambda i: abs(steps[i] - step)) for step in wanted}
    return [*sorted(nearest), last]


def strip(frames: Sequence[np.ndarray], chosen: Sequence[int]) -> np.ndarray:
    """Put the chosen frames side by side."""
    return np.concatenate([frames[i] for i in chosen], axis=1)


def captioned(picture: np.ndarray, labels: Sequence[str], width: int) -> np.ndarray:
    """Put a line of labels above a picture, one every `width` pixels."""
    head = Image.new("RGB", (picture.shape[1], 28), "white")
    draw, font = ImageDraw.Draw(head), ImageFont.load_default(15)
    for i, label in enumerate(labels):
        draw.text((i * width + width / 2, 14), label, INK, font, anchor="mm")
    return np.concatenate([np.asarray(head), picture])


def shrink(picture: np.ndarray, width: int) -> np.ndarray:
    """Make a picture at most `width` pixels wide."""
    height = round(picture.shape[0] * width / picture.shape[1])
    if picture.shape[1] <= width:
        return picture
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX))


def data_uri(picture: np.ndarray, quality: int = 85) -> str:
    """Encode a picture as a WebP data URI, a third smaller than JPEG at the same quality."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "WEBP", quality=quality, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def image_html(
    picture: np.ndarray, *, alt: str, caption: str = "", width: int | None = None, css: str = ""
) -> str:
    """Encode a picture as an HTML figure that needs no other file; texts are escaped."""
    uri = data_uri(shrink(picture, width) if width else picture)
    shown = f'<img src="{uri}" alt="{html.escape(alt)}" style="max-width: 100%">'
    below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return f'<figure class="{css}" style="margin: 0">{shown}{below}</figure>'
