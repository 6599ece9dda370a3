"""Rows of a latent as commands name them, read without torch: a wrong word is said at once."""

import re

from ganinv.errors import ParamsError, printable, shorten
from ganinv.params import did_you_mean

# rows of StyleGAN's W+ (arXiv 1812.04948, section 3.1): up to 8 pixels, up to 32, and above
GROUPS = {"coarse": range(4), "middle": range(4, 8), "fine": range(8, 64)}
ALL = "all"


def split_layers(layers: str) -> list[str | tuple[int, int]]:
    """Split "coarse,0-7,9" into what it names: words of `GROUPS`, and rows (first, last).

    "all" is [ALL]. Whether a generator has such rows is not looked at. Raises ParamsError.
    """
    text = str(layers).strip().lower()
    return [ALL] if text == ALL else [_part(part.strip(), layers) for part in text.split(",")]


def _part(part: str, layers: str) -> str | tuple[int, int]:
    if part in GROUPS:
        return part
    found = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part)
    if not found:
        hint = did_you_mean(part, [ALL, *GROUPS])
        raise ParamsError(
            f"layers: {shorten(printable(layers))} is not all, {', '.join(GROUPS)}, a row, a "
            "range such as 0-7, or several of these with commas" + (f"; {hint}" if hint else "")
        )
    return int(found[1]), int(found[2] or found[1])


def split_rows(rows: str) -> list[tuple[str, str]]:
    """Split "coarse=A,fine=B" into layers and names: [("coarse", "A"), ("fine", "B")].

    Raises ParamsError, also for layers that are none.
    """
    found = []
    for part in str(rows).split(","):
        layers, equals, name = part.partition("=")
        if not equals or not name.strip():
            raise ParamsError(
                f"rows: {shorten(printable(part))} is not like coarse=A, which says whose rows"
            )
        split_layers(layers)
        found.append((layers, name.strip()))
    return found
