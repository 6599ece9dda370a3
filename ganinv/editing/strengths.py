"""Strengths of edits as they are written: in commands and in files' names. Needs no torch."""

import math
import re

from ganinv.errors import BadArgumentsError, printable, shorten

MOST = 100  # pictures of one edit


def parse_strengths(text: str) -> list[float]:
    """Read numbers with commas, in their order; those that are written alike once.

    Raises BadArgumentsError.
    """
    try:
        found = [float(part) for part in str(text).split(",")]
    except ValueError:
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise BadArgumentsError(
            f"--strength {shorten(printable(text))}: give numbers with commas, such as -2,-1,0,1,2"
        )
    if len(found) > MOST:
        raise BadArgumentsError(f"--strength: {len(found)} are too many; give {MOST} at most")
    return list({show_strength(x): x + 0.0 for x in found}.values())  # -0.0 becomes 0.0


def show_strength(strength: float) -> str:
    """Write a strength with its sign: +2, -1.5, +0."""
    return f"{strength + 0.0:+.10g}"


def is_strength(text: str) -> bool:
    """Tell whether a text is what `show_strength` writes."""
    try:
        return math.isfinite(float(text)) and show_strength(float(text)) == text
    except ValueError:
        return False


def file_word(direction: str) -> str:
    """Write a direction's name as files are called: sefa:0 as sefa-0, a file by its last part."""
    last = re.split(r"[/\\]", direction)[-1]
    return re.sub(r"[^\w.+-]+", "-", last).strip(".-") or "direction"
